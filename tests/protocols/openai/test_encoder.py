"""An answer as chat completions: streamed and whole, for every recorded stream of the Gemini API and for odd ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from headwater.core.answer.fold import Fold
from headwater.errors import HeadwaterError, StreamInterrupted, api_error
from headwater.protocols.base import StreamOutcome
from headwater.protocols.openai.completion import chat_completion
from headwater.protocols.openai.encoder import ChatCompletions
from headwater.protocols.openai.failures import chat_error
from headwater.protocols.openai.signatures import SignatureCache
from headwater.types import GenerateContentResponse
from tests.support.corpus_cases import Case, drive, some_cases

DONE = "[DONE]"


def chunk(*parts: dict[str, Any], index: int = 0, finish: str | None = None, **fields: Any) -> GenerateContentResponse:
    candidate = {"content": {"role": "model", "parts": list(parts)}, "index": index, "finishReason": finish}
    more = fields.pop("candidate", {})
    return GenerateContentResponse.model_validate({"candidates": [candidate | more], **fields})


def text(words: str, **fields: Any) -> GenerateContentResponse:
    return chunk({"text": words}, **fields)


def written(chunks: Sequence[GenerateContentResponse], **options: Any) -> list[bytes]:
    """The events of an answer that ends well."""
    encoder = ChatCompletions(**{"model": "m", "seed": "s", "created": 5, **options})
    body = b"".join([encoder.begin(), *map(encoder.chunk, chunks), encoder.end()])
    assert encoder.chunk(text("late")) == encoder.end() == encoder.fail(ValueError()) == b""
    return [event for event in body.split(b"\n\n") if event]


def documents(events: list[bytes]) -> list[Any]:
    assert all(event.startswith(b"data: ") and b"\n" not in event for event in events)
    assert events[-1] == b"data: [DONE]"
    return [json.loads(event[6:]) for event in events[:-1]]


class Read:
    """What a client makes of the events of one choice."""

    def __init__(self, found: list[Any], index: int = 0) -> None:
        choices = [choice for one in found for choice in one.get("choices", ()) if choice["index"] == index]
        deltas = [choice["delta"] for choice in choices]
        self.roles = [delta["role"] for delta in deltas if "role" in delta]
        self.text = "".join(delta.get("content") or "" for delta in deltas)
        self.thoughts = "".join(delta.get("reasoning_content", "") for delta in deltas)
        self.calls: list[dict[str, Any]] = []
        for piece in (piece for delta in deltas for piece in delta.get("tool_calls", ())):
            if "id" in piece:
                assert piece["index"] == len(self.calls)
                self.calls.append({"id": piece["id"], **piece["function"]})
            else:
                self.calls[piece["index"]]["arguments"] += piece["function"]["arguments"]
        self.finish = [choice["finish_reason"] for choice in choices if choice["finish_reason"]]
        self.annotations = [note for delta in deltas for note in delta.get("annotations", ())]
        assert all("finish_reason" in choice and "logprobs" in choice for choice in choices)


def read(chunks: Sequence[GenerateContentResponse], index: int = 0, **options: Any) -> Read:
    return Read(documents(written(chunks, **options)), index)


def test_text_is_written_between_a_role_and_a_finish_reason() -> None:
    first, *rest = documents(written([text("a"), text("b\u2028"), text("", finish="STOP")]))
    head = {"id": first["id"], "object": "chat.completion.chunk", "created": 5, "model": "m"}
    assert first["id"].startswith("chatcmpl-")
    choice = {"index": 0, "logprobs": None, "finish_reason": None}
    assert first == head | {"choices": [choice | {"delta": {"role": "assistant", "content": "", "refusal": None}}]}
    assert rest == [
        head | {"choices": [choice | {"delta": {"content": "a"}}]},
        head | {"choices": [choice | {"delta": {"content": "b\u2028"}}]},
        head | {"choices": [choice | {"delta": {}, "finish_reason": "stop", "native_finish_reason": "STOP"}]},
    ]


def test_the_api_s_own_names_are_kept_in_every_event() -> None:
    chunks = [text("a", responseId="r", modelVersion="v", createTime="1970-01-01T00:00:09Z"), text("b", finish="STOP")]
    assert {(one["id"], one["model"], one["created"]) for one in documents(written(chunks))} == {("chatcmpl-r", "v", 9)}


def test_an_id_that_came_from_chat_completions_is_kept() -> None:
    found = documents(written([text("a", responseId="chatcmpl-7"), text("", finish="STOP")]))
    assert {one["id"] for one in found} == {"chatcmpl-7"}


def test_usage_comes_last_if_it_is_asked_for() -> None:
    usage = {"promptTokenCount": 3, "toolUsePromptTokenCount": 1, "candidatesTokenCount": 4, "thoughtsTokenCount": 2}
    usage |= {"cachedContentTokenCount": 2, "totalTokenCount": 10}
    chunks = [text("a", usageMetadata=usage), text("b", finish="STOP", usageMetadata=usage)]
    *found, last = documents(written(chunks, include_usage=True))
    assert (last["choices"], [one["usage"] for one in found]) == ([], [None] * len(found))
    assert last["usage"] == {
        "prompt_tokens": 4,
        "completion_tokens": 6,
        "total_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    assert all("usage" not in one for one in documents(written(chunks)))
    # Without counts of the API there is no usage, rather than zeros.
    assert documents(written([text("a", finish="STOP")], include_usage=True))[-1]["choices"]


def test_calls_are_counted_per_answer_and_keep_their_ids() -> None:
    calls = [{"functionCall": {"id": f"c{n}", "name": "f", "args": {"n": n}}} for n in range(2)]
    found = read([text("I look."), chunk(calls[0]), chunk(calls[1], finish="STOP")])
    assert [(call["id"], json.loads(call["arguments"])) for call in found.calls] == [("c0", {"n": 0}), ("c1", {"n": 1})]
    assert (found.text, found.finish) == ("I look.", ["tool_calls"])
    assert read([chunk(*calls, finish="STOP")], one_call=True).calls == found.calls[:1]
    # Without an id of the API's the call gets one, the same whenever the answer is read.
    bare = [chunk({"functionCall": {"name": "now"}}, finish="STOP")]
    assert read(bare).calls == read(bare).calls
    assert read(bare).calls[0]["arguments"] == "{}"
    assert documents(written(bare))[0]["choices"][0]["delta"] == {"role": "assistant", "content": None, "refusal": None}


def test_streamed_arguments_are_streamed() -> None:
    def piece(**fields: Any) -> GenerateContentResponse:
        return chunk({"functionCall": fields})

    pieces = [
        piece(id="c", name="f", willContinue=True),
        piece(partialArgs=[{"jsonPath": "$.a", "stringValue": "x", "willContinue": True}], willContinue=True),
        piece(partialArgs=[{"jsonPath": "$.a", "stringValue": "y"}], willContinue=True),
    ]
    whole = read([*pieces, chunk({"functionCall": {}}, finish="STOP")])
    assert [json.loads(call["arguments"]) for call in whole.calls] == [{"a": "xy"}]
    assert len(documents(written(pieces))) > 4
    # A limit cuts the arguments: they are not closed as if they were whole.
    cut = read([*pieces, chunk(finish="MAX_TOKENS")])
    assert cut.finish == ["length"]
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut.calls[0]["arguments"])
    second = chunk(
        {"functionCall": {"id": "d", "name": "g", "args": {}}}, *[{"functionCall": {"name": "h", "willContinue": True}}]
    )
    assert [call["id"] for call in read([*pieces, second, chunk(finish="STOP")], one_call=True).calls] == ["c"]


def test_several_answers_stay_apart() -> None:
    chunks = [
        text("a"),
        text("b", index=1),
        text("c"),
        text("", finish="STOP"),
        text("d", index=1, finish="MAX_TOKENS"),
    ]
    first, second = read(chunks), read(chunks, 1)
    assert (first.roles, first.text, first.finish) == (["assistant"], "ac", ["stop"])
    assert (second.roles, second.text, second.finish) == (["assistant"], "bd", ["length"])


def test_thoughts_code_files_and_logprobs_have_their_places() -> None:
    logprobs = {
        "chosenCandidates": [{"token": "ä", "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "b"}]}],
    }
    chunks = [
        chunk({"text": "hm", "thought": True}),
        chunk({"executableCode": {"language": "PYTHON", "code": "1+1"}}, {"codeExecutionResult": {"output": "2"}}),
        chunk(*({"inlineData": {"mimeType": kind, "data": "AAAA"}} for kind in ("image/png", "audio/pcm"))),
        text("ä", candidate={"logprobsResult": logprobs}),
        chunk(candidate={"logprobsResult": logprobs}),
        text("", finish="STOP"),
    ]  # fmt: skip
    found = documents(written(chunks))
    assert Read(found).thoughts == "hm"
    assert Read(found).text == "\n```python\n1+1\n```\n\n```\n2\n```\nä"
    deltas = [one["choices"][0]["delta"] for one in found]
    assert [delta["images"] for delta in deltas if "images" in delta] == [
        [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    ]
    assert [delta["audio"] for delta in deltas if "audio" in delta] == [{"data": "AAAA"}]
    tokens = [one["choices"][0]["logprobs"]["content"] for one in found if one["choices"][0]["logprobs"]]
    assert [[token["bytes"] for token in some] for some in tokens] == [[[195, 164]], [[195, 164]]]
    assert tokens[0][0]["top_logprobs"] == [{"token": "b", "logprob": 0.0, "bytes": [98]}]
    whole = json.loads(chat_completion(folded(chunks)))["choices"][0]
    assert whole["message"]["reasoning_content"] == "hm"
    assert whole["message"]["audio"] == {"data": "AAAA"}
    assert len(whole["logprobs"]["content"]) == 2


def test_sources_are_cited_by_characters() -> None:
    """The Gemini API counts bytes."""
    pages = [{"web": {"uri": f"https://a.test/{n}", "title": "A"}} for n in range(2)]
    supports = [{"segment": {"startIndex": 2, "endIndex": 6}, "groundingChunkIndices": [0, 9]}]
    grounding = {"groundingChunks": pages, "groundingSupports": supports}
    found = read([text("äö"), text("üx", finish="STOP", candidate={"groundingMetadata": grounding})])
    assert [note["url_citation"] for note in found.annotations] == [
        {"url": "https://a.test/0", "title": "A", "start_index": 1, "end_index": 3},
        {"url": "https://a.test/1", "title": "A", "start_index": 0, "end_index": 0},
    ]


@pytest.mark.parametrize("reason", ["SAFETY", "RECITATION", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "MODEL_ARMOR"])
def test_what_was_blocked_is_filtered(reason: str) -> None:
    assert read([text("a", finish=reason)]).finish == ["content_filter"]


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "OTHER", "LANGUAGE", "CONTINUATION", "INVENTED_LATER"])
def test_what_did_not_finish_is_an_error(reason: str) -> None:
    """Chat completions have no word for it, and "stop" would be a lie."""
    found = documents(written([text("a"), text("", finish=reason)]))
    assert found[-1]["error"]["code"] == reason.lower()
    assert found[-1]["error"]["type"] == "server_error"
    assert Read(found).finish == []
    with pytest.raises(HeadwaterError, match=reason):
        chat_completion(text("a", finish=reason))


def test_a_blocked_prompt_is_filtered_with_its_message() -> None:
    blocked = GenerateContentResponse.model_validate({"promptFeedback": {"blockReason": "OTHER"}})
    found = documents(written([blocked]))
    assert Read(found).finish == ["content_filter"]
    assert [choice["delta"]["refusal"] for one in found for choice in one["choices"] if choice["delta"].get("refusal")]
    with pytest.raises(HeadwaterError, match="blocked"):
        chat_completion(blocked)


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [
        (StreamInterrupted("cut"), "stream_interrupted", "server_error"),
        (api_error(429, "slow down", status="RESOURCE_EXHAUSTED"), "rate_limit_exceeded", "rate_limit_error"),
        (api_error(401, "no", status="UNAUTHENTICATED"), "invalid_api_key", "authentication_error"),
        (api_error(503, "no", status="UNAVAILABLE"), "unavailable", "server_error"),
        (api_error(400, "no", status="INVALID_ARGUMENT"), None, "invalid_request_error"),
        (ValueError("secret"), "internal", "server_error"),
        (b"no json", "unknown", "server_error"),
    ],
)
def test_an_error_in_the_middle_is_an_event(error: Any, code: str | None, kind: str) -> None:
    encoder = ChatCompletions(seed="s")
    body = encoder.chunk(text("a")) + encoder.fail(error)
    found = [json.loads(event[6:]) for event in body.split(b"\n\n")[:-2]]
    assert (found[-1]["error"]["code"], found[-1]["error"]["type"]) == (code, kind)
    assert body.endswith(b"\n\ndata: [DONE]\n\n")
    assert b"secret" not in body
    assert b'finish_reason":"' not in body


def test_no_end_without_an_answer() -> None:
    """[DONE] never stands alone: what is empty, cancelled or restarted is an error."""
    assert "error" in documents(written([]))[-1]
    encoder = ChatCompletions(seed="s")
    assert b'"code":"cancelled"' in encoder.end(StreamOutcome(reason="cancelled"))
    restarted = text("a")
    restarted.__dict__["_is_reset"] = True
    assert b'"error"' in ChatCompletions(seed="s").chunk(restarted)
    empty = documents(written([chunk(finish="STOP")]))
    assert (Read(empty).roles, Read(empty).finish) == (["assistant"], ["stop"])
    with pytest.raises(HeadwaterError):
        chat_completion(GenerateContentResponse())


def folded(chunks: Sequence[GenerateContentResponse]) -> GenerateContentResponse:
    fold = Fold()
    for one in chunks:
        fold.add(one)
    return fold.response


def test_signatures_are_kept_within_bounds() -> None:
    cache = SignatureCache(max_bytes=1_000)
    call = chunk({"functionCall": {"id": "c", "name": "f"}, "thoughtSignature": "c2ln"}, finish="STOP")
    found = documents(written([call], keep=lambda call_id, signature: cache.keep(b"me", call_id, signature)))
    extra = found[1]["choices"][0]["delta"]["tool_calls"][0]["extra_content"]
    assert extra == {"google": {"thought_signature": "c2ln"}}
    assert (cache.find(b"me", "c"), cache.find(b"you", "c")) == (b"sig", None)
    for number in range(9):
        cache.keep(b"me", "c", b"x" * number)
        cache.keep(b"me", f"c{number}", b"x")
    assert len(cache) == 3
    cache.keep(b"me", "large", b"x" * 2_000)
    assert len(cache) == 0


# Recorded answers


def outcomes() -> list[tuple[Case, Any]]:
    return [(case, drive([case.body], status=case.status)) for case in some_cases("streamGenerateContent")]


def test_every_recorded_stream_keeps_its_text_thoughts_calls_and_end() -> None:
    """And it is written the same to a reader who resumes after any of its events, and as a whole answer."""
    for case, outcome in outcomes():
        response = folded(outcome.chunks)
        encoder = ChatCompletions(model="m", seed=case.id, include_usage=True)
        body = b"".join(map(encoder.chunk, outcome.chunks))
        body += encoder.end() if outcome.error is None else encoder.fail(outcome.error)
        found = documents([event for event in body.split(b"\n\n") if event])
        seen = Read(found)
        code = any(part.executable_code or part.code_execution_result for part in response.parts)
        if not code:
            assert (seen.text, seen.thoughts) == (response.text, response.thought_text), case.id
        wanted = [(call.name, call.args or {}) for call in response.function_calls or ()]
        assert [(call["name"], json.loads(call["arguments"])) for call in seen.calls] == wanted, case.id
        is_error = "error" in found[-1]
        assert is_error is not bool(seen.finish), case.id
        assert outcome.error is None or is_error, case.id
        if not is_error and response.prompt_feedback is None:
            whole = json.loads(chat_completion(response, model="m", seed=case.id))
            message = whole["choices"][0]["message"]
            assert (message["content"] or "") == seen.text, case.id
            assert whole["choices"][0]["finish_reason"] == seen.finish[0], case.id
            assert [call["function"]["arguments"] for call in message.get("tool_calls", ())] == [
                call["arguments"] for call in seen.calls
            ], case.id
            usage = found[-1].get("usage")
            assert whole.get("usage") == usage, case.id


def test_a_reader_resumes_after_any_event() -> None:
    """A few recorded streams of each kind: what was read and the rest are the same bytes as the whole."""
    chosen = [one for one in outcomes() if one[1].error is None and len(one[1].chunks) < 12][:60]
    for case, outcome in chosen:
        events = written(outcome.chunks, seed=case.id, include_usage=True)
        # An error is not a chunk: it is sent again to whoever resumes.
        ends = sum(event.startswith((b'data: {"error"', b"data: [DONE]")) for event in events)
        for after in range(len(events) + 1):
            rest = written(outcome.chunks, seed=case.id, include_usage=True, after=after)
            assert rest == events[min(after, len(events) - ends) :], (case.id, after)


def test_errors_name_the_field_and_nothing_else() -> None:
    error = chat_error(api_error(413, "too large", status="INVALID_ARGUMENT"))
    assert error["error"] == {
        "message": "too large",
        "type": "invalid_request_error",
        "param": None,
        "code": "request_too_large",
    }
