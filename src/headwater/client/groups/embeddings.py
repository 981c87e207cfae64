"""The requests of ``embed_content`` and ``compute_tokens``, and the three forms in which embeddings arrive."""

from __future__ import annotations

from typing import Any

import msgspec

from headwater.client.request import build
from headwater.client.request.contents import to_contents, to_embed_contents
from headwater.client.request.platform import check_platform
from headwater.client.request.settings import Settings
from headwater.client.stream.dialects import LenientGemini
from headwater.core.wire.request import HttpRequest
from headwater.errors import UsageError
from headwater.types import (
    ComputeTokensConfig,
    ComputeTokensResponse,
    Content,
    ContentEmbedding,
    ContentEmbeddingStatistics,
    EmbedContentConfig,
    EmbedContentMetadata,
    EmbedContentResponse,
    HttpOptions,
    ModalityTokenCount,
    UsageMetadata,
)
from headwater.types.base import ApiModel
from headwater.types.response import ApiResponse


class WireStatistics(ApiModel):
    """The statistics of Vertex AI's ``predict``, which are in snake_case."""

    truncated: bool | None = None
    token_count: float | None = msgspec.field(default=None, name="token_count")
    tokens_details: list[ModalityTokenCount] | None = None


class WireEmbedding(ApiModel):
    """A vector with its statistics."""

    values: list[float] | None = None
    statistics: WireStatistics | None = None


class WirePrediction(ApiModel):
    """One prediction of ``predict``."""

    embeddings: WireEmbedding | None = None


class WireEmbeddings(ApiResponse):
    """The response to ``batchEmbedContents``, ``embedContent`` or ``predict``: one of the first three fields is set."""

    embeddings: list[WireEmbedding] | None = None
    embedding: WireEmbedding | None = None
    predictions: list[WirePrediction] | None = None
    metadata: EmbedContentMetadata | None = None
    truncated: bool | None = None
    usage_metadata: UsageMetadata | None = None


EMBEDDINGS = LenientGemini(WireEmbeddings)
TOKENS = LenientGemini(ComputeTokensResponse)


def embed_content(settings: Settings, model: str, contents: Any, config: Any) -> tuple[HttpRequest, HttpOptions | None]:
    """Return the request for the vectors of ``contents``, and its options.

    A list has a vector for each of its elements. Multimodal models (``gemini-embedding-2`` and later) read consecutive
    texts and parts as one content, as they read a prompt.

    Raises:
        UsageError: if the contents are empty or cannot be sent, or a field is for the other API.
    """
    config = build.to_config(config, EmbedContentConfig)
    path = build.model_path(model, settings)
    check_platform(config, vertexai=settings.vertexai)
    method, body = (_vertex if settings.vertexai else _developer)(path, contents, config)
    url = settings.url(f"{path}:{method}", config.http_options)
    return build.post(settings, url, body, config.http_options), config.http_options


def to_embeddings(wire: WireEmbeddings) -> EmbedContentResponse:
    """Return what arrived as google-genai has it, whichever of the three forms it had."""
    found = wire.embeddings
    if wire.predictions is not None:
        found = [entry.embeddings or WireEmbedding() for entry in wire.predictions]
    elif wire.embedding is not None:
        found = [wire.embedding]
    response = EmbedContentResponse(
        metadata=wire.metadata, truncated=wire.truncated, usage_metadata=wire.usage_metadata
    )
    if found is not None:
        response.embeddings = [_embedding(entry) for entry in found]
    if wire.embedding is not None and response.embeddings:
        response.embeddings[0].statistics = _statistics_of(wire)
    response.__dict__.update(wire.__dict__)  # ``raw`` and the headers
    return response


def compute_tokens(
    settings: Settings, model: str, contents: Any, config: Any
) -> tuple[HttpRequest, HttpOptions | None]:
    """Return the request for the tokens of ``contents``, and its options.

    Raises:
        UsageError: for the Developer API, which has no such method, or if the contents cannot be sent.
    """
    if not settings.vertexai:
        raise UsageError(
            "compute_tokens is for Vertex AI only, and this client speaks to the Gemini Developer API: "
            "count_tokens returns the number of tokens"
        )
    options = build.to_config(config, ComputeTokensConfig).http_options
    turns = to_contents(contents)
    check_platform(turns, vertexai=True)
    url = settings.url(f"{build.model_path(model, settings)}:computeTokens", options)
    return build.post(settings, url, {"contents": msgspec.to_builtins(turns)}, options), options


def _developer(path: str, contents: Any, config: EmbedContentConfig) -> tuple[str, dict[str, Any]]:
    turns = to_embed_contents(path, contents)
    check_platform(turns, vertexai=False)
    options = {
        "taskType": config.task_type,
        "title": config.title,
        "outputDimensionality": config.output_dimensionality,
        "model": path,
    }
    return "batchEmbedContents", {"requests": [{"content": _plain(turn)} | _present(options) for turn in turns]}


def _vertex(path: str, contents: Any, config: EmbedContentConfig) -> tuple[str, dict[str, Any]]:
    name = path.rpartition("/")[2]
    if "gemini" not in name and "maas" not in name:
        return "predict", _prediction(path, contents, config)
    turns = to_contents(contents) if "maas" in name else to_embed_contents(path, contents)
    check_platform(turns, vertexai=True)
    options = _present(
        {
            "taskType": config.task_type,
            "title": config.title,
            "outputDimensionality": config.output_dimensionality,
            "autoTruncate": config.auto_truncate,
            "documentOcr": config.document_ocr,
            "audioTrackExtraction": config.audio_track_extraction,
        }
    )
    requests = [{"content": _plain(turn)} | ({"embedContentConfig": options} if options else {}) for turn in turns]
    if len(requests) == 1:
        return "embedContent", requests[0]
    if "maas" in name:
        raise UsageError(f"{name} embeds one content at a time: pass one, or call once for each")
    return "batchEmbedContents", {"requests": requests}


def _prediction(path: str, contents: Any, config: EmbedContentConfig) -> dict[str, Any]:
    """The body of ``predict``, for models that read texts only: one instance for each text."""
    parts = [part for turn in to_embed_contents(path, contents) for part in turn.parts or []]
    texts = [part.text for part in parts if part.text]
    if len(texts) < len(parts):
        raise UsageError("this model embeds texts only: pass texts, or use a gemini-embedding model")
    options = _present({"task_type": config.task_type, "title": config.title, "mimeType": config.mime_type})
    parameters = _present({"outputDimensionality": config.output_dimensionality, "autoTruncate": config.auto_truncate})
    instances = [{"content": text} | options for text in texts]
    return {"instances": instances} | ({"parameters": parameters} if parameters else {})


def _plain(turn: Content) -> Any:
    return msgspec.to_builtins(turn)


def _present(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _embedding(wire: WireEmbedding) -> ContentEmbedding:
    embedding = ContentEmbedding()
    embedding.values = wire.values  # past the conversion of each number, of which there are thousands
    if (statistics := wire.statistics) is not None:
        embedding.statistics = ContentEmbeddingStatistics(
            truncated=statistics.truncated,
            token_count=statistics.token_count,
            tokens_details=statistics.tokens_details,
        )
    return embedding


def _statistics_of(wire: WireEmbeddings) -> ContentEmbeddingStatistics:
    """What ``embedContent`` says beside its one vector."""
    usage = wire.usage_metadata or UsageMetadata()
    return ContentEmbeddingStatistics(
        truncated=wire.truncated or None,
        token_count=usage.prompt_token_count or None,
        tokens_details=usage.prompt_tokens_details or None,
    )
