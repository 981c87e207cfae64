"""The front of the storyteller: a request in, beats, an answer, token counts or models out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from headwater.story import tokens
from headwater.story.check import check, check_contents
from headwater.story.compose import compose
from headwater.story.reading import read, request_id
from headwater.story.speak import Beat as Beat
from headwater.story.speak import Limits, fold, modality_counts, speak
from headwater.story.speak import Pace as Pace
from headwater.types import (
    CountTokensResponse,
    GenerateContentRequest,
    GenerateContentResponse,
    GenerationConfig,
    Model,
)

#: About as fast as a small model.
REALISTIC = Pace()
#: Without any waiting: for tests.
INSTANT = Pace(first=0.0, rate=0.0)

_LIMITS = (
    ("gemini-2.5-flash", "Gemini 2.5 Flash", 1_048_576, 65_536, True),
    ("gemini-2.5-flash-lite", "Gemini 2.5 Flash-Lite", 1_048_576, 65_536, True),
    ("gemini-2.5-pro", "Gemini 2.5 Pro", 1_048_576, 65_536, True),
    ("gemini-2.0-flash", "Gemini 2.0 Flash", 1_048_576, 8_192, False),
)
_NEWER = re.compile(r"gemini-(?:[3-9]|\d\d)")


def tell(request: GenerateContentRequest, *, model: str, pace: Pace = REALISTIC) -> Iterator[Beat]:
    """Return the answer as beats: wait ``delay`` seconds, then send ``chunk``. Each is made when it is asked for.

    Raises:
        APIError: the request makes no sense (400), or the model's name says that it does not exist (404).
    """
    check(request, model)
    config = request.generation_config or GenerationConfig()
    limits = Limits(tuple(stop for stop in config.stop_sequences or [] if stop), config.max_output_tokens)
    apart = _NEWER.search(model) is not None
    speeches = [compose(read(request, number), signs_apart=apart) for number in range(config.candidate_count or 1)]
    return speak(speeches, limits, tokens.count_request(request), request_id(request), pace)


def answer(request: GenerateContentRequest, *, model: str) -> GenerateContentResponse:
    """Return the same answer as ``tell`` in one piece.

    Raises:
        APIError: as for ``tell``.
    """
    return fold(tell(request, model=model, pace=INSTANT))


def count_tokens(request: GenerateContentRequest) -> CountTokensResponse:
    """Return how many tokens the request has, by the tokenizer that cuts the answers too.

    Raises:
        APIError: 400, the request has no contents.
    """
    check_contents(request)
    counts = tokens.count_request(request)
    return CountTokensResponse(total_tokens=sum(counts.values()), prompt_tokens_details=modality_counts(counts))


def models() -> list[Model]:
    """Return the models that the storyteller claims to know; it answers to any other name as well."""
    return [
        Model(
            name=f"models/{name}",
            version="headwater-offline-1",
            display_name=f"{title} (offline)",
            description="The offline storyteller of headwater under this name. No model answers here.",
            input_token_limit=inputs,
            output_token_limit=outputs,
            supported_actions=["generateContent", "countTokens"],
            temperature=1.0,
            max_temperature=2.0,
            top_p=0.95,
            top_k=64,
            thinking=thinking,
        )
        for name, title, inputs, outputs, thinking in _LIMITS
    ]
