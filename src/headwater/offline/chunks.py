"""Cuts a draft into chunks that look like recorded traffic, each with its usage and its delay."""

from __future__ import annotations

import base64
import hashlib
import itertools
import random
from collections.abc import Iterable, Iterator

import msgspec

from headwater.offline import tokens
from headwater.types import (
    Candidate,
    Content,
    FinishReason,
    FunctionCall,
    GenerateContentResponse,
    GenerationConfig,
    MediaModality,
    ModalityTokenCount,
    Part,
    UsageMetadata,
)

MODEL_VERSION = "headwater-offline-2"
_MODALITIES = tuple(MediaModality)


class Pace(msgspec.Struct, frozen=True):
    """How fast an answer streams: seconds before the first chunk, then tokens a second (0: no waiting at all)."""

    first: float = 0.3
    rate: float = 100.0


class TimedChunk(msgspec.Struct, frozen=True):
    """A chunk of a stream, and the seconds to wait before it is sent."""

    delay: float
    chunk: GenerateContentResponse


class Draft(msgspec.Struct, frozen=True):
    """An answer before it is cut: thoughts, then function calls, or text in parts of any size."""

    text: Iterable[str] = ()
    thoughts: tuple[str, ...] = ()
    calls: tuple[FunctionCall, ...] = ()
    hidden_thoughts: int = 0  # tokens of thoughts that are counted and not shown
    signature: bytes | None = None
    signs_apart: bool = False  # whether the signature comes on an empty part of its own, as newer models do


class _Cut(msgspec.Struct):
    """What goes into one chunk of one candidate."""

    parts: list[Part]
    tokens: int = 0
    thought_tokens: int = 0
    finish: FinishReason | None = None
    message: str | None = None


class _Meter(msgspec.Struct):
    """Counts the tokens of one response over all of its candidates."""

    prompt: dict[MediaModality, int]
    thoughts: int
    tokens: int = 0
    cached: int = 0


def modality_counts(counts: dict[MediaModality, int]) -> list[ModalityTokenCount]:
    """Return counts as the wire has them, text first."""
    ordered = sorted(counts.items(), key=lambda pair: _MODALITIES.index(pair[0]))
    return [ModalityTokenCount(modality=modality, token_count=number) for modality, number in ordered]


def cut(
    drafts: list[Draft],
    config: GenerationConfig,
    prompt: dict[MediaModality, int],
    identity: bytes,
    pace: Pace,
    *,
    cached: int = 0,
) -> Iterator[TimedChunk]:
    """Yield the chunks of a response, cut where ``config`` says; its candidates take turns.

    ``cached`` of the tokens of the prompt come from a cache.
    """
    meter = _Meter(prompt, sum(draft.hidden_thoughts for draft in drafts), cached=cached)
    response_id = base64.urlsafe_b64encode(identity[:17]).decode().rstrip("=")
    running = [
        (number, _cuts(draft, config, random.Random(identity + bytes([number]))))  # noqa: S311
        for number, draft in enumerate(drafts)
    ]
    # Only the first chunk of the response waits for `first`; the other candidates begin right after it.
    delay: float | None = pace.first
    while running:
        for entry in list(running):
            number, cuts = entry
            piece = next(cuts, None)
            if piece is None:
                running.remove(entry)
                continue
            waited = (piece.tokens + piece.thought_tokens) / pace.rate if pace.rate > 0 else 0.0
            yield TimedChunk(waited if delay is None else delay, _chunk(piece, number, meter, response_id))
            delay = None


def _chunk(piece: _Cut, number: int, meter: _Meter, response_id: str) -> GenerateContentResponse:
    meter.tokens += piece.tokens
    meter.thoughts += piece.thought_tokens
    content = Content(parts=piece.parts, role="model")
    return GenerateContentResponse(
        candidates=[Candidate(content=content, finish_reason=piece.finish, finish_message=piece.message, index=number)],
        usage_metadata=_usage(meter),
        model_version=MODEL_VERSION,
        response_id=response_id,
    )


def _usage(meter: _Meter) -> UsageMetadata:
    prompt = sum(meter.prompt.values())
    return UsageMetadata(
        prompt_token_count=prompt,
        candidates_token_count=meter.tokens or None,
        total_token_count=prompt + meter.tokens + meter.thoughts,
        prompt_tokens_details=modality_counts(meter.prompt),
        thoughts_token_count=meter.thoughts or None,
        cached_content_token_count=meter.cached or None,
    )


def _cuts(draft: Draft, config: GenerationConfig, dice: random.Random) -> Iterator[_Cut]:
    for thought in draft.thoughts:
        yield _Cut([Part(text=thought, thought=True)], thought_tokens=tokens.count(thought))
    if draft.calls:
        parts = [Part(function_call=call) for call in draft.calls]
        parts[0].thought_signature = draft.signature
        number = sum(tokens.count_value([call.name, call.args]) for call in draft.calls)
        yield _Cut(parts, tokens=number, finish=FinishReason.STOP)
        return
    yield from _text_cuts(draft, config, dice)


def _text_cuts(draft: Draft, config: GenerationConfig, dice: random.Random) -> Iterator[_Cut]:
    """The text in chunks; the finish reason is on the last of them, so one is always held back."""
    held: _Cut | None = None
    reason = FinishReason.STOP
    met: list[str] = []
    stops = tuple(stop for stop in config.stop_sequences or () if stop)
    stream = _until_stop(itertools.chain.from_iterable(map(tokens.split, draft.text)), stops, met)
    for group in _groups(stream, config.max_output_tokens, dice):
        if group is None:
            reason = FinishReason.MAX_TOKENS
            break
        if held is not None:
            yield held
        held = _Cut([Part(text="".join(group))], tokens=len(group))
    last = held or _Cut([Part(text="")])
    # Newer models sign on an empty part of its own, so the finish reason moves there.
    if draft.signature is not None and draft.signs_apart:
        if held is not None:
            yield last
        last = _Cut([Part(text="", thought_signature=draft.signature)])
    last.finish = reason
    # Otherwise the limit was reached before the stop sequence.
    if met and reason is FinishReason.STOP:
        last.message = f"The text came to the stop sequence {met[0]!r}."
    yield last


def _until_stop(stream: Iterator[str], stops: tuple[str, ...], met: list[str]) -> Iterator[str]:
    """The tokens before the first stop sequence, which may span any number of them; it is added to ``met``."""
    if not stops:
        yield from stream
        return
    # A token may be sent once no stop sequence can begin in it any more; `prompt` bounds how long a sequence may be.
    longest = max(map(len, stops))
    held: list[str] = []
    text = ""
    for token in stream:
        held.append(token)
        text += token
        found = [(place, stop) for stop in stops if (place := text.find(stop)) >= 0]
        if found:
            place, stop = min(found)
            met.append(stop)
            yield from tokens.split(text[:place])
            return
        while held and len(text) - len(held[0]) >= longest - 1:
            text = text[len(held[0]) :]
            yield held.pop(0)
    yield from held


def _groups(stream: Iterator[str], most: int | None, dice: random.Random) -> Iterator[list[str] | None]:
    """Tokens in groups the size of a chunk: a short one first, then about ten. None at the end if there was more."""
    size, group = dice.randint(1, 3), list[str]()
    for number, token in enumerate(stream, 1):
        if most is not None and number > most:
            if group:
                yield group
            yield None
            return
        group.append(token)
        if len(group) >= size:
            yield group
            group = []
            size = dice.randint(4, 7) if number < 8 else dice.randint(7, 13)
    if group:
        yield group


def fold(timed: Iterable[TimedChunk]) -> GenerateContentResponse:
    """Return the chunks of a stream as one response."""
    candidates: dict[int, Candidate] = {}
    parts: dict[int, list[Part]] = {}
    last = GenerateContentResponse()
    for entry in timed:
        last = entry.chunk
        for candidate in last.candidates or []:
            number = candidate.index or 0
            candidates[number] = candidate
            parts.setdefault(number, []).extend((candidate.content and candidate.content.parts) or [])
    for number, candidate in candidates.items():
        candidate.content = Content(parts=_merged(parts[number]), role="model")
    last.candidates = [candidates[number] for number in sorted(candidates)]
    return last


def _merged(parts: list[Part]) -> list[Part]:
    """Neighbouring text parts of one kind become one part; a signature moves to the part before it."""
    result: list[Part] = []
    for (is_text, _), run in itertools.groupby(parts, lambda part: (part.text is not None, part.thought)):
        first, *others = run
        # As in the API: the signature on the empty last part of a stream is on the text of a unary answer.
        for part in others if is_text else ():
            first.thought_signature = part.thought_signature or first.thought_signature
        if is_text:
            first.text = "".join(part.text or "" for part in (first, *others))
        result += [first] if is_text else [first, *others]
    return result


def signature(identity: bytes) -> bytes:
    """Return a thought signature: opaque bytes, the same for the same answer."""
    return b"".join(hashlib.sha256(identity + bytes([number])).digest() for number in range(4))
