"""Another end of the line that can go on with an answer, and a line that is cut: everything in memory, on no clock."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from headwater.core.machine.config import MachineConfig
from headwater.core.machine.machine import Machine
from headwater.core.machine.policy import Retry
from headwater.core.machine.steps import STEPS, Close, Open, Read, Stop, TransportError, Wait
from headwater.core.wire.request import HttpRequest
from headwater.errors import HeadwaterError
from headwater.types import GenerateContentResponse
from tests.support.corpus_cases import ANSWERS
from tests.support.servers import sse

ASKED = {"contents": [{"role": "user", "parts": [{"text": "Tell me."}]}], "generationConfig": {"maxOutputTokens": 500}}
#: As often as a line is cut here, the call is begun again.
PATIENT = Retry(attempts=5, initial_delay=0.0, jitter=0.0)
ALPHABET = 'abcdefgh  .,\n"\\<>\u00e9\u00df\u4e16\u754c\u3042\U0001f642\U0001f9d1\u200d\U0001f680\u0301\u2028'

Part = dict[str, Any]


def asking(body: dict[str, Any] | None = None) -> HttpRequest:
    """Return the request of a stream."""
    url = "http://api.test/v1/models/m:streamGenerateContent?alt=sse"
    return HttpRequest("POST", url, {"x-goog-api-key": "secret"}, json.dumps(body or ASKED).encode())


def document(
    parts: list[Part], *, finish: str | None = None, token: str | None = None, **fields: Any
) -> dict[str, Any]:
    """Return one chunk of the first candidate; ``token`` is its checkpoint."""
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    if token is not None:
        candidate["continuationToken"] = base64.b64encode(token.encode()).decode()
    return {"candidates": [candidate], "responseId": "r"} | fields


def some_answer(chance: random.Random) -> list[Part]:
    """Return the parts of an answer: perhaps thoughts, text of every kind of letter, perhaps calls of functions."""
    thoughts = [{"text": some_text(chance, 30), "thought": True} for _ in range(chance.choice((0, 0, 1, 3)))]
    texts = [{"text": some_text(chance, 60)} for _ in range(chance.randint(1, 6))]
    calls = [
        {"functionCall": {"name": "look", "id": f"c{number}", "args": {"at": some_text(chance, 10), "n": number}}}
        for number in range(chance.choice((0, 0, 1, 2)))
    ]
    return [*thoughts, *texts, *calls]


def some_text(chance: random.Random, longest: int) -> str:
    """Return a text of 1 to ``longest`` characters."""
    return "".join(chance.choices(ALPHABET, k=chance.randint(1, longest)))


class Uncut:
    """What an answer says, whatever the chunks it came in: for comparing."""

    def __init__(self, response: GenerateContentResponse | None) -> None:
        parts = response.parts if response is not None else []
        self.text = "".join(part.text for part in parts if part.text and not part.thought)
        self.thoughts = "".join(part.text for part in parts if part.text and part.thought)
        self.calls = [(part.function_call.name, part.function_call.args) for part in parts if part.function_call]


class Peer:
    """Says ``parts``, a chunk each; a subclass is able to go on. ``requests`` are those that came."""

    def __init__(self, parts: list[Part], chance: random.Random) -> None:
        self.parts = parts
        self.chance = chance
        self.requests: list[HttpRequest] = []

    def answer(self, request: HttpRequest) -> tuple[int, dict[str, str], bytes]:
        """Return the status, the headers and the body."""
        self.requests.append(request)
        return 200, {}, b"".join(map(sse, self.documents(self.parts)))

    def documents(self, parts: list[Part], *, first: int = 0) -> Iterator[dict[str, Any]]:
        """Yield the chunks that say ``parts``."""
        for number, part in enumerate(parts, 1):
            usage = {"promptTokenCount": 7, "candidatesTokenCount": number, "totalTokenCount": 7 + number}
            yield document([part], usageMetadata=usage, **self.checkpoint(first + number))
        yield document([{"text": ""}], finish="STOP")

    def checkpoint(self, number: int) -> dict[str, Any]:
        """Return what is said with the chunk after which ``number`` parts have been said."""
        return {}


class Keeping(Peer):
    """Keeps its streams, as headwater's server does: the rest of one is the very same chunks."""

    def answer(self, request: HttpRequest) -> tuple[int, dict[str, str], bytes]:
        self.requests.append(request)
        documents = list(self.documents(self.parts))
        if "Headwater-Stream" in request.headers:
            assert request.headers["Headwater-Stream"] == "s1"
            documents = documents[int(request.headers["Headwater-After"]) :]
        return 200, {"headwater-stream": "s1"}, b"".join(map(sse, documents))


class Checkpointing(Peer):
    """Gives tokens now and then; what comes after one is said again in other pieces, with tokens in other places."""

    def answer(self, request: HttpRequest) -> tuple[int, dict[str, str], bytes]:
        self.requests.append(request)
        token = json.loads(request.body or b"{}").get("continuationToken")
        start, offset = json.loads(base64.b64decode(token)) if token else (0, 0)
        self._is_first = token is None
        return 200, {}, b"".join(map(sse, self._rest(start, offset)))

    def _rest(self, start: int, offset: int) -> Iterator[dict[str, Any]]:
        for number, part in enumerate(self.parts[start:], start):
            text = part.get("text")
            if text is None:
                yield self._said(dict(part), number + 1, 0)
                continue
            while offset < len(text):
                size = self.chance.randint(1, 40)
                piece, offset = text[offset : offset + size], offset + size
                is_whole = offset >= len(text)
                yield self._said({**part, "text": piece}, number + is_whole, 0 if is_whole else offset)
            offset = 0
        yield document([{"text": ""}], finish="STOP")

    def _said(self, part: Part, number: int, offset: int) -> dict[str, Any]:
        is_first, self._is_first = self._is_first, False  # before a token, the model would be shown its own words
        token = json.dumps([number, offset]) if is_first or self.chance.random() < 0.3 else None
        if "functionCall" in part:
            part = {"functionCall": {**part["functionCall"], "id": f"again{self.chance.random()}"}}
        return document([part], token=token)


class Listening(Peer):
    """Goes on from the words that it is shown, after it has repeated the last ``repeats`` characters of them."""

    repeats = 0

    def answer(self, request: HttpRequest) -> tuple[int, dict[str, str], bytes]:
        self.requests.append(request)
        shown = json.loads(request.body or b"{}")["contents"][1:]
        text = "".join(part["text"] for part in self.parts)
        if shown:
            said = shown[0]["parts"][0]["text"]
            assert text.startswith(said), "it is shown what it has said"
            repeated = min(len(said), self.repeats)
            text = text[len(said) - (repeated if repeated >= 12 else 0) :]  # less could be meant
        sizes = iter(lambda: self.chance.randint(1, 30), 0)
        return 200, {}, b"".join(map(sse, self.documents(list(_in_pieces(text, sizes)))))


def _in_pieces(text: str, sizes: Iterator[int]) -> Iterator[Part]:
    while text:
        size = next(sizes)
        yield {"text": text[:size]}
        text = text[size:]


class Outcome:
    """What a reader got: ``chunks`` and ``error``, and the ``machine``."""

    def __init__(self, machine: Machine[Any]) -> None:
        self.machine = machine
        self.chunks: list[GenerateContentResponse] = []
        self.error: HeadwaterError | None = None

    @property
    def read(self) -> Uncut:
        """What the chunks say that the reader was given."""
        return Uncut(GenerateContentResponse(candidates=[{"content": {"parts": [
            part for chunk in self.chunks for part in chunk.parts
        ]}}]))  # fmt: skip


#: Given the body of an answer: what of it arrives, and how the line ends ("lost", or "" where it closes cleanly).
Cut = Callable[[bytes], tuple[bytes, str]]


def carry(peer: Peer, cut: Cut, **options: Any) -> Outcome:
    """Play a shell between a machine and ``peer``, over a line that does to each answer what ``cut`` says."""
    machine: Machine[Any] = Machine(ANSWERS, asking(), MachineConfig(**{"retry": PATIENT} | options))
    outcome, left, way = Outcome(machine), [b""], "lost"
    for _ in range(10_000):
        step = machine.next_step(0.0)
        if type(step) not in STEPS:
            outcome.chunks.append(step)
            continue
        match step:
            case Open(request):
                status, headers, body = peer.answer(request)
                arrives, way = cut(body)
                left = _pieces(arrives, peer.chance)
                machine.opened(status, headers, 0.0)
            case Read() if left:
                machine.received(left.pop(0), 0.0)
            case Read() if way:
                machine.failed(TransportError("lost", "cut"), 0.0)
            case Read():
                machine.received(b"", 0.0)
            case Stop(error):
                outcome.error = error
                return outcome
            case Close() | Wait():
                pass
    raise AssertionError("the machine goes round in circles")


def _pieces(data: bytes, chance: random.Random) -> list[bytes]:
    """``data`` as it may arrive."""
    places = sorted({chance.randrange(len(data) + 1) for _ in range(chance.choice((0, 1, 3)))} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(places)]


def cuts(count: int, chance: random.Random) -> Cut:
    """Return a line that is cut ``count`` times, at any byte, and holds then."""
    left = [count]

    def cut(body: bytes) -> tuple[bytes, str]:
        if not left[0]:
            return body, ""
        left[0] -= 1
        return body[: chance.randrange(len(body) + 1)], chance.choice(("lost", "lost", ""))

    return cut
