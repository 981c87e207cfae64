"""Answers of every kind for Hypothesis: chunks in any order, and ways to end."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from headwater.core.answer.events import reset_chunk
from headwater.protocols import Encoder, StreamOutcome
from headwater.types import Content, FunctionResponse, GenerateContentResponse, Part

TEXTS = st.text(max_size=6) | st.sampled_from(["\n", "a\n\nb", " x", "\u2028", "data: ", "\r\n", ""])
SIGNATURES = st.none() | st.binary(min_size=1, max_size=4)
NAMES = st.sampled_from(["f", "g", ""])
IDS = st.none() | st.sampled_from(["1", "2"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab", max_size=1), inner, max_size=2),
    max_leaves=4,
)
ARGS = st.dictionaries(st.text("ab", min_size=1, max_size=2), VALUES, max_size=2)
PATHS = st.sampled_from(
    [
        "$.a",
        "$.b",
        "$.a.b",
        "$.a[0]",
        "$.a[1]",
        "$.a[0].c",
        "$.a[5]",
        "$.a[]",
        "$.b[]",
        "$.c.d[]",
        "$",
        "",
        "$.c.d.e",
        "$['x y']",
    ]
)
PIECES = st.builds(
    lambda path, value, more: {"jsonPath": path, **value, **({"willContinue": True} if more else {})},
    PATHS,
    st.fixed_dictionaries({"stringValue": st.text(max_size=3)})
    | st.fixed_dictionaries({"numberValue": st.integers(-9, 9)})
    | st.fixed_dictionaries({"boolValue": st.booleans()})
    | st.just({"nullValue": "NULL_VALUE"})
    | st.just({}),
    st.booleans(),
)


def _call(**fields: Any) -> dict[str, Any]:
    return {"functionCall": {name: value for name, value in fields.items() if value is not None}}


CALLS = (
    st.builds(lambda name, args, call_id: _call(name=name, args=args, id=call_id), NAMES, ARGS, IDS)
    | st.builds(lambda name, args: _call(name=name, args=args, willContinue=True), NAMES, st.none() | ARGS)
    | st.builds(lambda pieces: _call(partialArgs=pieces, willContinue=True), st.lists(PIECES, max_size=3))
    | st.just(_call())
)
PARTS = (
    st.builds(
        lambda text, thought, sign: Part(text=text, thought=thought or None, thought_signature=sign),
        TEXTS,
        st.booleans(),
        SIGNATURES,
    )
    | st.builds(lambda call, sign: Part(**call, thought_signature=sign), CALLS, SIGNATURES)
    | st.builds(
        lambda name, value, call_id: Part(
            function_response={"name": name, "response": {"result": value}, "id": call_id}
        ),
        NAMES,
        VALUES,
        IDS,
    )
    | st.sampled_from(
        [
            Part(function_response=FunctionResponse(name="f", response={"error": "no"})),
            Part(executable_code={"code": "1", "language": "PYTHON"}),
            Part(code_execution_result={"outcome": "OUTCOME_OK", "output": "1"}, thought_signature=b"s"),
            Part(tool_call={"tool_type": "GOOGLE_SEARCH_WEB", "args": {}}),
            Part(tool_response={"tool_type": "GOOGLE_SEARCH_WEB", "response": {"a": 1}}),
            Part(inline_data={"data": b"x", "mime_type": "image/png"}, thought_signature=b"s"),
            Part(inline_data={"data": b"x", "mime_type": "image/png"}, thought=True),
            Part(file_data={"file_uri": "gs://b/f", "mime_type": "text/plain"}),
            Part(thought_signature=b"alone"),
            Part(),
        ]
    )
)
GROUNDING = {
    "grounding_chunks": [{"web": {"uri": "https://a.test"}}, {"retrieved_context": {"title": "t", "uri": "u"}}]
}


def _chunk(parts: list[Part], finish: str | None, index: int | None, more: dict[str, Any]) -> GenerateContentResponse:
    candidate = {"content": Content(parts=parts, role="model"), "finish_reason": finish, "index": index}
    return GenerateContentResponse(candidates=[candidate], **more)


CHUNKS = st.builds(
    _chunk,
    st.lists(PARTS, max_size=4),
    st.sampled_from([None, None, None, "STOP", "MAX_TOKENS", "SAFETY", "NEW_REASON"]),
    st.sampled_from([None, 0, 0, 1]),
    st.sampled_from([{}, {"response_id": "r"}, {"model_version": "m", "usage_metadata": {"total_token_count": 3}}]),
) | st.sampled_from(
    [
        GenerateContentResponse(),
        GenerateContentResponse(prompt_feedback={"block_reason": "SAFETY"}),
        GenerateContentResponse(candidates=[{"grounding_metadata": GROUNDING}]),
    ]
)
RESETS = st.builds(reset_chunk)


def turned(chunks: list[GenerateContentResponse], at: int) -> list[GenerateContentResponse]:
    """The chunks as they are when functions were called on the way, before chunk ``at``."""
    answer = Part(function_response=FunctionResponse(name="f", response={"result": 1}))
    for number, chunk in enumerate(chunks):
        turns = [Content(role="model"), Content(role="user", parts=[answer])] if number >= at else []
        chunk.automatic_function_calling_history = turns
    return chunks


ENDS = st.sampled_from(["finished", "cancelled", "failed", "broken"])


def written(encoder: Encoder, chunks: list[GenerateContentResponse], end: str) -> bytes:
    """The whole body of an answer that ends so."""
    pieces = [encoder.begin(), *(encoder.chunk(chunk) for chunk in chunks)]
    match end:
        case "failed":
            pieces.append(encoder.fail(b'{"error": {"code": 503, "status": "UNAVAILABLE", "message": "busy"}}'))
        case "broken":
            pieces.append(encoder.fail(ValueError("secret")))
        case "cancelled":
            pieces.append(encoder.end(StreamOutcome(reason="cancelled", message="enough", seconds=1.5)))
        case _:
            pieces.append(encoder.end())
    assert encoder.begin() + encoder.chunk(GenerateContentResponse()) + encoder.end() + encoder.fail(b"") == b""
    return b"".join(pieces)
