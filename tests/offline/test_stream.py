"""The stream: chunks, usage, limits, endings and errors."""

import itertools
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.errors import APIError
from headwater.offline import INSTANT, Pace, answer, count_tokens, list_models, stream
from headwater.offline.tokens import count, split
from headwater.types import FinishReason, GenerateContentRequest

STORY = "Tell me a story about a fox in 300 words."


def test_the_chunks_joined_are_the_unary_answer(request_of: Any) -> None:
    beats = list(stream(request_of(STORY), model="m", pace=INSTANT))
    assert "".join(beat.chunk.text for beat in beats) == answer(request_of(STORY), model="m").text
    assert len(beats) >= 10


def test_chunks_look_like_recorded_traffic(request_of: Any) -> None:
    """Role and index everywhere, one response id, usage that never falls, a reason on the last chunk alone."""
    chunks = [beat.chunk for beat in stream(request_of(STORY), model="m", pace=INSTANT)]
    assert {chunk.response_id for chunk in chunks} == {chunks[0].response_id}
    assert re.fullmatch(r"[\w-]{20,24}", chunks[0].response_id)
    assert {chunk.model_version for chunk in chunks} == {"headwater-offline-2"}
    assert all(chunk.candidates[0].content.role == "model" and chunk.candidates[0].index == 0 for chunk in chunks)
    assert [chunk.finish_reason for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].finish_reason == FinishReason.STOP
    assert chunks[-1].text
    totals = [chunk.usage_metadata.total_token_count for chunk in chunks]
    assert totals == sorted(totals)  # type: ignore[type-var]
    assert len(chunks[0].text) < 30


def test_usage_adds_up(request_of: Any) -> None:
    for config in ({}, {"thinking_config": {"include_thoughts": True}}, {"candidate_count": 3}):
        usage = answer(request_of(STORY, config=config), model="m").usage_metadata
        spoken = usage.prompt_token_count + usage.candidates_token_count + (usage.thoughts_token_count or 0)
        assert usage.total_token_count == spoken
        assert usage.prompt_token_count == count_tokens(request_of(STORY)).total_tokens


def test_the_pace_decides_the_delays(request_of: Any) -> None:
    beats = list(stream(request_of(STORY), model="m", pace=Pace(first=0.5, rate=50)))
    usage = [beat.chunk.usage_metadata.candidates_token_count for beat in beats]
    assert beats[0].delay == 0.5
    assert [beat.delay for beat in beats[1:]] == [(after - before) / 50 for before, after in itertools.pairwise(usage)]
    assert {beat.delay for beat in stream(request_of(STORY), model="m", pace=INSTANT)} == {0.0}


def test_the_same_request_gets_the_same_answer(request_of: Any) -> None:
    assert answer(request_of(STORY), model="m") == answer(request_of(STORY), model="m")


@given(st.integers(1, 60), st.integers(0, 20))
@settings(max_examples=25)
def test_max_output_tokens_cuts_the_same_text(most: Any, seed: Any) -> None:
    def asked(**config: Any) -> Any:
        contents = [{"role": "user", "parts": [{"text": STORY}]}]
        return answer(GenerateContentRequest(contents=contents, generation_config={"seed": seed, **config}), model="m")

    short = asked(max_output_tokens=most)
    assert short.finish_reason == FinishReason.MAX_TOKENS
    assert short.usage_metadata.candidates_token_count == most
    assert asked().text.startswith(short.text)


@given(st.data())
@settings(max_examples=25)
def test_a_stop_sequence_ends_the_text_before_it(data: Any) -> None:
    contents = [{"role": "user", "parts": [{"text": STORY}]}]
    whole = answer(GenerateContentRequest(contents=contents), model="m").text
    start = data.draw(st.integers(0, len(whole) - 12))
    stop = whole[start : start + data.draw(st.integers(1, 12))]
    cut = answer(GenerateContentRequest(contents=contents, generation_config={"stop_sequences": [stop]}), model="m")
    assert cut.text == whole[: whole.index(stop)]
    assert cut.finish_reason == FinishReason.STOP
    assert cut.candidates[0].finish_message == f"The text came to the stop sequence {stop!r}."


def test_a_limit_that_is_reached_before_the_stop_sequence_is_the_reason_to_end(request_of: Any) -> None:
    request = request_of("Tell me a story", config={"max_output_tokens": 3, "stop_sequences": ["."]})
    candidate = answer(request, model="m").candidates[0]
    assert (candidate.finish_reason, candidate.finish_message) == (FinishReason.MAX_TOKENS, None)


def test_candidates_differ_and_take_turns(request_of: Any) -> None:
    request = request_of("Tell me a story", config={"candidate_count": 3})
    order = [beat.chunk.candidates[0].index for beat in stream(request, model="m", pace=INSTANT)]
    assert order[:6] == [0, 1, 2, 0, 1, 2]
    found = answer(request, model="m").candidates
    assert [candidate.index for candidate in found] == [0, 1, 2]
    assert len({candidate.content.parts[0].text for candidate in found}) == 3


def test_thoughts_come_first_and_are_counted(request_of: Any) -> None:
    config = {"thinking_config": {"include_thoughts": True}}
    response = answer(request_of(STORY, config=config), model="m")
    assert response.parts[0].thought
    assert response.thought_text
    assert response.usage_metadata.thoughts_token_count > 0
    silent = answer(request_of(STORY, config={"thinking_config": {"thinking_budget": 100}}), model="m")
    assert not silent.thought_text
    assert silent.usage_metadata.thoughts_token_count > 0
    off = answer(request_of(STORY, config={"thinking_config": {"thinking_budget": 0}}), model="m")
    assert off.usage_metadata.thoughts_token_count is None


def test_a_newer_model_signs_an_empty_last_part(request_of: Any) -> None:
    last = list(stream(request_of(STORY), model="gemini-3-flash", pace=INSTANT))[-1].chunk
    assert last.text == ""
    assert last.parts[0].thought_signature
    assert last.finish_reason == FinishReason.STOP


@pytest.mark.parametrize(
    "fields",
    [{"contents": []}, {}, {"contents": [{"role": "user"}]}, *({"generation_config": config} for config in (
        {"temperature": 3}, {"temperature": -1}, {"candidate_count": 9}, {"candidate_count": 0}, {"top_p": 2},
        {"max_output_tokens": 0}, {"response_mime_type": "image/png"}, {"stop_sequences": list("abcdef")}))],
)  # fmt: skip
def test_bad_requests_are_refused_in_the_shape_of_the_api(fields: Any) -> None:
    if "generation_config" in fields:
        fields["contents"] = [{"role": "user", "parts": [{"text": "hi"}]}]
    with pytest.raises(APIError) as caught:
        stream(GenerateContentRequest(**fields), model="m")
    assert caught.value.code == 400
    assert caught.value.details["error"]["status"] == "INVALID_ARGUMENT" == caught.value.status


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ([], "contents is not specified"),
        ([{"role": "user", "parts": [{"text": ""}]}], "required oneof field 'data' must have one initialized field"),
        ([{"parts": [{"text": "a"}]}, {"role": "model", "parts": [{"text": "b"}]}, {"role": "user", "parts": [{}]}],
         "contents[2].parts[0].data: required oneof field"),
        ([{"role": "assistant", "parts": [{"text": "a"}]}], "Please use a valid role: user, model."),
        ([{"role": "system", "parts": [{"text": "a"}]}], "Please use a valid role: user, model."),
        ([{"role": "model", "parts": [{"text": "a"}]}], "Please ensure that multiturn requests ends with a user role"),
    ],
)  # fmt: skip
def test_a_conversation_that_asks_nothing_is_refused_in_the_words_of_the_api(contents: Any, words: Any) -> None:
    for call in (lambda request: stream(request, model="m"), count_tokens):
        with pytest.raises(APIError) as caught:
            call(GenerateContentRequest(contents=contents))
        assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
        assert words in caught.value.message


@pytest.mark.parametrize("model", ["nonexistent-model", "models/does-not-exist", "an-invalid-model"])
def test_unknown_models_are_not_found(request_of: Any, model: Any) -> None:
    with pytest.raises(APIError) as caught:
        stream(request_of("hi"), model=model)
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")


def test_the_models_say_that_they_are_offline() -> None:
    assert all(model.name.startswith("models/gemini-") and "offline" in model.display_name for model in list_models())


@given(st.text(max_size=300))
def test_tokens_joined_are_the_text(text: Any) -> None:
    assert "".join(split(text)) == text
    assert count(text) == len(list(split(text)))


@pytest.mark.parametrize(
    "cluster",
    [
        "e\u0301",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\U0001f44d\U0001f3fd",
        "\U0001f1e9\U0001f1ea",
        "\u0915\u094d\u0937",
    ],
)
def test_no_token_splits_what_is_seen_as_one_character(cluster: Any) -> None:
    assert all(cluster in token or token == "x" for token in split(f"x{cluster}") if token != "x")
    assert list(split(cluster)) == [cluster]


HOSTILE = st.one_of(
    st.text(max_size=200),
    st.sampled_from(["", "\0", "\ud800", "{" * 999, "{name} %s {0}", "\u202e" * 50, "story about {hero}", "a" * 5000]),
)
PARTS: Any = st.one_of(
    HOSTILE.map(lambda text: {"text": text}),
    st.binary(max_size=80).map(lambda data: {"inline_data": {"data": data, "mime_type": "image/png"}}),
    st.just({"file_data": {}}),
    st.just({"function_response": {"name": "f", "response": {"a": [None, {"b": {}}]}}}),
)


@given(
    st.lists(
        st.tuples(st.sampled_from(["user", "model", "tool", "function", None]), st.lists(PARTS, max_size=3)),
        min_size=1,
        max_size=4,
    ),
    HOSTILE,
)
@settings(max_examples=150)
def test_garbage_is_answered_or_refused(turns: Any, system: Any) -> None:
    """No request leads to any exception but an APIError, and every answer can be sent as JSON."""
    contents = [{"role": role, "parts": parts} for role, parts in turns]
    request = GenerateContentRequest(contents=contents, system_instruction={"parts": [{"text": system}]})
    try:
        response = answer(request, model="m")
    except APIError:
        users = [role != "model" for role, _ in turns]
        end = len(users) - users[::-1].index(True) if any(users) else 0
        start = next((place + 1 for place in range(end - 1, -1, -1) if not users[place]), 0)
        assert not any(part != {"text": ""} for _, parts in turns[start:end] for part in parts)
    else:
        assert response.finish_reason == FinishReason.STOP
        assert response.raw


@pytest.mark.parametrize(
    "text",
    [
        "x" * 1_000_000,
        "word " * 200_000,
        "in 9 " * 100_000,
        "\U0001f600" * 250_000,
        '{"a":' * 100_000,
        "story about " * 80_000,
    ],
)
def test_a_prompt_of_a_megabyte_is_answered(say: Any, text: Any) -> None:
    assert isinstance(say(text), str)
