"""Vectors from texts by hashing, and lists of tokens: what the API's other methods return, without a model.

A vector counts the words of a text, each at a place that its hash says, together with pairs of words and beginnings of
words. So equal texts have equal vectors, texts that share words have similar ones, and that is all: ``cat`` and
``kitten`` have nothing in common here.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
import zlib
from collections.abc import Iterator
from typing import Any

import msgspec

from headwater.errors import APIError, UsageError, api_error
from headwater.json_text import JSON_ERRORS
from headwater.offline import tokens
from headwater.types import Content, EmbedContentConfig, Part
from headwater.types.base import ApiModel, coerce

#: Numbers in a vector unless the request says otherwise, and at most.
DIMENSIONS = 3072
_OLD_DIMENSIONS = 768  # of text-embedding-004 and its relatives
#: Contents in one request.
MAX_CONTENTS = 100
#: Words of a content that count; the API truncates, too.
MAX_WORDS = 2_048
#: Characters whose tokens are listed.
MAX_CHARACTERS = 200_000
_WORD = re.compile(r"\w+")
_BEGINNING = 4
#: Methods of models that are answered here.
METHODS = frozenset({"embedContent", "batchEmbedContents", "predict", "computeTokens"})


class EmbedRequest(ApiModel):
    """One content to embed: of the Developer API, and of Vertex AI with its config apart."""

    content: Content | None = None
    model: str | None = None
    task_type: str | None = None
    title: str | None = None
    output_dimensionality: int | None = None
    auto_truncate: bool | None = None
    embed_content_config: EmbedContentConfig | None = None


class BatchEmbedRequest(ApiModel):
    """Contents to embed."""

    requests: list[EmbedRequest] | None = None


class PredictInstance(ApiModel):
    """A text to embed, as Vertex AI has it."""

    content: str | None = None
    task_type: str | None = None
    title: str | None = None
    mime_type: str | None = None


class PredictParameters(ApiModel):
    """What applies to all texts of a ``predict``."""

    output_dimensionality: int | None = None
    auto_truncate: bool | None = None


class PredictRequest(ApiModel):
    """Texts to embed, as Vertex AI has them."""

    instances: list[PredictInstance] | None = None
    parameters: PredictParameters | None = None


class ComputeTokensRequest(ApiModel):
    """Contents whose tokens are listed."""

    contents: list[Content] | None = None
    model: str | None = None


class _Embedded(msgspec.Struct):
    values: list[float]
    tokens: int
    truncated: bool
    characters: int


def call_method(method: str, body: bytes, *, model: str) -> dict[str, Any]:
    """Return the response to one of ``METHODS``.

    Raises:
        APIError: 400, if the request makes no sense.
    """
    match method:
        case "embedContent":
            return _embed_one(_read(body, EmbedRequest), model)
        case "batchEmbedContents":
            return _embed_batch(_read(body, BatchEmbedRequest), model)
        case "predict":
            return _predict(_read(body, PredictRequest), model)
    return _compute_tokens(_read(body, ComputeTokensRequest))


def embed(parts: list[Part], dimensions: int, title: str | None = None) -> list[float]:
    """Return the vector of a content, of length 1."""
    values = [0.0] * dimensions
    for feature, weight in _features(parts, title):
        number = zlib.crc32(feature)
        values[(number >> 1) % dimensions] += weight if number & 1 else -weight
    length = math.sqrt(sum(value * value for value in values))
    if not length:  # everything has cancelled out, or no word is in it
        values[zlib.crc32(repr(parts).encode()) % dimensions] = length = 1.0
    return [round(value / length, 8) for value in values]


def _features(parts: list[Part], title: str | None) -> Iterator[tuple[bytes, float]]:
    before = ""
    for word in _words(parts, title):
        yield word.encode("utf-8", "replace"), 1.0
        yield b"^" + word[:_BEGINNING].encode("utf-8", "replace"), 0.5
        yield f"{before} {word}".encode("utf-8", "replace"), 0.5
        before = word
    for part in parts:
        data = part.inline_data.data if part.inline_data is not None else None
        uri = part.file_data.file_uri if part.file_data is not None else None
        if data or uri:
            digest = hashlib.sha256(data or (uri or "").encode("utf-8", "replace")).digest()
            yield from ((digest + bytes([number]), 1.0) for number in range(16))


def _words(parts: list[Part], title: str | None) -> Iterator[str]:
    number = 0
    for text in [title, *(part.text for part in parts)]:
        for found in _WORD.finditer(text or ""):
            if number == MAX_WORDS:
                return
            number += 1
            yield found[0].lower()


def _embedded(content: Content | None, dimensions: int | None, title: str | None, model: str) -> _Embedded:
    parts = (content.parts if content is not None else None) or []
    if not any(part.text or part.inline_data is not None or part.file_data is not None for part in parts):
        raise _invalid("content contains an empty Part.")
    size = _dimensions(model) if dimensions is None else dimensions
    if not 1 <= size <= DIMENSIONS:
        raise _invalid(f"output_dimensionality must be between 1 and {DIMENSIONS}, not {size}")
    text = "".join(part.text or "" for part in parts)
    number = tokens.count(text)
    # As many matches as needed to know, and no more: a text may have millions of words.
    is_cut = sum(1 for _ in zip(range(MAX_WORDS + 1), _WORD.finditer(text), strict=False)) > MAX_WORDS
    return _Embedded(embed(parts, size, title), min(number, MAX_WORDS) if is_cut else number, is_cut, len(text))


def _dimensions(model: str) -> int:
    return DIMENSIONS if "gemini" in model else _OLD_DIMENSIONS


def _of_request(request: EmbedRequest, model: str) -> _Embedded:
    config = request.embed_content_config or EmbedContentConfig()
    dimensions = request.output_dimensionality or config.output_dimensionality
    return _embedded(request.content, dimensions, request.title or config.title, model)


def _embed_one(request: EmbedRequest, model: str) -> dict[str, Any]:
    found = _of_request(request, model)
    usage = {"promptTokenCount": found.tokens}
    cut = {"truncated": True} if found.truncated else {}
    return {"embedding": {"values": found.values}, "usageMetadata": usage, **cut}


def _embed_batch(request: BatchEmbedRequest, model: str) -> dict[str, Any]:
    found = [_of_request(one, model) for one in _some(request.requests, "requests")]
    usage = {"promptTokenCount": sum(one.tokens for one in found)}
    return {"embeddings": [{"values": one.values} for one in found], "usageMetadata": usage}


def _predict(request: PredictRequest, model: str) -> dict[str, Any]:
    size = request.parameters.output_dimensionality if request.parameters is not None else None
    found = [
        _embedded(Content(parts=[Part(text=one.content or "")]), size, one.title, model)
        for one in _some(request.instances, "instances")
    ]
    predictions = [
        {"embeddings": {"values": one.values, "statistics": {"truncated": one.truncated, "token_count": one.tokens}}}
        for one in found
    ]
    return {"predictions": predictions, "metadata": {"billableCharacterCount": sum(one.characters for one in found)}}


def _compute_tokens(request: ComputeTokensRequest) -> dict[str, Any]:
    contents = _some(request.contents, "contents")
    texts = ["".join(part.text or "" for part in content.parts or []) for content in contents]
    if sum(map(len, texts)) > MAX_CHARACTERS:
        raise _invalid(f"the tokens of at most {MAX_CHARACTERS:,} characters can be listed")
    return {"tokensInfo": [_tokens_info(content, text) for content, text in zip(contents, texts, strict=True)]}


def _tokens_info(content: Content, text: str) -> dict[str, Any]:
    found = [token.encode("utf-8", "replace") for token in tokens.split(text)]
    return {
        "role": content.role or "user",
        "tokenIds": [str(zlib.crc32(token) % 262_144) for token in found],
        "tokens": [base64.b64encode(token).decode() for token in found],
    }


def _some(values: list[Any] | None, name: str) -> list[Any]:
    if not values:
        raise _invalid(f"* {name}: is not specified")
    if len(values) > MAX_CONTENTS and name != "contents":
        raise _invalid(f"at most {MAX_CONTENTS} {name} can be in one batch, not {len(values)}")
    return values


def _read(body: bytes, kind: Any) -> Any:
    try:
        request = coerce(msgspec.json.decode(body or b"{}"), kind, "the request")
    except (UsageError, *JSON_ERRORS) as error:
        raise _invalid(f"Invalid JSON payload received. {error}") from error
    # An explicit null is an absent field everywhere else, but a request has to be an object.
    if request is None:
        raise _invalid("Invalid JSON payload received. the request: expected an object, not null")
    return request


def _invalid(message: str) -> APIError:
    return api_error(400, message, status="INVALID_ARGUMENT")
