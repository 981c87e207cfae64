"""Recorded traffic and the tables outside the repository, and a way to drive a machine through given bytes.

The data lies in a ``shared/`` directory beside the checkout, or where ``HEADWATER_SHARED`` says; what needs it is
skipped where it is absent. Nothing of it is copied into the repository.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from headwater.core.machine.config import MachineConfig
from headwater.core.machine.machine import Machine
from headwater.core.machine.policy import Retry
from headwater.core.machine.steps import STEPS, Close, Open, Read, Stop, Wait
from headwater.core.wire.gemini import Gemini
from headwater.core.wire.request import HttpRequest
from headwater.errors import HeadwaterError
from headwater.types import GenerateContentResponse, Part

ONCE = Retry(attempts=1)
REQUEST = HttpRequest("POST", "http://api.test/v1/models/m:streamGenerateContent?alt=sse", {"x-goog-api-key": "secret"})
ANSWERS = Gemini(GenerateContentResponse)
#: Bodies up to this size are also served a byte at a time, larger ones in sevens.
BYTE_BY_BYTE = 20_000
#: google-genai's names for the numbers that some endpoints send.
_NUMBERED = {1: "STOP", 2: "MAX_TOKENS"}


def shared(path: str) -> Path | None:
    """Return ``path`` in the shared directory; None where that is absent."""
    named = os.environ.get("HEADWATER_SHARED")
    roots = [Path(named)] if named else [parent.parent / "shared" for parent in Path(__file__).resolve().parents]
    return next((root / path for root in roots if (root / path).exists()), None)


def table(path: str) -> dict[str, Any]:
    """Return a JSON table of the shared directory, or skip the test."""
    found = shared(path)
    if found is None:
        pytest.skip(f"no shared/{path} beside the checkout, and HEADWATER_SHARED does not name one")
    document = json.loads(found.read_text("utf-8"))
    assert isinstance(document, dict)
    return document


class Case(NamedTuple):
    """One recorded answer and what it holds."""

    id: str
    meta: dict[str, Any]
    body: bytes

    @property
    def status(self) -> int:
        """The HTTP status it came with."""
        return int(self.meta["http_status"])

    @property
    def content_type(self) -> str:
        """The content type it came with."""
        return str(self.meta.get("content_type") or "application/json")

    @property
    def expected(self) -> dict[str, Any]:
        """What ``expected.py`` says it holds, a finish reason's number replaced by its name."""
        return _named(self.meta["expected"])


@cache
def cases(*methods: str) -> list[Case]:
    """Return the recorded cases of these methods; none where there is no corpus."""
    root = shared("corpus")
    found = [] if root is None else [load_case(path) for path in sorted(root.glob("*/*/meta.json"))]
    return [case for case in found if case.meta["method"] in methods]


def some_cases(*methods: str) -> list[Case]:
    """Return the recorded cases, or skip the test."""
    found = cases(*methods)
    if not found:
        pytest.skip("no recorded traffic beside the checkout, and HEADWATER_SHARED does not name any")
    return found


def odd_cases() -> list[Case]:
    """Return the recorded cases that are not what the API promises, or skip the test."""
    root = shared("corpus-odd")
    if root is None:
        pytest.skip("no odd recorded traffic beside the checkout, and HEADWATER_SHARED does not name any")
    return [load_case(path) for path in sorted(root.glob("*/meta.json"))]


def load_case(path: Path) -> Case:
    """Return the case that a ``meta.json`` describes."""
    meta = json.loads(path.read_text("utf-8"))
    case = f"{path.parent.parent.name}/{path.parent.name}"
    return Case(case, meta, (path.parent / meta["response_file"]).read_bytes())


def _named(expected: dict[str, Any]) -> dict[str, Any]:
    result = dict(expected)
    if "partial" in result:
        result["partial"] = _named(result["partial"])
    if isinstance(result.get("finish_reason"), int):
        result["finish_reason"] = _NUMBERED[result["finish_reason"]]
    return result


class Refused(NamedTuple):
    """The error that a case expects."""

    code: int
    status: str | None
    message: str | None


def refused(error: str) -> Refused | None:
    """Return what ``expected.py`` says of an error that the API sent; None where the bytes are no answer at all."""
    match = re.match(r"HTTP (\d+): body is not a JSON error", error)
    if match:
        return Refused(int(match[1]), None, None)
    match = re.match(r"(?s)(?:HTTP|error payload at \d+:|error object after the events:) (\d+) ?(\w*): (.*)", error)
    return Refused(int(match[1]), match[2] or None, match[3]) if match else None


def facts(answer: GenerateContentResponse | None, *, count: int) -> dict[str, Any]:
    """Return what an answer holds, in the words of ``expected.py``."""
    by_index = {candidate.index or 0: candidate for candidate in (answer and answer.candidates) or ()}
    first = by_index.pop(0, None)
    parts = (first.content and first.content.parts if first else None) or []
    calls = [part.function_call for part in parts if part.function_call is not None]
    result: dict[str, Any] = {
        "text": _text(parts, thought=False),
        "thought_text": _text(parts, thought=True),
        "finish_reason": first.finish_reason.value if first and first.finish_reason is not None else None,
        "function_calls": [
            {"name": call.name, "args": call.args or {}} | ({"id": call.id} if call.id else {}) for call in calls
        ],
        "total_token_count": answer.usage_metadata.total_token_count if answer else None,
        "n_chunks": count,
    }
    feedback = answer.prompt_feedback if answer else None
    if feedback is not None and feedback.block_reason is not None:
        result["block_reason"] = feedback.block_reason.value
    if by_index:
        others = {index: (other.content and other.content.parts) or [] for index, other in by_index.items()}
        result["other_candidates_text"] = {str(i): _text(parts, thought=False) for i, parts in others.items()}
    return result


def _text(parts: Iterable[Part], *, thought: bool) -> str:
    return "".join(part.text for part in parts if part.text and bool(part.thought) is thought)


def pieces(body: bytes, cut: str, seed: str = "") -> Iterator[bytes]:
    """Return ``body`` ``whole``, in single ``bytes`` (sevens where it is large) or in ``random`` cuts."""
    if cut == "whole":
        return iter([body] if body else [])
    if cut == "bytes":
        return iter(slices(body, 1 if len(body) <= BYTE_BY_BYTE else 7))
    return _random_pieces(body, random.Random(seed))


def slices(body: bytes, size: int) -> list[bytes]:
    """Return ``body`` in pieces of ``size``."""
    return [body[at : at + size] for at in range(0, len(body), size)]


def _random_pieces(body: bytes, chance: random.Random) -> Iterator[bytes]:
    at = 0
    while at < len(body):
        size = chance.choice((1, 2, 3, chance.randint(1, 64), chance.randint(1, 2000)))
        yield body[at : at + size]
        at += size


def at(body: bytes, cuts: Iterable[int]) -> list[bytes]:
    """Return ``body`` cut at these places (any numbers; each is taken modulo its length)."""
    places = sorted({cut % (len(body) + 1) for cut in cuts} | {0, len(body)})
    return [body[start:end] for start, end in pairwise(places)]


class Outcome(NamedTuple):
    """What came of a call."""

    chunks: list[GenerateContentResponse]
    error: HeadwaterError | None
    machine: Machine[GenerateContentResponse]


def drive(
    parts: Iterable[bytes],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    unary: bool = False,
    **options: Any,
) -> Outcome:
    """Play a shell on one answer: hand the pieces to a machine and do what it says, for a bounded number of steps."""
    machine = Machine(ANSWERS, REQUEST, MachineConfig(is_stream=not unary, **{"retry": ONCE} | options))
    chunks: list[GenerateContentResponse] = []
    left = iter(parts)
    unasked = 0  # steps since the last chunk or piece
    while unasked < 10:
        step = machine.next_step(0.0)
        unasked += 1
        if type(step) not in STEPS:
            assert isinstance(step, GenerateContentResponse)
            chunks.append(step)
            unasked = 0
        match step:
            case Open():
                machine.opened(status, headers or {}, 0.0)
            case Read():
                unasked = 0
                machine.received(next(left, b""), 0.0)
            case Stop(error):
                return Outcome(chunks, error, machine)
            case Close() | Wait():
                raise AssertionError("a single attempt neither closes nor waits")
    raise AssertionError("the machine goes round in circles")
