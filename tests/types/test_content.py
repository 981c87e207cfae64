"""Content and its parts are made in every way that google-genai has, and are sent as the API reads them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from headwater import types
from headwater.errors import UsageError
from headwater.types import Content, FunctionResponsePart, ModelContent, Part, SpeechConfig, UserContent


def wire(value: Any) -> Any:
    return json.loads(msgspec.json.encode(value))


@pytest.mark.parametrize(
    ("part", "sent"),
    [
        (Part("a"), {"text": "a"}),
        (Part({"text": "a"}), {"text": "a"}),
        (Part(text=""), {"text": ""}),
        (Part.from_text(text="a"), {"text": "a"}),
        (
            Part.from_bytes(data=b"\xfb\xff", mime_type="image/png"),
            {"inlineData": {"data": "+/8=", "mimeType": "image/png"}},
        ),
        (
            Part.from_bytes(data=b"", mime_type="a/b", media_resolution="MEDIA_RESOLUTION_LOW"),
            {"inlineData": {"data": "", "mimeType": "a/b"}, "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"}},
        ),
        (
            Part.from_uri(file_uri="gs://b/a.png?x=1.txt"),
            {"fileData": {"fileUri": "gs://b/a.png?x=1.txt", "mimeType": "image/png"}},
        ),
        (
            Part.from_uri(file_uri="gs://b/a", mime_type="a/b", media_resolution={"num_tokens": 5}),
            {"fileData": {"fileUri": "gs://b/a", "mimeType": "a/b"}, "mediaResolution": {"numTokens": 5}},
        ),
        (Part.from_function_call(name="f", args={"aB": 1}), {"functionCall": {"name": "f", "args": {"aB": 1}}}),
        (
            Part.from_function_response(name="f", response={"r": 1}, id="7"),
            {"functionResponse": {"name": "f", "response": {"r": 1}, "id": "7"}},
        ),
        (
            Part.from_function_response(
                name="f", response={}, parts=[FunctionResponsePart(inline_data={"data": b"x", "mime_type": "a/b"})]
            ),
            {
                "functionResponse": {
                    "name": "f",
                    "response": {},
                    "parts": [{"inlineData": {"data": "eA==", "mimeType": "a/b"}}],
                }
            },
        ),
        (
            Part.from_executable_code(code="1", language="PYTHON"),
            {"executableCode": {"code": "1", "language": "PYTHON"}},
        ),
        (
            Part.from_code_execution_result(outcome="OUTCOME_OK", output="1"),
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
        ),
        (
            Part(text="a", thought=True, thought_signature=b"s"),
            {"text": "a", "thought": True, "thoughtSignature": "cw=="},
        ),
    ],
)
def test_a_part_is_sent_as_the_api_reads_it(part: Part, sent: Any) -> None:
    assert wire(part) == sent
    assert msgspec.json.decode(msgspec.json.encode(part), type=Part) == part


def test_a_file_whose_type_can_not_be_guessed_needs_one() -> None:
    with pytest.raises(UsageError, match="pass mime_type="):
        Part.from_uri(file_uri="gs://b/a")


@pytest.mark.parametrize("kind", [UserContent, ModelContent])
@pytest.mark.parametrize("given", ["a", ["a"], [Part("a")], Part("a"), {"text": "a"}])
def test_a_turn_is_made_of_anything_that_makes_parts_and_says_who_speaks(kind: Any, given: Any) -> None:
    """Without its role on the wire, a turn of the model would be taken for one of the user."""
    role = "user" if kind is UserContent else "model"
    for content in (kind(given), kind(parts=given)):
        assert isinstance(content, Content)
        assert wire(content) == {"parts": [{"text": "a"}], "role": role}
        assert content.to_json_dict() == {"parts": [{"text": "a"}], "role": role}


def test_content_takes_its_parts_in_short() -> None:
    assert Content(role="user", parts=["a", {"text": "b"}, Part("c")]).parts == [Part("a"), Part("b"), Part("c")]
    assert Content(parts="a").parts == [Part("a")]


def test_a_voice_by_its_name() -> None:
    assert wire(SpeechConfig("Kore")) == {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}


def test_a_part_is_made_of_a_file_or_an_image() -> None:
    file = types.File(uri="u", mime_type="m")
    assert types.Part(file) == types.Part(file_data={"file_uri": "u", "mime_type": "m"})
    assert types.UserContent([file, "a"]).parts == [types.Part(file), types.Part("a")]
    with pytest.raises(UsageError, match="needs its uri and mime_type"):
        types.Part(types.File(uri="u"))
    pillow = pytest.importorskip("PIL.Image")
    image = types.Part(pillow.new("L", (1, 1))).as_image()
    assert image is not None
    assert (image.mime_type, (image.image_bytes or b"")[:4]) == ("image/png", b"\x89PNG")


def test_a_tools_answer_over_mcp_is_a_functions_answer() -> None:
    class Item:
        def model_dump(self, **_: object) -> dict[str, str]:
            return {"type": "text", "text": "sunny"}

    class Result:
        content = (Item(),)
        isError = False  # noqa: N815

    told = types.FunctionResponse.from_mcp_response(name="f", response=Result())
    assert told == types.FunctionResponse(name="f", response={"result": list(Result.content)})
    assert told.to_json_dict() == {"name": "f", "response": {"result": [{"type": "text", "text": "sunny"}]}}
    Result.isError = True
    told = types.FunctionResponse.from_mcp_response(name="f", response=Result())
    assert told.to_json_dict()["response"] == {"error": [{"type": "text", "text": "sunny"}]}
    Result.content = ()  # type: ignore[assignment]
    told = types.FunctionResponse.from_mcp_response(name="f", response=Result())
    assert told.response == {"error": "MCP response is error."}


def test_a_part_of_a_file_keeps_its_display_name_where_it_is_taken() -> None:
    """On Vertex AI, whose files are gs://. The Developer API refuses it for the files that it has."""
    for uri, name in (("gs://a/b", "b"), ("https://generativelanguage.googleapis.com/v1beta/files/b", None)):
        data = types.Part(types.File(uri=uri, mime_type="text/plain", display_name="b")).file_data
        assert data == types.FileData(file_uri=uri, mime_type="text/plain", display_name=name)
