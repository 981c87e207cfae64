"""From records to messages: numbers that depend on the log alone."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.server.streams import record_format
from headwater.server.websocket.encoder import MERGED_CHARS, MessageEncoder, Subscription
from headwater.server.websocket.errors import RETRYABLE
from tests.support.live import says
from tests.support.ws_peer import check_numbers, raw, text_of

ALL = Subscription(typed=True, thought=True)
_PARTS = st.one_of(
    st.fixed_dictionaries({"text": st.text(max_size=8)}),
    st.fixed_dictionaries({"text": st.text(max_size=8), "thought": st.just(True)}),
    st.fixed_dictionaries({"text": st.text(max_size=3), "thoughtSignature": st.just("c2ln")}),
    st.fixed_dictionaries({"functionCall": st.fixed_dictionaries({"name": st.text(max_size=3)})}),
    st.just({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}),
    st.just({"newKind": {"x": 1}}),
    st.just(7),
)
_CANDIDATES = st.fixed_dictionaries(
    {"content": st.fixed_dictionaries({"parts": st.lists(_PARTS, max_size=4)})},
    optional={"index": st.integers(0, 1), "groundingMetadata": st.just({"webSearchQueries": ["q"]})},
)
_CHUNKS = st.fixed_dictionaries({}, optional={"candidates": st.lists(_CANDIDATES, max_size=2)})
_ENDS = st.sampled_from([record_format.end_record(), record_format.end_record("cancelled"), b'x{"error":{"code":503}}'])


def script(document: Any) -> bytes:
    return record_format.chunk_record(raw(document))


def play(
    log: list[bytes], *, after: int = 0, wants: Subscription = ALL, page: int = 1, merge: bool = False
) -> list[dict[str, Any]]:
    """Return the messages of a log that is read in pages of ``page`` records."""
    reading = MessageEncoder("a", after=after, subscription=wants)
    pages = [log[start : start + page] for start in range(0, len(log), page)]
    outs = [out for records_ in pages for out in reading.read(records_, merge=merge)]
    assert [json.loads(out.text).get("seq", 0) for out in outs] == [out.seq for out in outs]
    return [json.loads(out.text) for out in outs]


@given(
    chunks=st.lists(_CHUNKS, max_size=8), end=_ENDS, page=st.integers(1, 9), merge=st.booleans(), cut=st.floats(0, 1),
    thought=st.booleans(),
)  # fmt: skip
def test_any_cut_any_page_same_answer(
    chunks: list[Any], end: bytes, page: int, merge: bool, cut: float, thought: bool
) -> None:
    """Wherever a reader is cut off and however the log is paged, what comes before and after it is the whole answer."""
    log = [b'h{"owner":"","model":"m","id":"a"}', *map(script, chunks), end]
    whole = play(log)
    assert check_numbers(whole) == len(whole)
    seen = play(log, wants=Subscription(typed=True, thought=thought), page=page, merge=merge)
    assert check_numbers(seen) == len(whole)
    at = seen[round(cut * (len(seen) - 1)) - 1]["seq"] if round(cut * (len(seen) - 1)) else 0
    before = [message for message in seen if message["seq"] <= at]
    rest = play(log, after=at, wants=ALL, merge=not merge, page=3)
    assert check_numbers([*before, *rest]) == len(whole)
    assert text_of([*before, *rest]) == text_of(whole)
    text = text_of(whole)
    assert (seen[-1]["chars"], seen[-1]["sha256"]) == (len(text), hashlib.sha256(text.encode()).hexdigest())
    assert {key: rest[-1][key] for key in ("type", "seq", "chars", "sha256")} == {
        key: whole[-1][key] for key in ("type", "seq", "chars", "sha256")
    }


@given(chunks=st.lists(_CHUNKS, max_size=6), wants=st.booleans())
def test_nothing_a_model_says_becomes_a_type(chunks: list[Any], wants: bool) -> None:
    """The types of messages are those of the protocol, whatever the chunks hold."""
    types = {message["type"] for message in play([*map(script, chunks), record_format.end_record()])}
    assert types <= {"chunk", "thought", "tool", "media", "data", "complete"}
    plain = MessageEncoder(None).read([*map(script, chunks), record_format.end_record()])
    assert {json.loads(out.text)["type"] for out in plain} <= {"chunk", "complete"}


def test_each_kind_of_part_has_its_type() -> None:
    """Text, thoughts, tools, media and the rest come as types of their own, the part as the API wrote it."""
    parts = [
        {"text": "hm", "thought": True},
        {"text": "Look: "},
        {"functionCall": {"name": "f", "args": {"x": 1.5}}, "thoughtSignature": "c2ln"},
        {"executableCode": {"code": "1+1", "language": "PYTHON"}},
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
        {"text": "done", "thoughtSignature": "c2ln"},
    ]
    candidate = {"content": {"parts": parts}, "groundingMetadata": {"webSearchQueries": ["q"]}}
    other = {"index": 1, "content": {"parts": [{"text": "another answer"}]}}
    messages = play([script({"candidates": [candidate, other]}), record_format.end_record()])
    assert [(message["type"], message.get("payload", message.get("text"))) for message in messages[:-1]] == [
        ("thought", parts[0]),
        ("chunk", "Look: "),
        ("tool", parts[2]),
        ("tool", parts[3]),
        ("media", parts[4]),
        ("chunk", "done"),
        ("data", {"thoughtSignature": "c2ln"}),
        ("data", {"groundingMetadata": {"webSearchQueries": ["q"]}}),
        ("data", {"candidate": other}),
    ]


def test_what_is_not_of_the_api_is_data() -> None:
    """A chunk of another shape is passed on as data and ends nothing."""
    messages = play([b'c{"candidates":3}', b"c[1,2]", b"cnot json", record_format.end_record()])
    assert [message["type"] for message in messages] == ["data", "data", "data", "complete"]
    assert messages[0]["payload"] == {"chunk": '{"candidates":3}'}


def test_merged_text_is_split_where_it_gets_long() -> None:
    """A merged message ends when it has some 32,000 characters, so that no client's limit is in the way."""
    piece = "x" * 1000
    messages = play([*[script(says_json(piece))] * 100, record_format.end_record()], page=200, merge=True)
    assert [len(message["text"]) for message in messages[:-1]] == [MERGED_CHARS // 1000 * 1000 + 1000] * 3 + [1000]
    assert [(message.get("from"), message["seq"]) for message in messages] == [
        (1, 33),
        (34, 66),
        (67, 99),
        (None, 100),
        (None, 101),
    ]


def says_json(text: str) -> Any:
    return json.loads(says(text).raw)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": 400}, "bad_request"),
        ({"code": 401}, "upstream"),
        ({"code": 404}, "not_found"),
        ({"code": 429}, "rate_limited"),
        ({"code": 429, "details": [{"violations": [{"quotaId": "RequestsPerDay"}]}]}, "quota"),
        ({"code": 500}, "upstream"),
        ({"code": 503}, "overloaded"),
        ({"code": 504}, "timeout_total"),
        ({"code": "?", "details": 3}, "upstream"),
        ({}, "upstream"),
        ({"code": 503, "details": [{"reason": "STALLED", "domain": "headwater"}]}, "timeout_first"),
        ({"code": 503, "details": [{"reason": "TRUNCATED", "domain": "headwater"}]}, "truncated"),
        ({"code": 500, "details": [{"reason": "INTERNAL", "domain": "headwater"}]}, "internal"),
        ({"code": 503, "details": [{"reason": "SHUTDOWN", "domain": "headwater"}]}, "busy"),
    ],
)
def test_errors_have_the_codes_of_the_protocol(error: Any, code: str) -> None:
    """Every error of an engine gets the code that a client acts on, and says whether trying again can help."""
    (message,) = play([b"x" + json.dumps({"error": error}).encode()])
    assert (message["type"], message["code"], message["retryable"]) == ("error", code, code in RETRYABLE)
    assert message["phase"] in ("connect", "first")
    assert message["partial"] is False


def test_error_in_the_middle_says_how_far_the_answer_was() -> None:
    """An error after text is partial, has a phase, and the retry time that the API asked for."""
    error = {"error": {"code": 503, "message": "later", "details": [{"retryDelay": "1.5s"}]}}
    message = play([script(says_json("abc")), b"x" + json.dumps(error).encode()])[-1]
    assert (message["phase"], message["partial"], message["chars"], message["retry_after_ms"]) == ("mid", True, 3, 1500)
    assert message["message"] == "later"


@pytest.mark.parametrize(
    ("chunks", "code"),
    [
        ([{"promptFeedback": {"blockReason": "SAFETY"}}], "blocked_prompt"),
        ([{"candidates": [{"finishReason": "SAFETY"}]}], "blocked_output"),
        ([{"candidates": [{"finishReason": 3}]}], "blocked_output"),
    ],
)
def test_what_was_blocked_ends_in_an_error(chunks: list[Any], code: str) -> None:
    """A refused prompt and an answer that was taken away end in errors of their own codes."""
    assert play([*map(script, chunks), record_format.end_record()])[-1]["code"] == code


def test_end_without_a_finish_reason_is_said_to_be_unspecified() -> None:
    """An engine that gives no finish reason gets none invented."""
    assert play([record_format.end_record()])[-1]["finish_reason"] == "FINISH_REASON_UNSPECIFIED"


def test_figures_are_kept_apart_and_end_with_the_last_totals() -> None:
    """Usage and progress come at most once an interval, and the last usage always comes before the end."""
    reading = MessageEncoder(
        "a", subscription=Subscription(typed=True, usage=True, progress=True, interval=1.0), max_tokens=100
    )
    heard: list[dict[str, Any]] = []
    for number in range(1, 31):
        usage = {"usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": number}}
        outs = reading.read([script(says_json("word ") | usage)])
        heard += [json.loads(out.text) for out in [*outs, *reading.updates(number / 10)]]
    heard += [json.loads(out.text) for out in reading.read([record_format.end_record()])]
    usage_ = [message for message in heard if message["type"] == "usage"]
    assert [message["output"] for message in usage_] == [1, 11, 21, 30]
    progress = [message for message in heard if message["type"] == "progress"]
    assert [(message["tokens"], message["chars"], message["percent"]) for message in progress] == [
        (1, 5, 1),
        (11, 55, 11),
        (21, 105, 21),
    ]
    assert progress[-1]["rate"] == 10.0
    assert progress[-1]["eta_s"] == 7.9
    assert heard[-1]["usage"]["output"] == 30
    assert all("seq" not in message for message in usage_ + progress)
