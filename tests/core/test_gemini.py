"""Every document that the API or something before it sends becomes responses or a typed error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.wire.gemini import STATUS_NAMES, Gemini
from headwater.errors import (
    APIError,
    AuthenticationError,
    ClientError,
    HeadwaterError,
    NotFoundError,
    RateLimitError,
    ServerError,
    WireError,
)
from headwater.types import CountTokensResponse, FinishReason, GenerateContentResponse, HarmProbability, Model

ANSWERS = Gemini(GenerateContentResponse)
HEADERS = {"server": "test"}
ERROR = {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": "3s"}]}


def decode(data: bytes | str | Any) -> tuple[GenerateContentResponse | HeadwaterError, ...]:
    if not isinstance(data, bytes):
        data = (data if isinstance(data, str) else json.dumps(data)).encode()
    return ANSWERS.decode(data, HEADERS)


def one(data: Any) -> GenerateContentResponse:
    (result,) = decode(data)
    assert isinstance(result, GenerateContentResponse), result
    return result


def failure(data: Any) -> APIError:
    (result,) = decode(data)
    assert isinstance(result, APIError), result
    return result


def refusal(status: int, body: bytes | Any, **headers: str) -> APIError:
    return ANSWERS.refusal(status, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


def says(text: str, **fields: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, **fields}]}


def test_a_response_keeps_the_bytes_it_came_as() -> None:
    """Fields that are not known yet survive in ``raw``."""
    data = b'{"candidates": [{"content": {"parts": [{"text": "a", "new": 1}]}, "newer": {}}], "newest": [1]}'
    answer = one(data)
    assert answer.raw is data
    assert answer.text == "a"
    assert answer.sdk_http_response is not None
    assert answer.sdk_http_response.headers == HEADERS


def test_escapes_and_raw_unicode_are_read() -> None:
    assert one('{"candidates":[{"content":{"parts":[{"text":"\\u003cb\\u003e\u2028😀 \\ud83d\\ude00"}]}}]}').text == (
        "<b>\u2028😀 😀"
    )


@pytest.mark.parametrize(
    "document",
    [
        {"error": ERROR},
        {"responseId": "r", "candidates": [], "error": ERROR},
        [{"error": ERROR}],
        json.dumps({"error": ERROR}, indent=2) + "\n",
        json.dumps([{"error": ERROR}], indent=1),
    ],
    ids=["plain", "not the first key", "in an array", "pretty-printed", "both"],
)
def test_an_error_document_is_a_typed_error_with_all_it_says(document: Any) -> None:
    error = failure(document)
    assert isinstance(error, RateLimitError)
    assert (error.code, error.status, error.message) == (429, "RESOURCE_EXHAUSTED", "slow down")
    assert error.retry_after == 3
    assert error.details["error"] == ERROR
    assert error.headers == HEADERS


@pytest.mark.parametrize(
    ("error", "code", "status", "message"),
    [
        ({"message": "m", "status": "UNAVAILABLE"}, 503, "UNAVAILABLE", "m"),
        ({"message": "m", "status": "NEW_STATUS"}, 500, "NEW_STATUS", "m"),
        ({"message": "m"}, 500, "INTERNAL", "m"),
        ({"code": "429", "message": "m"}, 429, "RESOURCE_EXHAUSTED", "m"),
        ({"code": "rate_limited", "message": "m"}, 500, "INTERNAL", "m"),
        ({"code": "²", "message": "m"}, 500, "INTERNAL", "m"),
        ({"code": "1" * 5000, "message": "m"}, 500, "INTERNAL", "m"),
        ({"code": True, "message": "m"}, 500, "INTERNAL", "m"),
        ({"code": 200, "message": "m"}, 500, "INTERNAL", "m"),
        ({"code": 404, "message": ""}, 404, "NOT_FOUND", '{"error": {"code": 404, "message": ""}}'),
        ({"code": 404, "message": {"a": 1}}, 404, "NOT_FOUND", '{"error": {"code": 404, "message": {"a": 1}}}'),
        ("overloaded", 500, "INTERNAL", "overloaded"),
        (["overloaded"], 500, "INTERNAL", '{"error": ["overloaded"]}'),
        (True, 500, "INTERNAL", '{"error": true}'),
    ],
)
def test_what_an_error_leaves_out_is_filled_in(error: Any, code: int, status: str, message: str) -> None:
    found = failure({"error": error})
    assert (found.code, found.status, found.message) == (code, status, message)


def test_no_error_is_none() -> None:
    """``"error"`` inside an answer, or an empty one, is not taken for an error."""
    assert one({**says("a"), "error": None}).text == "a"
    assert one({**says("a"), "error": {}}).text == "a"
    assert one(says('{"error": "x"}')).text == '{"error": "x"}'
    call = {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": {"error": "x"}}}]}}]}
    calls = one(call).function_calls
    assert calls is not None
    assert calls[0].args == {"error": "x"}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (302, APIError),
        (400, ClientError),
        (401, AuthenticationError),
        (403, AuthenticationError),
        (404, NotFoundError),
        (429, RateLimitError),
        (499, ClientError),
        (500, ServerError),
        (503, ServerError),
    ],
)
def test_a_refusal_is_of_the_class_that_suits_its_code(code: int, kind: type[APIError]) -> None:
    error = refusal(code, {"error": {"code": code, "message": "m", "status": "S"}})
    assert type(error) is kind
    assert str(error) == f"{code} S: m"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>\n <h1>Bad   gateway</h1>\n</html>\n", "<html> <h1>Bad gateway</h1> </html>"),
        (b"", "an empty body"),
        (b"upstream connect error", "upstream connect error"),
        (b'"upstream connect error"', "upstream connect error"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"null", "null"),
        (b"[]", "[]"),
        (b"[1]", "[1]"),
        (b"{}", "{}"),
        (b'{"message": "m"}', "m"),
        (b'{"error": "m"}', "m"),
        (b'[{"error": {"message": "m"}}]', "m"),
        (b"[" * 5000, "[" * 197 + "..."),
        (b"x" * 5000, "x" * 197 + "..."),
    ],
)
def test_a_refusal_says_what_its_body_says_whatever_that_is(body: bytes, message: str) -> None:
    error = refusal(502, body)
    assert (error.code, error.message) == (502, message)


def test_a_refusal_keeps_its_own_code_and_else_the_http_status() -> None:
    assert refusal(500, {"error": {"code": 429, "message": "m"}}).code == 429
    assert refusal(503, {"error": {"code": 14, "message": "m"}}).code == 503
    assert refusal(503, {"error": {"message": "m", "status": "INTERNAL"}}).code == 503
    assert refusal(504, b"").status == STATUS_NAMES[504]
    assert refusal(418, b"").status is None


def test_the_headers_of_a_refusal_say_when_to_come_back() -> None:
    assert refusal(429, b"", **{"retry-after": "7"}).retry_after == 7


def test_numeric_enums_are_the_names_they_stand_for() -> None:
    rating = {"category": 7, "probability": 2}
    answer = one(says("a", finishReason=1, safetyRatings=[rating]))
    assert answer.finish_reason is FinishReason.STOP
    assert answer.candidates is not None
    assert answer.candidates[0].safety_ratings is not None
    assert answer.candidates[0].safety_ratings[0].probability is HarmProbability.LOW
    assert one(says("a", finishReason=99)).finish_reason == "99"


def test_unknown_enum_values_survive() -> None:
    assert one(says("a", finishReason="FROM_THE_FUTURE")).finish_reason == "FROM_THE_FUTURE"


@pytest.mark.parametrize(
    ("part", "left"),
    [
        ({"text": "a", "thoughtSignature": "no base64!"}, {"text": "a"}),
        ({"text": "a", "thought": "true"}, {"text": "a", "thought": True}),
        ({"text": 5, "thought": True}, {"thought": True}),
        ({"text": "a", "inlineData": "no object"}, {"text": "a"}),
        ({"text": "a", "functionCall": {"name": 1, "args": {}}}, {"text": "a", "function_call": {"args": {}}}),
    ],
)
def test_what_does_not_fit_is_left_out_and_the_rest_read(part: Any, left: Any) -> None:
    document = {
        "candidates": [{"content": {"parts": [part, {"text": "!"}]}}],
        "usageMetadata": {"totalTokenCount": "7"},
    }
    answer = one(document)
    assert [found.to_json_dict() for found in answer.parts] == [left, {"text": "!"}]
    assert answer.usage_metadata.total_token_count == 7
    assert json.loads(answer.raw) == document


def test_url_safe_base64_is_read_too() -> None:
    document = '{"candidates":[{"content":{"parts":[{"text":"","thoughtSignature":"-_8"}]}}]}'
    assert one(document).parts[0].thought_signature == b"\xfb\xff"


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    answer = one(b'{"candidates":[{"content":{"parts":[{"text":"a\xff\xe4\xbdb"}]}}]}')
    assert answer.text == "a\ufffd\ufffdb"
    assert json.loads(answer.raw)


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (r"a\ud83d", "a\ufffd"),
        (r"\ude00a", "\ufffda"),
        (r"\ud83d\ud83d\ude00", "\ufffd😀"),
        (r"\ud83d\ude00\ude00", "😀\ufffd"),
        (r"\\ud83d \ud83d", "\\ud83d \ufffd"),
        (r"\uD83D\n", "\ufffd\n"),
    ],
)
def test_half_an_emoji_is_replaced(escaped: str, text: str) -> None:
    """Gateways that count in UTF-16 cut an emoji in two; JSON lets them."""
    assert one(f'{{"candidates":[{{"content":{{"parts":[{{"text":"{escaped}"}}]}}}}]}}').text == text


@pytest.mark.parametrize("between", ["\n", "", " ", ",\n", "\r\n"])
def test_several_documents_in_one_event_are_read_in_order(between: str) -> None:
    body = between.join(json.dumps(document) for document in (says("a"), says("b"), {"error": ERROR}))
    first, second, error = decode(body)
    assert isinstance(first, GenerateContentResponse)
    assert isinstance(second, GenerateContentResponse)
    assert (first.text, second.text) == ("a", "b")
    assert json.loads(first.raw) == says("a")
    assert isinstance(error, RateLimitError)


def test_an_array_in_one_event_is_read_in_order() -> None:
    results = decode([says("a"), None, says("b")])
    assert [result.text for result in results if isinstance(result, GenerateContentResponse)] == ["a", "b"]
    assert len(results) == 2


@pytest.mark.parametrize("document", [{}, {"usageMetadata": {"totalTokenCount": 1}}, {"responseId": "r"}, says("")])
def test_a_document_without_an_answer_is_an_empty_chunk(document: Any) -> None:
    assert one(document).text == ""


def test_holes_in_lists_are_left_out() -> None:
    assert one({"candidates": [None, *says("a")["candidates"]]}).text == "a"
    assert one({"candidates": [None]}).candidates == []
    assert one({"candidates": [{"content": {"parts": [None, {"text": "a"}]}}]}).parts[0].text == "a"


@pytest.mark.parametrize("document", ["null", "[]", "[null]"])
def test_nothing_is_nothing(document: str) -> None:
    assert decode(document) == ()


@pytest.mark.parametrize(
    "document",
    [
        *["hello", "", "{bad}", '{"a": }', '{"candidates": [{]}', "[{bad}]", '{"a": 1} and text', "1" * 5000, "{} <p>"],
        *["5", '"text"', "true", '{"this": "is no answer"}', "[5]", '[["text"]]', '{"error": {}}', '{"error": ""}'],
        *["[" * 5000, "[" * 900 + "]" * 900, '{"a":' * 5000 + "1" + "}" * 5000, '{"candidates": 1e999}'],
        '{"candidates":[{"content":{"parts":[{"functionCall":{"args":' + '{"a":' * 2000 + "1" + "}" * 2005,
    ],
)
def test_what_is_no_answer_is_a_wire_error_that_shows_how_it_begins(document: str) -> None:
    results = decode(document)
    assert isinstance(results[-1], WireError), results
    assert len(str(results[-1])) < 300
    assert all(isinstance(result, WireError | GenerateContentResponse) for result in results)


def test_the_same_dialect_reads_other_answers() -> None:
    (count,) = Gemini(CountTokensResponse).decode(b'{"totalTokens": 31, "new": 1}', HEADERS)
    assert isinstance(count, CountTokensResponse)
    assert count.total_tokens == 31
    assert json.loads(count.raw) == {"totalTokens": 31, "new": 1}
    (model,) = Gemini(Model).decode(b'{"name": "models/m", "topK": "64"}', HEADERS)
    assert isinstance(model, Model)
    assert (model.name, model.top_k) == ("models/m", 64)
    (error,) = Gemini(CountTokensResponse).decode(json.dumps({"error": ERROR}).encode(), HEADERS)
    assert isinstance(error, RateLimitError)


@pytest.mark.parametrize(
    ("document", "final"),
    [
        (says("a"), False),
        (says("a", finishReason="STOP"), True),
        (says("a", finishReason="FROM_THE_FUTURE"), True),
        ({"candidates": [{"index": 0}, {"index": 1, "finishReason": "STOP"}]}, True),
        ({"promptFeedback": {"blockReason": "SAFETY"}}, True),
        ({"promptFeedback": {"safetyRatings": []}}, False),
        ({"usageMetadata": {}}, False),
    ],
)
def test_an_answer_may_end_after_a_finish_reason_or_a_refusal_of_the_prompt(document: Any, final: bool) -> None:
    assert ANSWERS.is_final(one(document)) is final


def test_other_answers_are_whole_as_they_are() -> None:
    assert Gemini(CountTokensResponse).is_final(CountTokensResponse())


_ANSWER = ["candidates", "content", "parts", "text", "finishReason", "index", "promptFeedback", "usageMetadata"]
_REST = ["functionCall", "args", "thoughtSignature", "totalTokenCount", "error", "code", "message", "status", "details"]
KEYS = st.sampled_from([*_ANSWER, *_REST, "x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(JSON | st.dictionaries(KEYS, JSON, max_size=4))
def test_any_json_is_read_or_refused(document: Any) -> None:
    """Every shape ends in responses or in our own errors, and a response's raw bytes are JSON."""
    for result in decode(document):
        assert isinstance(result, GenerateContentResponse | APIError | WireError)
        if isinstance(result, GenerateContentResponse):
            json.loads(result.raw)
            ANSWERS.is_final(result)
    assert isinstance(refusal(500, document), APIError)


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for result in decode(body):
        assert isinstance(result, GenerateContentResponse | APIError | WireError)
    assert isinstance(refusal(500, body), APIError)
