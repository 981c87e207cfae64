"""Chunks fold into one answer that loses nothing, and what has come can be read at any moment."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.answer import fold as module
from headwater.core.answer.fold import Fold
from headwater.types import (
    NO_USAGE,
    Candidate,
    FinishReason,
    FunctionCall,
    GenerateContentResponse,
    LogprobsResultCandidate,
    ModelStatus,
    Part,
    UsageMetadata,
)
from headwater.types.base import to_snake
from tests.support.corpus_cases import facts


def chunk(*parts: Any, **fields: Any) -> GenerateContentResponse:
    """A chunk of one candidate; ``fields`` are the candidate's."""
    return GenerateContentResponse(candidates=[{"content": {"parts": list(parts)}, **fields}])


def folded(*chunks: GenerateContentResponse) -> Fold:
    fold = Fold()
    for one in chunks:
        fold.add(one)
    return fold


def parts(*chunks: GenerateContentResponse) -> list[Part]:
    return folded(*chunks).response.parts


def first(*chunks: GenerateContentResponse) -> Candidate:
    candidates = folded(*chunks).response.candidates
    assert candidates
    return candidates[0]


def test_nothing_folds_into_nothing() -> None:
    fold = Fold()
    assert (fold.text, fold.thought_text, fold.finish_reason, fold.count) == ("", "", None, 0)
    assert fold.response == GenerateContentResponse()
    assert not fold.usage_metadata


def test_text_is_merged_into_one_part() -> None:
    assert parts(chunk("Hel"), chunk("lo ", "wor"), chunk("ld")) == [Part("Hello world")]


def test_thoughts_are_parts_of_their_own_and_no_text() -> None:
    fold = folded(
        chunk(Part(text="hm", thought=True)), chunk(Part(text="...", thought=True), "So "), chunk("yes"), chunk()
    )
    assert fold.response.parts == [Part(text="hm...", thought=True), Part("So yes")]
    assert (fold.text, fold.thought_text) == ("So yes", "hm...")
    assert (fold.response.text, fold.response.thought_text) == ("So yes", "hm...")


def test_what_is_signed_goes_back_as_it_came() -> None:
    """A signature belongs to its part: neither is merged, an empty one neither dropped."""
    signed = Part(text="b", thought_signature=b"s1")
    last = Part(text="", thought_signature=b"s2")
    assert parts(chunk("a"), chunk(signed), chunk("c"), chunk("d"), chunk(last)) == [
        Part("a"),
        signed,
        Part("cd"),
        last,
    ]
    assert folded(chunk("a"), chunk(signed), chunk("c")).text == "abc"


def test_empty_text_leaves_no_part() -> None:
    assert parts(chunk("a"), chunk(""), chunk("b"), chunk("")) == [Part("ab")]


def test_data_parts_keep_their_place_between_the_text() -> None:
    code = Part.from_executable_code(code="1", language="PYTHON")
    image = Part.from_bytes(data=b"\x00\xff", mime_type="image/png")
    assert parts(chunk("a"), chunk(code, "b"), chunk("c"), chunk(image)) == [Part("a"), code, Part("bc"), image]


def test_whole_function_calls_stay_as_they_are() -> None:
    calls = [Part(function_call={"name": "f", "args": {"a": 1}, "id": "1"}, thought_signature=b"s")]
    calls += [Part.from_function_call(name="f", args={}), Part.from_function_call(name="g", args={})]
    assert parts(chunk(calls[0], calls[1]), chunk(calls[2])) == calls


def test_streamed_arguments_become_one_call_that_keeps_its_signature() -> None:
    begun = Part(
        function_call={
            "name": "f",
            "id": "1",
            "partial_args": [{"json_path": "$.a", "string_value": "x", "will_continue": True}],
            "will_continue": True,
        },
        thought_signature=b"s",
    )
    goes_on = Part(function_call={"partial_args": [{"json_path": "$.a", "string_value": "y"}], "will_continue": True})
    whole = Part(function_call=FunctionCall(id="1", name="f", args={"a": "xy"}), thought_signature=b"s")
    assert parts(chunk("so"), chunk(begun), chunk(goes_on), chunk(Part(function_call={}))) == [Part("so"), whole]


def test_candidates_are_told_apart_by_their_index() -> None:
    def both(a: str, b: str) -> GenerateContentResponse:
        pieces = [{"content": {"parts": [b]}, "index": 1}, {"content": {"parts": [a]}, "index": 0}]
        return GenerateContentResponse(candidates=pieces)

    fold = folded(both("a", "x"), both("b", "y"), chunk("c", index=2, finish_reason="STOP"))
    answer = fold.response
    assert answer.candidates is not None
    assert [candidate.index for candidate in answer.candidates] == [0, 1, 2]
    assert [candidate.content and candidate.content.parts for candidate in answer.candidates] == [
        [Part("ab")],
        [Part("xy")],
        [Part("c")],
    ]
    assert fold.text == "ab"
    assert fold.finish_reason is None, "the first candidate goes on"


def test_the_last_finish_reason_counts() -> None:
    fold = folded(chunk("a"), chunk("b", finish_reason="STOP"), chunk("", finish_reason="MAX_TOKENS"), chunk())
    assert fold.finish_reason is FinishReason.MAX_TOKENS
    assert fold.response.finish_reason is FinishReason.MAX_TOKENS


def usage(**counts: Any) -> GenerateContentResponse:
    return GenerateContentResponse(usage_metadata=counts)


def test_usage_is_cumulative_so_the_last_counts() -> None:
    fold = folded(usage(total_token_count=5, prompt_token_count=5), usage(total_token_count=9, prompt_token_count=6))
    assert fold.usage_metadata == UsageMetadata(total_token_count=9, prompt_token_count=6)


def test_usage_without_a_total_adds_to_what_is_known() -> None:
    fold = folded(usage(total_token_count=5, prompt_token_count=5), chunk("a"), usage(thoughts_token_count=2))
    assert fold.usage_metadata == UsageMetadata(total_token_count=5, prompt_token_count=5, thoughts_token_count=2)
    assert fold.response.usage_metadata is fold.usage_metadata


def test_without_usage_there_is_none() -> None:
    assert folded(chunk("a")).response.usage_metadata is NO_USAGE


def test_grounding_survives_the_empty_objects_that_streams_send() -> None:
    grounding = {"web_search_queries": ["q"], "grounding_chunks": [{"web": {"uri": "u"}}]}
    last = first(
        chunk("a", grounding_metadata={}), chunk("b", grounding_metadata=grounding), chunk(grounding_metadata={})
    )
    assert last.grounding_metadata is not None
    assert last.grounding_metadata.web_search_queries == ["q"]
    assert first(chunk("a", grounding_metadata={})).grounding_metadata is None


def test_citations_of_all_chunks_are_kept_once() -> None:
    one, two, three = ({"uri": uri, "start_index": 1} for uri in "abc")
    answer = first(
        chunk("a", citation_metadata={"citations": [one]}),
        chunk("b"),
        chunk("c", citation_metadata={"citation_sources": [one, two]}),
        chunk("d", citation_metadata={"citations": [three]}, finish_reason="STOP"),
    )
    assert answer.citation_metadata is not None
    assert [citation.uri for citation in answer.citation_metadata.citations or ()] == ["a", "b", "c"]


def logprobs(token: str, total: float) -> GenerateContentResponse:
    one = {"token": token, "log_probability": -1.0}
    result = {"chosen_candidates": [one], "top_candidates": [{"candidates": [one]}], "log_probability_sum": total}
    return chunk(token, logprobs_result=result)


def test_log_probabilities_of_all_chunks_stay_side_by_side() -> None:
    """Equal tokens are kept each time, and what was chosen beside what was near."""
    result = first(logprobs("a", -1), logprobs("a", -2), logprobs("b", -3)).logprobs_result
    assert result is not None
    token = LogprobsResultCandidate
    assert result.chosen_candidates == [token(token=name, log_probability=-1.0) for name in "aab"]
    assert [top.candidates for top in result.top_candidates or ()] == [[one] for one in result.chosen_candidates]
    assert result.log_probability_sum == -3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("finish_message", "why"),
        ("token_count", 7),
        ("avg_logprobs", -0.5),
        ("continuation_token", b"t"),
        ("safety_ratings", [{"category": "HARM_CATEGORY_HARASSMENT", "blocked": True}]),
        ("url_context_metadata", {"url_metadata": [{"retrieved_url": "u"}]}),
    ],
)
def test_the_rest_of_a_candidate_is_kept_and_the_latest_counts(name: str, value: Any) -> None:
    newer = chunk("b", **{name: value})
    wanted = newer.candidates and getattr(newer.candidates[0], name)
    assert wanted is not None
    assert getattr(first(chunk("a", **{name: value}), chunk("b")), name) == wanted
    assert getattr(first(chunk("a"), newer, chunk("c", finish_reason="STOP")), name) == wanted


def test_what_heads_a_chunk_is_kept() -> None:
    status, time = ModelStatus(message="m"), datetime(2025, 1, 2, tzinfo=UTC)
    heads = {"model_version": "m", "response_id": "r", "create_time": time, "model_status": status}
    answer = folded(GenerateContentResponse(**heads), chunk("a")).response
    assert {name: getattr(answer, name) for name in heads} == heads


@pytest.mark.parametrize("head", [{}, {"response_id": "r"}])
def test_a_refusal_of_the_prompt_is_kept_whenever_it_comes(head: dict[str, Any]) -> None:
    refusal = GenerateContentResponse(prompt_feedback={"block_reason": "SAFETY"}, **head)
    said = GenerateContentResponse(candidates=[{"content": {"parts": ["a"]}}], **head)
    for order in ([refusal, said], [said, refusal], [said, refusal, said]):
        assert folded(*order).response.prompt_feedback == refusal.prompt_feedback


def test_the_headers_of_the_http_answer_are_kept() -> None:
    one = chunk("a")
    one.__dict__["_headers"] = {"server": "x"}
    answer = folded(one).response
    assert answer.sdk_http_response is not None
    assert answer.sdk_http_response.headers == {"server": "x"}


def test_an_answer_that_was_read_is_not_changed_by_what_comes_after() -> None:
    fold = folded(chunk("a", citation_metadata={"citations": [{"uri": "1"}]}), logprobs("b", -1))
    before, frozen = fold.response, to_snake(fold.response)
    fold.add(chunk("c", citation_metadata={"citations": [{"uri": "2"}]}, finish_reason="STOP"))
    fold.add(logprobs("d", -2))
    assert to_snake(before) == frozen
    assert fold.text == "abcd"


def test_folding_changes_no_chunk() -> None:
    begun = Part(function_call={"name": "f", "args": {}, "will_continue": True})
    more = Part(function_call={"partial_args": [{"json_path": "$.a", "number_value": 1}]})
    chunks = [logprobs("a", -1), logprobs("b", -2), chunk(begun), chunk(more)]
    before = [to_snake(one) for one in chunks]
    folded(*chunks)
    assert [to_snake(one) for one in chunks] == before


PART = st.one_of(
    st.builds(lambda text: Part(text=text), st.text(max_size=3)),
    st.builds(lambda text: Part(text=text, thought=True), st.text(max_size=3)),
    st.builds(lambda text, sign: Part(text=text, thought_signature=sign), st.text(max_size=2), st.binary(max_size=2)),
    st.builds(lambda name: Part.from_function_call(name=name, args={"a": 1}), st.sampled_from("fg")),
    st.just(Part.from_bytes(data=b"x", mime_type="image/png")),
)


@given(st.lists(PART, max_size=12), st.lists(st.integers(0, 12), max_size=6))
def test_any_split_into_chunks_folds_into_the_same_answer(all_parts: list[Part], cuts: list[int]) -> None:
    places = sorted({min(cut, len(all_parts)) for cut in cuts} | {0, len(all_parts)})
    split = [chunk(*all_parts[start:end]) for start, end in pairwise(places)]
    at_once, piecewise = folded(chunk(*all_parts)), folded(*split or [chunk()])
    assert piecewise.response == at_once.response
    assert piecewise.text == "".join(part.text for part in all_parts if part.text and not part.thought)
    assert facts(piecewise.response, count=0) == facts(chunk(*all_parts), count=0) | {"finish_reason": None}


@given(st.lists(PART, max_size=12))
def test_reading_in_between_changes_nothing(all_parts: list[Part]) -> None:
    fold, quiet = Fold(), Fold()
    for part in all_parts:
        fold.add(chunk(part))
        quiet.add(chunk(part))
        assert fold.text == fold.response.text
        assert fold.thought_text == fold.response.thought_text
    assert fold.response == quiet.response


def test_a_fold_is_what_the_whole_answer_would_have_been() -> None:
    """The folded answer survives the wire, and folding it again gives it again."""
    answer = folded(
        chunk("a", "b"), logprobs("c", -1), chunk(Part(text="t", thought=True), finish_reason="STOP")
    ).response
    again = msgspec.json.decode(msgspec.json.encode(answer), type=GenerateContentResponse)
    assert folded(again).response == answer


def test_twenty_thousand_chunks_take_linear_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """No text is copied while chunks come; asked for at the end, it is joined once."""
    one, thought = chunk("0123456789"), chunk(Part(text="abc", thought=True))
    fold = Fold()
    joined = []

    def counted(pieces: list[str]) -> str:
        joined.append(len(pieces))
        return original(pieces)

    original = module._joined
    monkeypatch.setattr(module, "_joined", counted)
    for _ in range(20_000):
        fold.add(thought)
    for _ in range(20_000):
        fold.add(one)
    assert sum(joined) <= 20_000
    assert len(fold.text) == 200_000
    assert len(fold.response.parts) == 2
    assert fold.text is fold.text
    assert sum(joined) < 100_000


def test_log_probabilities_of_twenty_thousand_chunks_are_copied_once(monkeypatch: pytest.MonkeyPatch) -> None:
    copies = []
    replace = msgspec.structs.replace

    def counted(value: Any, **fields: Any) -> Any:
        copies.append(sum(len(items) for items in fields.values() if isinstance(items, list)))
        return replace(value, **fields)

    monkeypatch.setattr(msgspec.structs, "replace", counted)
    one, fold = logprobs("a", -1), Fold()
    for _ in range(20_000):
        fold.add(one)
    result = fold.response.candidates[0].logprobs_result
    assert result is not None
    assert len(result.chosen_candidates or ()) == 20_000
    assert sum(copies) <= 2 * 20_000
