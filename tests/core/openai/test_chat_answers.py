"""Chat streams in every form in which servers send them, as chunks of the Gemini API."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from headwater.core.wire.openai.chat_answer import ChatOptions
from headwater.core.wire.openai.chat_state import pack, unpack
from headwater.core.wire.openai.think_tags import ThinkTags
from headwater.errors import StreamTruncated
from tests.support.chat_cases import AS_RECORDED, ChatOutcome, delta, read_chat, sse

STOP = delta({}, "stop")
USAGE = {"prompt_tokens": 10, "completion_tokens": 9, "total_tokens": 19}


def read(*events: Any, options: ChatOptions = AS_RECORDED, end: bytes = b"data: [DONE]\n\n") -> ChatOutcome:
    """What a stream of these events says."""
    return read_chat([sse(*events, end=end)], options)


def calls(outcome: ChatOutcome) -> list[Any]:
    return [part["functionCall"] for part in outcome.parts if "functionCall" in part]


def piece(arguments: str, *, id: str | None = None, name: str | None = None, index: int | None = 0) -> dict[str, Any]:
    """A delta with a piece of a call; None leaves a field out."""
    function = {"arguments": arguments} | ({"name": name} if name is not None else {})
    fields = {"index": index, "id": id, "type": "function", "function": function}
    return {"tool_calls": [{key: value for key, value in fields.items() if value is not None}]}


def test_each_delta_of_text_is_one_chunk_with_the_head_of_the_answer() -> None:
    outcome = read(
        delta({"role": "assistant", "content": ""}), delta({"content": "Hel"}), delta({"content": "lo"}), STOP
    )
    assert [one["candidates"][0]["content"]["parts"] for one in outcome.chunks] == [
        [{"text": "Hel"}],
        [{"text": "lo"}],
        [{"text": ""}],
    ]
    assert {(one["modelVersion"], one["responseId"]) for one in outcome.chunks} == {("m", "chatcmpl-1")}
    assert (outcome.response.text, outcome.candidate["finishReason"], outcome.error) == ("Hello", "STOP", None)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("stop", "STOP"),
        ("tool_calls", "STOP"),
        ("end_turn", "STOP"),
        ("length", "MAX_TOKENS"),
        ("content_filter", "SAFETY"),
        ("abort", "OTHER"),
    ],
)
def test_finish_reasons_are_those_of_the_gemini_api(word: str, reason: str) -> None:
    """A word that nobody knows ends the answer too, and is kept."""
    candidate = read(delta({"content": "x"}), delta({}, word)).candidate
    assert candidate["finishReason"] == reason
    assert candidate.get("finishMessage") == (word if reason == "OTHER" else None)


@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning_content": "hmm"},
        {"reasoning": "hmm"},
        {"reasoning": "hmm", "reasoning_content": "hmm"},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hmm"}]}, 5]},
        {"content": [{"type": "reasoning", "summary": [{"text": "hmm"}]}]},
    ],
)
def test_thoughts_in_every_form_are_thoughts_once(fields: dict[str, Any]) -> None:
    """They are only given out if they were asked for, and never as text."""
    events = (delta(fields), delta({"content": "hi"}), STOP)
    assert read(*events).parts == [{"text": "hmm", "thought": True}, {"text": "hi"}]
    assert read(*events, options=ChatOptions()).parts == [{"text": "hi"}]


def test_a_call_is_put_together_from_its_pieces_and_keeps_its_id() -> None:
    events = [
        piece("", id="call_9", name="f"),
        piece('{"a":'),
        piece(" 1}", name=""),
        piece("", id="b", name="g", index=1),
    ]
    outcome = read(*map(delta, events), delta({}, "tool_calls"))
    assert calls(outcome) == [{"id": "call_9", "name": "f", "args": {"a": 1}}, {"id": "b", "name": "g", "args": {}}]
    assert outcome.candidate["finishReason"] == "STOP"


def test_calls_that_share_an_index_or_have_none_are_told_apart_by_their_ids() -> None:
    """Google's own endpoint sends index 0 for all, old servers none; the same id repeated is no new call."""
    for index in (0, None):
        pieces = [piece('{"n":', id="a", name="f", index=index), piece("1}", id="a", index=index)]
        pieces += [piece('{"n":2}', id="b", name="f", index=index)]
        assert [call["args"] for call in calls(read(*map(delta, pieces), STOP))] == [{"n": 1}, {"n": 2}]


def test_a_call_without_an_id_gets_one_that_is_the_same_each_time() -> None:
    events = [delta(piece("{}", name="f")), STOP]
    first, second = (calls(read(*events))[0]["id"] for _ in range(2))
    assert first == second
    assert first.startswith("call_")


def test_arguments_that_are_an_object_and_the_old_form_of_calls_are_read() -> None:
    call = {"index": 0, "function": {"name": "f", "arguments": {"n": 1}}}
    assert calls(read(delta({"tool_calls": [call, "odd"]}), STOP))[0]["args"] == {"n": 1}
    old = [{"function_call": {"name": "f", "arguments": '{"n"'}}, {"function_call": {"arguments": ":1}"}}]
    assert calls(read(*map(delta, old), delta({}, "function_call")))[0]["args"] == {"n": 1}


def test_a_broken_call_is_not_given_out() -> None:
    """Cut at the limit the answer says MAX_TOKENS, with the calls before it; else that the call is malformed."""
    events = [delta(piece('{"n":1}', id="a", name="f")), delta(piece('{"n":', id="b", name="g", index=1))]
    cut = read(*events, delta({}, "length"))
    assert ([call["name"] for call in calls(cut)], cut.candidate["finishReason"]) == (["f"], "MAX_TOKENS")
    malformed = read(*events, delta({}, "tool_calls"))
    assert (calls(malformed), malformed.candidate["finishReason"]) == ([], "MALFORMED_FUNCTION_CALL")
    assert "g(" in malformed.candidate["finishMessage"]


ARGUMENTS = {
    "city": 'New "York"',
    "days": [{"n": 1, "on": True, "note": None}, {"n": -2.5, "tags": ["a", "b", ""]}, [7]],
    "a key": {"o'k": "x", "deep": {"er": "é"}},
    "empty": "",
    "last": 0,
}


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_arguments_can_be_streamed_and_add_up_to_the_same(size: int) -> None:
    """What is new comes at once, each character once; the calls are whole where they are folded."""
    text = json.dumps(ARGUMENTS)
    texts = [text[at : at + size] for at in range(0, len(text), size)]
    events = [piece("", id="a", name="f_1"), *(piece(one) for one in texts), piece("{}", id="b", name="g", index=1)]
    options = ChatOptions(streams_arguments=True, tool_names={"f_1": "f.1"})
    outcome = read(*map(delta, events), delta({}, "tool_calls"), options=options)
    whole = [{"id": "a", "name": "f.1", "args": ARGUMENTS}, {"id": "b", "name": "g", "args": {}}]
    assert [{"args": {}} | call for call in calls(outcome)] == whole
    shown = [one["candidates"][0]["content"]["parts"][0].get("functionCall", {}) for one in outcome.chunks]
    assert shown[0] == {"id": "a", "name": "f.1", "willContinue": True}
    texts = [one.get("stringValue", "") for call in shown for one in call.get("partialArgs", ())]
    assert "".join(texts) == 'New "York"abxé'


def test_streamed_arguments_that_break_are_not_a_call() -> None:
    options = ChatOptions(streams_arguments=True)
    broken = [delta(piece('{"n": nonsense', id="a", name="f")), delta(piece("}"))]
    malformed = read(*broken, delta({}, "tool_calls"), options=options)
    assert malformed.candidate["finishReason"] == "MALFORMED_FUNCTION_CALL"
    cut = read(delta(piece('{"n": "half', id="a", name="f")), delta({}, "length"), options=options)
    assert cut.candidate["finishReason"] == "MAX_TOKENS"
    unnamed = read(delta(piece("", id="a")), delta(piece("{}", name="f")), STOP, options=options)
    assert calls(unnamed)[0]["name"] == "f"


def test_names_that_were_changed_for_the_server_are_changed_back() -> None:
    options = ChatOptions(tool_names={"my_f_1": "my.f"})
    assert calls(read(delta(piece("{}", id="a", name="my_f_1")), STOP, options=options))[0]["name"] == "my.f"


def test_a_refusal_is_text_and_ends_with_safety() -> None:
    outcome = read(delta({"refusal": "I cannot"}), STOP)
    assert (outcome.response.text, outcome.candidate["finishReason"]) == ("I cannot", "SAFETY")


def test_two_choices_stay_two_and_the_answer_ends_with_the_last() -> None:
    events = [delta({"content": "A"}), delta({"content": "B"}, index=1), STOP, delta({}, "length", index=1)]
    outcome = read(*events, end=b"")
    assert outcome.error is None
    assert {one.index: str(one.finish_reason) for one in outcome.response.candidates or ()} == {
        0: "STOP",
        1: "MAX_TOKENS",
    }
    assert isinstance(read(*events[:3], end=b"").error, StreamTruncated)


def test_a_choice_that_the_server_forgot_to_finish_is_not_called_whole() -> None:
    """Its own end of the stream is believed, but not for that choice."""
    outcome = read(delta({"content": "A"}), delta({"content": "B"}, index=1), STOP)
    reasons = {one.index: str(one.finish_reason) for one in outcome.response.candidates or ()}
    assert (outcome.error, reasons) == (None, {0: "STOP", 1: "OTHER"})


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (USAGE, (10, 9, None, None, 19)),
        (USAGE | {"completion_tokens_details": {"reasoning_tokens": 7}}, (10, 2, 7, None, 19)),
        (USAGE | {"prompt_tokens_details": {"cached_tokens": 4}}, (10, 9, None, 4, 19)),
        (USAGE | {"prompt_cache_hit_tokens": 4}, (10, 9, None, 4, 19)),
        # xAI counts thoughts beside the answer.
        (USAGE | {"total_tokens": 26, "completion_tokens_details": {"reasoning_tokens": 7}}, (10, 9, 7, None, 26)),
        ({"prompt_tokens": 10, "completion_tokens": 9}, (10, 9, None, None, 19)),
        ({"prompt_tokens": 10, "completion_tokens": None, "total_tokens": True}, (10, None, None, None, 10)),
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, (None, None, None, None, None)),
        ("many", (None, None, None, None, None)),
        (None, (None, None, None, None, None)),
    ],
)
def test_token_counts_are_those_of_the_server(usage: Any, expected: tuple[int | None, ...]) -> None:
    """Thoughts are told from the answer's tokens; what is not counted is absent, not zero."""
    outcome = read(delta({"content": "x"}), STOP, {"id": "chatcmpl-1", "choices": [], "usage": usage})
    found = outcome.response.usage_metadata
    assert expected == (
        found.prompt_token_count,
        found.candidates_token_count,
        found.thoughts_token_count,
        found.cached_content_token_count,
        found.total_token_count,
    )


def test_counts_by_modality_and_of_groq_are_read_and_the_last_ones_count() -> None:
    details = {"prompt_tokens_details": {"audio_tokens": 3, "text_tokens": 7}}
    events = [delta({"content": "x"}, usage={"prompt_tokens": 1}), delta({}, "stop", x_groq={"usage": USAGE | details})]
    usage = read(*events).response.usage_metadata
    assert usage.total_token_count == 19
    assert {str(one.modality): one.token_count for one in usage.prompt_tokens_details or ()} == {"TEXT": 7, "AUDIO": 3}


def test_counts_of_llama_cpp_come_with_every_chunk_if_they_were_asked_for() -> None:
    timings = {"cache_n": 2, "prompt_n": 8, "predicted_n": 1}
    events = [delta({"content": "x"}, timings=timings), delta({"content": "y"}, timings="odd"), STOP]
    chunk = read(*events, options=ChatOptions(counts_timings=True)).chunks[0]
    counts = {"promptTokenCount": 10, "candidatesTokenCount": 1, "totalTokenCount": 11, "cachedContentTokenCount": 2}
    assert chunk["usageMetadata"] == counts
    assert "usageMetadata" not in read(*events).chunks[0]


def test_log_probabilities_sources_media_and_verdicts_are_kept() -> None:
    token = {"token": "hi", "logprob": -0.5, "top_logprobs": [{"token": "hi", "logprob": -0.5}]}
    said = delta({"content": "hi"})
    said["choices"][0]["logprobs"] = {"content": [token]}
    page = {"url": "https://a.example", "title": "A", "start_index": 0, "end_index": 2}
    media = {
        "images": [{"image_url": {"url": "data:image/png;base64,iVBORw=="}}, {"image_url": {"url": "https://no"}}, 1],
        "audio": {"data": "AAAA", "transcript": "la"},
        "annotations": [{"type": "url_citation", "url_citation": page}, {"type": "other"}],
    }
    verdict = delta({})
    verdict["choices"][0]["content_filter_results"] = {"hate": {"severity": "high", "filtered": True}}
    outcome = read(said, delta(media), verdict, delta({}, "content_filter", citations=["https://b.example"]))
    candidate = outcome.candidate
    assert candidate["logprobsResult"]["chosenCandidates"] == [{"token": "hi", "logProbability": -0.5}]
    assert candidate["logprobsResult"]["topCandidates"][0]["candidates"][0]["token"] == "hi"
    assert [part["inlineData"]["mimeType"] for part in outcome.parts if "inlineData" in part] == [
        "image/png",
        "audio/pcm;rate=24000",
    ]
    assert candidate["citationMetadata"]["citations"][0]["endIndex"] == 2
    assert candidate["groundingMetadata"]["groundingChunks"][0]["web"]["title"] == "A"
    assert candidate["safetyRatings"][0]["category"] == "HARM_CATEGORY_HATE_SPEECH"
    listed = read(delta({"content": "x"}, citations=["https://b.example", 5]), STOP).candidate
    assert listed["groundingMetadata"]["groundingChunks"] == [{"web": {"uri": "https://b.example"}}]


# Text with something around it.


@pytest.mark.parametrize("size", [1, 2, 3, 50])
@pytest.mark.parametrize(
    ("mode", "text", "thought", "answer"),
    [
        ("auto", "<think>hm</think>\n\nhi", "hm", "hi"),
        ("auto", " \n<think>a < b </thin</think>hi", "a < b </thin", "hi"),
        ("auto", "<thin air", "", "<thin air"),
        ("auto", "hi <think>no</think>", "", "hi <think>no</think>"),
        ("auto", "<think>cut </thi", "cut </thi", ""),
        ("on", "hm</think>hi", "hm", "hi"),
        ("off", "<think>hm</think>hi", "", "<think>hm</think>hi"),
    ],
)
def test_thoughts_between_tags_are_found_however_they_are_cut(
    size: int, mode: Any, text: str, thought: str, answer: str
) -> None:
    events = [delta({"content": text[at : at + size]}) for at in range(0, len(text), size)]
    outcome = read(*events, STOP, options=ChatOptions(include_thoughts=True, think_tags=mode))
    assert (outcome.response.thought_text, outcome.response.text) == (thought, answer)


def test_text_passes_unchanged_once_it_is_known_to_be_the_answer() -> None:
    tags = ThinkTags("auto")
    assert (tags.feed("hello"), tags.is_over) == ([(False, "hello")], True)


def test_a_prefill_that_the_server_repeats_is_cut_exactly() -> None:
    for texts in (["The ri", "ver runs"], ["The river runs"], [" runs"], [*"The river runs"]):
        events = [delta({"content": text}) for text in texts]
        outcome = read(*events, STOP, options=ChatOptions(prefill="The river", think_tags="off"))
        assert outcome.response.text == " runs"
    half = read(delta({"content": "The ri"}), STOP, options=ChatOptions(prefill="The river"))
    assert half.response.text == "The ri"


@pytest.mark.parametrize("size", [1, 4, 60])
@pytest.mark.parametrize(
    ("frame", "text", "value"),
    [
        ("value", '{"value": [{"a": 1}, {"a": "}"}]}', '[{"a": 1}, {"a": "}"}]'),
        ("value", ' { "value" :\n"x" } \n', '"x"'),
        ("value", "no frame at all, and long enough", "no frame at all, and long enough"),
        ("value", '{"val', '{"val'),
        ("enum", '"sea"', "sea"),
        ("enum", '{"value": "sea"}', "sea"),
        ("enum", "sea", "sea"),
        ("enum", "[1]", "[1]"),
    ],
)
def test_the_frame_around_a_value_is_taken_off(size: int, frame: str, text: str, value: str) -> None:
    events = [delta({"content": text[at : at + size]}) for at in range(0, len(text), size)]
    assert read(*events, STOP, options=ChatOptions(frame=frame)).response.text == value


# What the server wants back.


def test_reasoning_details_and_signatures_are_packed_for_the_next_turn() -> None:
    details = [{"type": "reasoning.text", "index": 0, "text": "a"}, {"type": "reasoning.text", "index": 0, "text": "b"}]
    details += [{"type": "reasoning.encrypted", "index": 1, "data": "x"}]
    events = [delta({"reasoning_details": [entry]}) for entry in details]
    options = ChatOptions(engine="e", keeps_reasoning=True)
    signed = piece("{}", id="a", name="f")
    signed["tool_calls"][0]["extra_content"] = {"google": {"thought_signature": "s"}}
    outcome = read(delta({"reasoning": "hm"}), *events, delta(signed), STOP, options=options)
    state = unpack("e", base64.b64decode(outcome.parts[0]["thoughtSignature"]))
    assert state is not None
    assert state["reasoning_details"][0]["text"] == "ab"
    assert len(state["reasoning_details"]) == 2
    assert (state["reasoning"], state["extra_content"]["google"]["thought_signature"]) == ("hm", "s")
    assert unpack("another", base64.b64decode(outcome.parts[0]["thoughtSignature"])) is None


def test_without_a_call_what_is_wanted_back_is_on_an_empty_text_at_the_end() -> None:
    events = [delta({"content": "x"}), delta({"extra_content": {"google": {"thought_signature": "s"}}}), STOP]
    last = read(*events, options=ChatOptions(engine="e")).parts[-1]
    assert unpack("e", base64.b64decode(last["thoughtSignature"])) == {
        "extra_content": {"google": {"thought_signature": "s"}}
    }
    assert unpack("e", base64.b64decode(pack("e", {}))[:-1]) is None
    assert unpack("e", b"headwater.chat.e:5") is None
    assert unpack("e", None) is None
