"""From bytes to chunks, all the way: no cut makes a difference, and no garbage gets through as anything else."""

from __future__ import annotations

import json
import random
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.errors import APIError, StreamTruncated, WireError
from tests.support.corpus_cases import Case, Outcome, at, cases, drive, facts, slices
from tests.support.servers import refuses, says, sse

#: How a stream's documents stand in its body.
FORMS = ("crlf", "lf", "cr", "array", "lines", "no space", "comments", "pretty")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def body(documents: list[Any], form: str) -> bytes:
    if form == "array":
        return b"[" + b"\n,\r\n".join(json.dumps(one).encode() for one in documents) + b"\n]\n"
    if form in ("lines", "pretty"):
        return b"\n".join(json.dumps(one, indent=2 if form == "pretty" else None).encode() for one in documents)
    events = b"".join(sse(json.dumps(one, ensure_ascii=False).encode("utf-8", "surrogatepass")) for one in documents)
    match form:
        case "lf":
            return events.replace(b"\r\n", b"\n")
        case "cr":
            return events.replace(b"\r\n", b"\r")
        case "no space":
            return b"".join(b"data:" + json.dumps(one).encode() + b"\n\n" for one in documents)
        case "comments":
            return b": ping\n\n" + events.replace(b"\r\n\r\n", b"\r\n: ping\r\n\r\n") + b"data: [DONE]\n\n"
    return events


def told(outcome: Outcome) -> Any:
    """Everything that a reader can see of a stream."""
    error = outcome.error
    answer = outcome.machine.snapshot.fold.response
    return (
        [chunk.to_json_dict() for chunk in outcome.chunks],
        (type(error), str(error), error.phase) if error else None,
        error.partial.to_json_dict() if error and error.partial else None,
        facts(answer, count=len(outcome.chunks)),
    )


DOCUMENT = st.one_of(
    st.builds(says, TEXT),
    st.builds(says, TEXT, usageMetadata=st.builds(lambda n: {"totalTokenCount": n}, st.integers(0, 99))),
    st.builds(lambda text: {"candidates": [{"content": {"parts": [{"text": text, "thought": True}]}}]}, TEXT),
    st.just({"usageMetadata": {"totalTokenCount": 7}}),
)
ENDS = st.sampled_from([None, says("", "STOP"), says("!", "MAX_TOKENS"), refuses(503, "UNAVAILABLE", "busy")])


@given(st.lists(DOCUMENT, max_size=6), ENDS, st.sampled_from(FORMS), st.lists(st.integers(0, 9999), max_size=12))
def test_any_cut_of_any_stream_gives_the_same(documents: list[Any], end: Any, form: str, cuts: list[int]) -> None:
    """And what it gives is what was put in."""
    documents = documents + ([] if end is None else [end])
    stream = body(documents, form)
    outcome = drive(at(stream, cuts))
    assert told(outcome) == told(drive([stream])) == told(drive(slices(stream, 1)))
    answers = [document for document in documents if "error" not in document]
    assert [json.loads(chunk.raw) for chunk in outcome.chunks] == answers
    kind = {None: StreamTruncated, 503: APIError}.get((end or {}).get("error", {}).get("code") if end else None)
    if end is None or "error" in end:
        assert kind is not None
        assert isinstance(outcome.error, kind)
    else:
        assert outcome.error is None


@cache
def recorded() -> list[Case]:
    return [case for case in cases("streamGenerateContent") if len(case.body) < 8000]


@given(st.data())
def test_any_cut_of_any_recorded_stream_gives_the_same(data: st.DataObject) -> None:
    if not recorded():
        pytest.skip("no recorded traffic beside the checkout")
    case = data.draw(st.sampled_from(recorded()))
    cuts = data.draw(st.lists(st.integers(0, len(case.body)), max_size=20))
    assert told(drive(at(case.body, cuts), status=case.status)) == told(drive([case.body], status=case.status))


@given(st.data())
def test_a_recorded_stream_that_ends_anywhere_gives_a_beginning_of_its_chunks(data: st.DataObject) -> None:
    """What had come before the end is the same as in the whole; nothing is made up from half an event."""
    if not recorded():
        pytest.skip("no recorded traffic beside the checkout")
    case = data.draw(st.sampled_from([case for case in recorded() if case.status == 200]))
    whole = drive([case.body])
    cut = drive([case.body[: data.draw(st.integers(0, len(case.body)))]])
    assert [chunk.raw for chunk in cut.chunks] == [chunk.raw for chunk in whole.chunks][: len(cut.chunks)]
    assert isinstance(cut.error, StreamTruncated | WireError | APIError | None)
    if cut.error is None:
        assert (
            cut.machine.snapshot.fold.finish_reason is not None
            or cut.machine.snapshot.fold.response.prompt_feedback is not None
        )


SEED = 20261121
BODIES = 10_000
TOKENS = (
    b'{ } [ ] " \\ , : data: data event: id: retry: \r \n \r\n \n\n \xef\xbb\xbf \xff \x00 null true 1e999 -0 [DONE] '
    b'"error" "candidates" "content" "parts" "text" "finishReason" "STOP" 1 {"error":{}} \\ud83d \\u0000 '
    b'"functionCall" "args" "partialArgs" "willContinue" "jsonPath" "index" -1 99999999999999999999 "thoughtSignature"'
).split(b" ")


def seeds() -> list[bytes]:
    """Real streams where there are some, and synthetic ones in every form."""
    call = {"functionCall": {"name": "f", "partialArgs": [{"jsonPath": "$.a[0]", "stringValue": "x"}]}}
    documents = [says("Hello"), {"candidates": [{"content": {"parts": [call]}, "index": 0}]}, says("!", "STOP")]
    made = [body(documents + more, form) for form in FORMS for more in ([], [refuses(429, "RESOURCE_EXHAUSTED", "m")])]
    return made + [case.body for case in recorded() if len(case.body) < 2500][:60]


def mutated(stream: bytes, other: bytes, chance: random.Random) -> bytes:
    """``stream`` with a few of the things that go wrong between a server and a client."""
    changed = bytearray(stream)
    for _ in range(chance.randint(1, 6)):
        start, end = sorted((chance.randint(0, len(changed)), chance.randint(0, len(changed))))
        match chance.randrange(7):
            case 0:
                changed[start:start] = chance.choice(TOKENS)
            case 1:
                del changed[start : min(end, start + 40)]
            case 2 if changed:
                changed[min(start, len(changed) - 1)] = chance.randrange(256)
            case 3:
                changed[start:start] = changed[start : min(end, start + 200)]
            case 4:
                del changed[end:]
            case 5:
                changed[start:start] = other[: chance.randint(0, len(other))]
            case 6:
                changed[start:end] = changed[start:end].replace(b"\r\n", chance.choice((b"\n", b"\r", b"")))
    return bytes(changed)


VALUES: tuple[Any, ...]
VALUES = (None, True, 0, -1, 1.5, 10**30, "", "STOP", "a\ud83d", [], [None], {}, {"error": "x"}, [[]], "AAA=", "1", "²")


def twisted(value: Any, chance: random.Random) -> Any:
    """``value`` with something else here and there: JSON still, but of another shape."""
    if chance.random() < 0.06:
        return chance.choice(VALUES)
    if isinstance(value, dict):
        return {key: twisted(inner, chance) for key, inner in value.items() if chance.random() > 0.03}
    if isinstance(value, list):
        return [twisted(inner, chance) for inner in value for _ in range(chance.choice((1, 1, 1, 1, 1, 0, 2)))]
    return value


@cache
def shapes() -> list[Any]:
    """Documents of every kind: recorded ones, and some made up to have many fields."""
    found = [chunk.raw for case in recorded() for chunk in drive([case.body], status=case.status).chunks[-3:]]
    call = {
        "name": "f",
        "args": {},
        "willContinue": True,
        "partialArgs": [{"jsonPath": "$.a[0].b", "stringValue": "x"}],
    }
    more = {
        "partialArgs": [{"jsonPath": "$.a[0].b", "numberValue": 1}, {"jsonPath": "$['c']", "nullValue": "NULL_VALUE"}]
    }
    candidate = {
        "content": {
            "parts": [{"text": "a", "thoughtSignature": "AAA="}, {"functionCall": call}, {"functionCall": more}]
        },
        "citationMetadata": {"citationSources": [{"uri": "u", "publicationDate": {"year": 1}}]},
        "groundingMetadata": {"groundingChunks": [{"web": {"uri": "u"}}], "groundingSupports": [{"segment": {}}]},
        "logprobsResult": {"chosenCandidates": [{"token": "a"}], "topCandidates": [{"candidates": [{"token": "a"}]}]},
        "safetyRatings": [{"category": "HARM_CATEGORY_HARASSMENT", "probability": 1, "blocked": False}],
        "finishReason": "STOP",
        "index": 1,
    }
    usage = {"totalTokenCount": 1, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1}]}
    full = {"candidates": [candidate, {"index": 0}], "usageMetadata": usage, "promptFeedback": {"blockReason": "OTHER"}}
    return [full] * 20 + [refuses(429, "RESOURCE_EXHAUSTED", "m", {"retryDelay": "1s"})] + list(map(json.loads, found))


def garbage(chance: random.Random, known: list[bytes]) -> bytes:
    kind = chance.random()
    if kind < 0.4:
        twists = [twisted(chance.choice(shapes()), chance) for _ in range(chance.randint(1, 4))]
        return body(twists, chance.choice(("array", "lines", "no space")))
    if kind < 0.45:
        return chance.randbytes(chance.randint(0, 200))
    if kind < 0.55:
        return b"".join(chance.choice(TOKENS) for _ in range(chance.randint(0, 60)))
    return mutated(chance.choice(known), chance.choice(known), chance)


@pytest.mark.slow
def test_ten_thousand_bodies_of_garbage_end_in_chunks_or_a_documented_error() -> None:
    """Never in another exception and never in a hang, streamed or not, whatever the status and the cut."""
    chance, known, ends = random.Random(SEED), seeds(), {"chunks": 0, "good": 0, "errors": 0}
    for number in range(BODIES):
        stream = garbage(chance, known)
        status = chance.choice((200, 200, 200, 200, 404, 503))
        parts = at(stream, [chance.randint(0, len(stream)) for _ in range(chance.randint(0, 8))])
        unary = chance.random() < 0.1
        try:
            outcome = drive([part for part in parts if part], status=status, unary=unary)
        except Exception as error:
            raise AssertionError(f"body {number} of seed {SEED}: {parts!r}") from error
        assert isinstance(outcome.error, WireError | APIError | StreamTruncated | None), (number, outcome.error)
        ends["chunks"] += len(outcome.chunks)
        ends["good"] += outcome.error is None
        ends["errors"] += outcome.error is not None
    assert min(ends.values()) > BODIES / 50, f"the garbage is all of one kind: {ends}"


@pytest.mark.parametrize("number", range(20))
def test_garbage_means_the_same_in_every_cut(number: int) -> None:
    chance, known = random.Random(SEED + number), seeds()
    for _ in range(20):
        stream = garbage(chance, known)
        assert told(drive(slices(stream, 1))) == told(drive([stream] if stream else [])), stream
