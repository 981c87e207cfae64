"""The speaker: cuts an answer into chunks that look like recorded traffic, each with its usage and its delay."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Iterable, Iterator

import msgspec

from headwater.story import tokens
from headwater.types import (
    Candidate,
    Content,
    FinishReason,
    FunctionCall,
    GenerateContentResponse,
    MediaModality,
    ModalityTokenCount,
    Part,
    UsageMetadata,
)

MODEL_VERSION = "headwater-offline-1"
_ORDER = tuple(MediaModality)


class Pace(msgspec.Struct, frozen=True):
    """How fast the storyteller speaks: seconds before the first chunk, then tokens a second (0: no waiting at all)."""

    first: float = 0.3
    rate: float = 100.0


class Beat(msgspec.Struct, frozen=True):
    """One step of a streamed answer: wait ``delay`` seconds, then send ``chunk``."""

    delay: float
    chunk: GenerateContentResponse


class Speech(msgspec.Struct, frozen=True):
    """A whole answer before it is cut: thoughts, then function calls, or text in pieces of any size."""

    text: Iterable[str] = ()
    thoughts: tuple[str, ...] = ()
    calls: tuple[FunctionCall, ...] = ()
    hidden: int = 0  # tokens of thoughts that are counted but not shown
    signature: bytes | None = None
    signs_apart: bool = False  # whether the signature comes on an empty part of its own, as newer models do


class Limits(msgspec.Struct, frozen=True):
    """Where an answer is cut."""

    stops: tuple[str, ...] = ()
    most: int | None = None


class _Piece(msgspec.Struct):
    """What goes into one chunk of one candidate."""

    parts: list[Part]
    spoken: int = 0
    thought: int = 0
    finish: FinishReason | None = None
    message: str | None = None


class Meter:
    """Counts the tokens of one response over all of its candidates."""

    def __init__(self, prompt: dict[MediaModality, int]) -> None:
        self.prompt = prompt
        self.spoken = 0
        self.thought = 0

    def usage(self) -> UsageMetadata:
        """Return the usage so far."""
        prompt = sum(self.prompt.values())
        return UsageMetadata(
            prompt_token_count=prompt,
            candidates_token_count=self.spoken or None,
            total_token_count=prompt + self.spoken + self.thought,
            prompt_tokens_details=modality_counts(self.prompt),
            thoughts_token_count=self.thought or None,
        )


def modality_counts(counts: dict[MediaModality, int]) -> list[ModalityTokenCount]:
    """Return the counts as the wire has them, text first."""
    ordered = sorted(counts.items(), key=lambda pair: _ORDER.index(pair[0]))
    return [ModalityTokenCount(modality=modality, token_count=number) for modality, number in ordered]


def speak(
    speeches: list[Speech], limits: Limits, prompt: dict[MediaModality, int], identity: bytes, pace: Pace
) -> Iterator[Beat]:
    """Yield the beats of a response; the candidates take turns."""
    meter = Meter(prompt)
    meter.thought = sum(speech.hidden for speech in speeches)
    response_id = base64.urlsafe_b64encode(identity[:17]).decode().rstrip("=")
    dice = [random.Random(identity + bytes([number % 256])) for number in range(len(speeches))]  # noqa: S311
    running = [(number, _pieces(speech, limits, dice[number])) for number, speech in enumerate(speeches)]
    first = True
    while running:
        for entry in list(running):
            piece = next(entry[1], None)
            if piece is None:
                running.remove(entry)
                continue
            yield _beat(piece, entry[0], meter, response_id, pace, first)
            first = False


def _beat(piece: _Piece, number: int, meter: Meter, response_id: str, pace: Pace, first: bool) -> Beat:
    meter.spoken += piece.spoken
    meter.thought += piece.thought
    content = Content(parts=piece.parts, role="model")
    chunk = GenerateContentResponse(
        candidates=[Candidate(content=content, finish_reason=piece.finish, finish_message=piece.message, index=number)],
        usage_metadata=meter.usage(),
        model_version=MODEL_VERSION,
        response_id=response_id,
    )
    waited = (piece.spoken + piece.thought) / pace.rate if pace.rate > 0 else 0.0
    return Beat(delay=pace.first if first else waited, chunk=chunk)


def _pieces(speech: Speech, limits: Limits, dice: random.Random) -> Iterator[_Piece]:
    for thought in speech.thoughts:
        yield _Piece([Part(text=thought, thought=True)], thought=tokens.count(thought))
    if speech.calls:
        parts = [Part(function_call=call) for call in speech.calls]
        parts[0].thought_signature = speech.signature
        spoken = sum(tokens.count(f"{call.name}{call.args}") for call in speech.calls)
        yield _Piece(parts, spoken=spoken, finish=FinishReason.STOP)
        return
    yield from _text_pieces(speech, limits, dice)


def _text_pieces(speech: Speech, limits: Limits, dice: random.Random) -> Iterator[_Piece]:
    """The text in chunks; the reason to finish comes with the last of them."""
    held: _Piece | None = None
    reason = FinishReason.STOP
    met = list[str]()
    for group in _groups(_until_stop(_tokens(speech.text), limits.stops, met), limits.most, dice):
        if group is None:
            reason = FinishReason.MAX_TOKENS
            break
        if held is not None:
            yield held
        held = _Piece([Part(text="".join(group))], spoken=len(group))
    last = held or _Piece([Part(text="")])
    if speech.signature is not None and speech.signs_apart:
        if held is not None:
            yield last
        last = _Piece([Part(text="", thought_signature=speech.signature)])
    last.finish = reason
    if met and reason is FinishReason.STOP:  # else the limit came first
        last.message = f"The text came to the stop sequence {met[0]!r}."
    yield last


def _tokens(pieces: Iterable[str]) -> Iterator[str]:
    for piece in pieces:
        yield from tokens.split(piece)


def _until_stop(stream: Iterator[str], stops: tuple[str, ...], met: list[str]) -> Iterator[str]:
    """The tokens before the first stop sequence, which may span any number of them; it is added to ``met``."""
    if not stops:
        yield from stream
        return
    longest = max(map(len, stops))
    held: list[str] = []
    for token in stream:
        held.append(token)
        text = "".join(held)
        ends = [(place, stop) for stop in stops if (place := text.find(stop)) >= 0]
        if ends:
            place, stop = min(ends)
            met.append(stop)
            yield from tokens.split(text[:place])
            return
        while held and len(text) - len(held[0]) >= longest - 1:
            text = text[len(held[0]) :]
            yield held.pop(0)
    yield from held


def _groups(stream: Iterator[str], most: int | None, dice: random.Random) -> Iterator[list[str] | None]:
    """Tokens in groups the size of a chunk: a short one first, then about ten. None at the end when there was more."""
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


def fold(beats: Iterable[Beat]) -> GenerateContentResponse:
    """Return the beats of a stream as one response."""
    parts: dict[int, list[Part]] = {}
    finish: dict[int, FinishReason | None] = {}
    messages: dict[int, str | None] = {}
    last: GenerateContentResponse | None = None
    for beat in beats:
        last = beat.chunk
        for candidate in last.candidates or []:
            number = candidate.index or 0
            content = candidate.content or Content()
            parts.setdefault(number, []).extend(content.parts or [])
            finish[number] = candidate.finish_reason or finish.get(number)
            messages[number] = candidate.finish_message or messages.get(number)
    assert last is not None
    candidates = [
        Candidate(
            content=Content(parts=_joined(found), role="model"),
            finish_reason=finish[number],
            finish_message=messages[number],
            index=number,
        )
        for number, found in sorted(parts.items())
    ]
    return GenerateContentResponse(
        candidates=candidates,
        usage_metadata=last.usage_metadata,
        model_version=last.model_version,
        response_id=last.response_id,
    )


def _joined(parts: list[Part]) -> list[Part]:
    """Neighbouring text parts of one kind become one part; a signature moves to the part before it."""
    result: list[tuple[Part, list[str]]] = []
    for part in parts:
        if (
            part.text is not None
            and result
            and result[-1][0].text is not None
            and result[-1][0].thought == part.thought
        ):
            result[-1][1].append(part.text)
            result[-1][0].thought_signature = part.thought_signature or result[-1][0].thought_signature
        else:
            fresh = Part(text=part.text, thought=part.thought, function_call=part.function_call)
            fresh.thought_signature = part.thought_signature
            result.append((fresh, [part.text or ""]))
    for part, texts in result:
        if part.text is not None:
            part.text = "".join(texts)
    return [part for part, _ in result]


def signature(identity: bytes) -> bytes:
    """Return a thought signature: opaque bytes, the same for the same answer."""
    return b"".join(hashlib.sha256(identity + bytes([number])).digest() for number in range(4))
