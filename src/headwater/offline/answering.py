"""The front of the offline engine: a request in; chunks, a response, token counts or models out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from headwater.contract.defaults import DEFAULT_MODEL
from headwater.offline import code, poems, prose, replies, stories, tokens
from headwater.offline.chunks import MODEL_VERSION, Draft, Pace, TimedChunk, cut, fold, modality_counts, signature
from headwater.offline.functions import decide_calls, report_results
from headwater.offline.prompt import Prompt, check, check_contents, digest_of, read
from headwater.offline.schemas import Budget, Maker, choices_of
from headwater.offline.tasks import Task, task_of
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

_MODELS = (
    (DEFAULT_MODEL, "Gemini 3.8 Flash"),
    ("gemini-3-flash-preview", "Gemini 3 Flash"),
    ("gemini-2.5-flash", "Gemini 2.5 Flash"),
    ("gemini-2.5-flash-lite", "Gemini 2.5 Flash-Lite"),
    ("gemini-2.5-pro", "Gemini 2.5 Pro"),
    ("gemini-2.0-flash", "Gemini 2.0 Flash"),
)
_EVERY_MODEL: dict[str, Any] = {
    "version": MODEL_VERSION, "input_token_limit": 1_048_576, "output_token_limit": 65_536, "thinking": True,
    "description": "The offline engine of headwater under this name: rules and word lists, no language model.",
    "supported_actions": ["generateContent", "countTokens"], "temperature": 1.0, "max_temperature": 2.0, "top_p": 0.95,
    "top_k": 64,
}  # fmt: skip
_NEWER = re.compile(r"gemini-(?:[3-9]|\d\d)")


#: What may need thousands of values, and the size from which reading takes milliseconds.
_COSTLY = (b"chema", b"eclarations", b"candidate")
_QUICK_BYTES = 16_384


def is_quick(body: bytes) -> bool:
    """Return whether the answer to the JSON ``body`` begins within milliseconds; if not, a thread should make it."""
    return len(body) < _QUICK_BYTES and not any(word in body for word in _COSTLY)


def stream(
    request: GenerateContentRequest, *, model: str, pace: Pace = REALISTIC, cached: int = 0
) -> Iterator[TimedChunk]:
    """Return the answer as timed chunks: wait ``delay`` seconds, then send ``chunk``.

    ``cached`` of the prompt's tokens come from a cache, which only shows in the usage.
    The call itself reads the whole request and can take long; each chunk after it is quick to make.

    Raises:
        APIError: 400 if the request makes no sense, 404 if the model's name says that it does not exist.
    """
    check(request, model)
    config = request.generation_config or GenerationConfig()
    signs_apart = _NEWER.search(model) is not None
    # One for all candidates and calls: eight candidates do not get eight times as much.
    budget = Budget()
    candidates = range(config.candidate_count or 1)
    drafts = [_draft(read(request, number), budget, signs_apart=signs_apart) for number in candidates]
    return cut(drafts, config, tokens.count_request(request), digest_of(request, config.seed, 0), pace, cached=cached)


def answer(request: GenerateContentRequest, *, model: str, cached: int = 0) -> GenerateContentResponse:
    """Return the same answer as ``stream`` in one response.

    Raises:
        APIError: as for ``stream``.
    """
    return fold(stream(request, model=model, pace=INSTANT, cached=cached))


def count_tokens(request: GenerateContentRequest) -> CountTokensResponse:
    """Return how many tokens the request has.

    Raises:
        APIError: 400 if the request has no contents.
    """
    check_contents(request)
    counts = tokens.count_request(request)
    return CountTokensResponse(total_tokens=sum(counts.values()), prompt_tokens_details=modality_counts(counts))


def list_models() -> list[Model]:
    """Return the models that the offline engine lists; it answers to any other name as well."""
    return [Model(name=f"models/{name}", display_name=f"{title} (offline)", **_EVERY_MODEL) for name, title in _MODELS]


def _draft(prompt: Prompt, budget: Budget, *, signs_apart: bool) -> Draft:
    """Decide what kind of answer a prompt gets; its text is written while it is read."""
    task = task_of(prompt)
    thoughts = _thoughts(prompt, task) if prompt.thinking is not None else ()
    shown = thoughts if prompt.thinking is not None and prompt.thinking.include_thoughts else ()
    hidden = 0 if shown else sum(tokens.count(thought) for thought in thoughts)
    mark = signature(prompt.digest) if thoughts or signs_apart else None
    # After results the answer is in words: a second round of calls would never end.
    calls = () if prompt.results else decide_calls(prompt, budget)
    if calls:
        return Draft(thoughts=shown, calls=calls, hidden_thoughts=hidden, signature=mark)
    text = _text(prompt, task, budget)
    return Draft(text, shown, hidden_thoughts=hidden, signature=mark, signs_apart=signs_apart)


def _text(prompt: Prompt, task: Task, budget: Budget) -> Iterable[str]:
    if prompt.results:
        return [report_results(prompt)]
    structured = _structured(prompt, budget)
    if structured is not None:
        return [structured]
    reply = replies.short_reply(prompt)
    return [reply] if reply else _prose(prompt, task) or [replies.honest_paragraph(prompt)]


def _prose(prompt: Prompt, task: Task) -> Iterable[str] | None:
    """The answer to a recognised task; None if the engine has none."""
    if task.kind == "summary":
        summary = replies.summary_of(prompt, task)
        return [summary] if summary else None
    # Whatever should be written about a file would be made up.
    if prompt.media:
        return None
    match task.kind:
        case "story":
            return stories.tell(task, prompt.dice("story"))
        case "poem" | "haiku":
            return poems.recite(task, prompt.dice("poem"))
        case "essay" | "guide":
            return prose.essay(task, prompt.dice("essay"))
        case "explanation":
            return None if prompt.material else prose.outline(task)
        case "list":
            return prose.listing(task, prompt.dice("list"))
    program = code.program(prompt.instruction)
    return [program] if program else None


def _thoughts(prompt: Prompt, task: Task) -> tuple[str, ...]:
    """Two thoughts, each with a heading as the models write it."""
    kind = f"{task.kind or 'nothing that it can do'}{f' about {task.topic}' if task.topic else ''}"
    words = f"{task.length.words} words" if task.length.words else "the usual length"
    return (
        f"**Reading the request**\n\nBy the rules of the offline engine, the last turn asks for this: {kind}.\n\n\n",
        f"**Planning the answer**\n\nI aim for {words}. Nothing will be claimed that would have to be known.\n\n\n",
    )


def _structured(prompt: Prompt, budget: Budget) -> str | None:
    """The answer as JSON or as one value of an enum; None if plain text is wanted."""
    config = prompt.config
    schema = config.response_json_schema if config.response_json_schema is not None else config.response_schema
    if config.response_mime_type == "text/x.enum":
        return str(Maker(prompt, schema, budget).make(schema)) if choices_of(schema) else "UNKNOWN"
    value: object = {"offline": True, "model": MODEL_VERSION, "note": replies.honest_paragraph(prompt)}
    if schema is not None and schema is not False:
        value = Maker(prompt, schema, budget).make(schema)
    elif config.response_mime_type != "application/json":
        return None
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
