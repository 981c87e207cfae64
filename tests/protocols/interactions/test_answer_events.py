"""Chunks to events: what each kind of part becomes, and how interactions end."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import api_error
from headwater.protocols.base import StreamOutcome
from headwater.protocols.interactions.answer_events import AnswerEvents, InteractionInfo
from headwater.protocols.interactions.encoder import InteractionEncoder
from headwater.protocols.interactions.folding import InteractionFold
from headwater.types import GenerateContentResponse
from tests.support.interactions import INFO, body_of, deltas, events_of


def chunk(*parts: dict[str, Any], **fields: Any) -> GenerateContentResponse:
    """A chunk with these parts, and fields of its candidate."""
    return GenerateContentResponse(candidates=[{"content": {"role": "model", "parts": list(parts)}, **fields}])


def document(*chunks: GenerateContentResponse, end: StreamOutcome | None = None) -> dict[str, Any]:
    """The interaction that an answer folds to."""
    source = AnswerEvents(INFO)
    fold = InteractionFold(source)
    for events in (source.begin(), *(source.chunk(one) for one in chunks), source.end(end)):
        fold.add(events)
    return fold.document()


def test_a_signature_stands_before_what_it_signs() -> None:
    """Unless its text was already sent: then it follows."""
    call = {"functionCall": {"name": "look", "args": {"a": 1}}, "thoughtSignature": "c2ln"}
    late = chunk({"text": "", "thoughtSignature": "bGF0ZQ=="}, finishReason="STOP")
    steps = document(chunk({"text": "I look."}), chunk(call), late)["steps"]
    assert [step["type"] for step in steps] == ["model_output", "thought", "function_call", "thought"]
    assert (steps[1]["signature"], steps[3]["signature"]) == ("c2ln", "bGF0ZQ==")
    assert steps[2] == {"type": "function_call", "id": steps[2]["id"], "name": "look", "arguments": {"a": 1}}


def test_a_call_requires_action_and_streamed_arguments_grow() -> None:
    first = {"functionCall": {"name": "look", "willContinue": True, "partialArgs": [_piece("Ro", more=True)]}}
    last = {"functionCall": {"partialArgs": [_piece("me")]}}
    chunks = [chunk(first), chunk(last), chunk(finishReason="STOP")]
    events = events_of(chunks)
    assert [delta["arguments"] for delta in deltas(events, "arguments_delta")] == ['{"city":"Ro', 'me"', "}"]
    assert document(*chunks)["status"] == "requires_action"


def _piece(text: str, *, more: bool = False) -> dict[str, Any]:
    return {"jsonPath": "$.city", "stringValue": text, "willContinue": more}


@pytest.mark.parametrize(
    ("reason", "status"),
    [("STOP", "completed"), ("MAX_TOKENS", "incomplete"), ("CONTINUATION", "requires_continuation")],
)
def test_a_finish_reason_becomes_a_status(reason: str, status: str) -> None:
    assert document(chunk({"text": "a"}, finishReason=reason))["status"] == status


@pytest.mark.parametrize(
    ("reason", "code", "http"),
    [
        ("SAFETY", "safety", 400),
        ("IMAGE_OTHER", "image_other", 400),
        ("MALFORMED_FUNCTION_CALL", "malformed_function_call", 400),
        ("OTHER", "api_error", 500),
        (None, "service_unavailable", 503),
    ],
)
def test_an_answer_that_was_stopped_is_an_error(reason: str | None, code: str, http: int) -> None:
    """Its text stays; its step never stops, and no mark of a good end follows."""
    source = AnswerEvents(INFO)
    source.begin()
    source.chunk(chunk({"text": "a"}, finishReason=reason))
    (event,) = source.end()
    assert (event["event_type"], event["error"]["code"]) == ("error", code)
    assert source.failure is not None
    assert source.failure.http == http
    assert not body_of([chunk({"text": "a"}, finishReason=reason)]).endswith(b"[DONE]\n\n")


def test_a_continuation_token_is_sent_before_the_end_and_in_it() -> None:
    events = events_of([chunk({"text": "a"}, finishReason="CONTINUATION", continuationToken="dG9r")])
    assert [event.get("continuation_token") for event in events if "interaction_id" in event] == [None, "dG9r"]
    assert events[-1]["interaction"]["continuation_token"] == "dG9r"


@pytest.mark.parametrize(("reason", "code"), [("SAFETY", "safety"), ("OTHER", "content_blocked")])
def test_a_blocked_prompt_is_an_error(reason: str, code: str) -> None:
    blocked = GenerateContentResponse(prompt_feedback={"blockReason": reason, "blockReasonMessage": "no"})
    assert events_of([blocked])[-1]["error"] == {"message": "no", "code": code}


def test_a_cancelled_interaction_ends_well_and_its_cut_call_does_not_stop() -> None:
    cut = chunk({"functionCall": {"name": "look", "willContinue": True, "partialArgs": [_piece("Ro", more=True)]}})
    source = AnswerEvents(INFO)
    events = [*source.begin(), *source.chunk(cut), *source.end(StreamOutcome(reason="cancelled"))]
    assert "step.stop" not in [event["event_type"] for event in events]
    assert events[-1]["interaction"]["status"] == "cancelled"
    assert document(cut, end=StreamOutcome(reason="cancelled"))["steps"][0]["arguments"] == {}


def test_files_are_media_of_their_kind() -> None:
    parts = [{"inlineData": {"mimeType": kind, "data": "AAAA"}} for kind in ("image/png", "audio/wav", "text/csv")]
    file = {"fileData": {"fileUri": "https://a/b", "mimeType": "video/mp4"}}
    thought = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "thought": True}
    steps = document(chunk(thought, *parts, file, finishReason="STOP"))["steps"]
    assert steps[0]["summary"] == [{"type": "image", "mime_type": "image/png", "data": "AAAA"}]
    assert [one["type"] for one in steps[1]["content"]] == ["image", "audio", "document", "video"]
    assert steps[1]["content"][3] == {"type": "video", "mime_type": "video/mp4", "uri": "https://a/b"}


def test_code_that_ran_is_a_call_and_a_result() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "1/0"}}
    result = {"codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": "no"}}
    steps = document(chunk(code, result, {"text": "Oh."}, finishReason="STOP"))["steps"]
    assert steps[0]["arguments"] == {"language": "python", "code": "1/0"}
    assert (steps[1]["result"], steps[1]["is_error"]) == ("no", True)
    assert steps[0]["id"] == steps[1]["call_id"]
    begun = [event["step"] for event in events_of([chunk(code, result)]) if event["event_type"] == "step.start"]
    assert (begun[0]["arguments"], begun[1]["result"]) == ({}, "")


def test_tools_that_ran_at_google_are_pairs_of_steps() -> None:
    call = {"toolCall": {"id": "t", "toolType": "GOOGLE_SEARCH_WEB", "args": {"queries": ["a"]}}}
    response = {"toolResponse": {"id": "t", "toolType": "GOOGLE_SEARCH_WEB", "response": {"search_suggestions": "s"}}}
    unknown = {"toolCall": {"id": "u", "toolType": "MEDIA_PROCESSING", "args": {}}}
    steps = document(chunk(call, response, unknown, {"text": "b"}, finishReason="STOP"))["steps"]
    assert [step["type"] for step in steps] == ["google_search_call", "google_search_result", "model_output"]
    assert steps[1]["result"] == [{"search_suggestions": "s"}]


def test_a_result_in_the_answer_is_a_step() -> None:
    call = {"functionCall": {"id": "c", "name": "look", "args": {}}}
    answer = {"functionResponse": {"id": "c", "name": "look", "response": {"error": "no"}}}
    steps = document(chunk(call, answer, {"text": "b"}, finishReason="STOP"))["steps"]
    assert steps[1] == {"type": "function_result", "call_id": "c", "name": "look", "result": "no", "is_error": True}
    assert document(chunk(call, answer, {"text": "b"}, finishReason="STOP"))["status"] == "completed"


GROUNDING = {
    "webSearchQueries": ["rivers"],
    "searchEntryPoint": {"renderedContent": "<b>"},
    "groundingChunks": [
        {"web": {"uri": "https://a", "title": "A"}},
        {"maps": {"uri": "https://m", "title": "M", "placeId": "p"}},
        {"retrievedContext": {"uri": "gs://f", "title": "F"}},
        {},
    ],
    "groundingSupports": [
        {"segment": {"endIndex": 2}, "groundingChunkIndices": [0, 9, 3]},
        {"segment": {"startIndex": 3, "endIndex": 5}, "groundingChunkIndices": [1, 2]},
        {"groundingChunkIndices": [0]},
    ],
}


def test_sources_annotate_the_text_and_tools_follow_it() -> None:
    """Offsets are bytes of the step: the second text begins anew. A stream cannot annotate what it has closed."""
    code = {"executableCode": {"language": "PYTHON", "code": "1"}}
    metadata = {"urlMetadata": [{"retrievedUrl": "https://u", "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_SUCCESS"}]}
    chunks = [
        chunk({"text": "é "}, code, {"text": "ab"}),
        chunk(finishReason="STOP", groundingMetadata=GROUNDING, urlContextMetadata=metadata),
    ]
    (streamed,) = deltas(events_of(chunks), "text_annotation_delta")
    place = {"start_index": 0, "end_index": 2}
    assert streamed["annotations"] == [
        {"type": "place_citation", "url": "https://m", "name": "M", "place_id": "p"} | place,
        {"type": "file_citation", "document_uri": "gs://f", "file_name": "F"} | place,
    ]
    steps = document(*chunks)["steps"]
    assert steps[0]["content"][0]["annotations"] == [{"type": "url_citation", "url": "https://a", "title": "A"} | place]
    assert [step["type"] for step in steps[3:]] == [
        "google_search_call",
        "google_search_result",
        "url_context_call",
        "url_context_result",
    ]
    assert steps[4]["result"] == [{"search_suggestions": "<b>"}]
    assert steps[6]["result"] == [{"url": "https://u", "status": "success"}]


def test_quotations_are_citations() -> None:
    cited = {"citationSources": [{"startIndex": 1, "endIndex": 9, "uri": "https://q"}, {"uri": "https://x"}]}
    (delta,) = deltas(
        events_of([chunk({"text": "abc"}, finishReason="STOP", citationMetadata=cited)]), "text_annotation_delta"
    )
    assert delta["annotations"] == [{"type": "url_citation", "url": "https://q", "start_index": 1, "end_index": 3}]


def test_an_answer_that_was_restarted_is_an_error() -> None:
    """What readers have already cannot be taken back in this protocol."""
    reset = GenerateContentResponse()
    reset.__dict__["_is_reset"] = True
    assert reset.is_reset
    assert events_of([chunk({"text": "a"}), reset])[-1]["error"]["code"] == "aborted"


def test_other_candidates_are_left_out() -> None:
    second = GenerateContentResponse(
        candidates=[{"index": 1, "content": {"parts": [{"text": "b"}]}, "finishReason": "STOP"}]
    )
    assert document(chunk({"text": "a"}, finishReason="STOP"), second)["steps"][0]["content"][0]["text"] == "a"


def test_tokens_have_their_names() -> None:
    usage = {"promptTokenCount": 2, "candidatesTokenCount": 3, "thoughtsTokenCount": 4, "toolUsePromptTokenCount": 5}
    details = {"promptTokensDetails": [{"modality": "TEXT", "tokenCount": 2}, {"modality": "SMELL", "tokenCount": 1}]}
    answer = chunk({"text": "a"}, finishReason="STOP")
    answer.usage_metadata = type(answer.usage_metadata)(**usage, **details)
    found = document(answer)["usage"]
    assert (found["total_tokens"], found["total_thought_tokens"], found["total_tool_use_tokens"]) == (14, 4, 5)
    assert found["input_tokens_by_modality"] == [{"modality": "text", "tokens": 2}]


def test_nothing_follows_the_end() -> None:
    source = AnswerEvents(INFO)
    assert source.begin()
    assert not source.begin()
    source.end()
    assert not [*source.chunk(chunk({"text": "a"})), *source.end(), *source.fail(b"{}")]
    encoder = InteractionEncoder(INFO)
    assert encoder.fail(api_error(404, "no", status="NOT_FOUND")).count(b"model_not_found") == 1
    assert not encoder.end() + encoder.fail(b"{}")


def test_an_interaction_is_folded_while_it_runs() -> None:
    source = AnswerEvents(InteractionInfo("v1_a", "m", created=60.0, labels={"a": "b"}, previous="v1_b"))
    fold = InteractionFold(source)
    fold.add(source.chunk(chunk({"text": "a"})))
    fold.add(source.chunk(chunk({"text": "b"})))
    first, again = fold.document(now=61.0), fold.document(now=61.0)
    assert first == again
    assert first["steps"] == [{"type": "model_output", "content": [{"type": "text", "text": "ab"}]}]
    assert (first["status"], first["updated"]) == ("in_progress", "1970-01-01T00:01:01Z")
    assert (first["labels"], first["previous_interaction_id"]) == ({"a": "b"}, "v1_b")
    fold.add(source.fail(api_error(503, "no", status="UNAVAILABLE")))
    assert fold.document()["status"] == "failed"
    assert fold.document()["errors"] == [{"message": "no", "code": "service_unavailable"}]
