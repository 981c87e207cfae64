"""Whatever a user passes as contents is sent as the turns that it stands for, or refused before anything is sent."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater.errors import UsageError
from headwater.genai import types
from tests.support.servers import Server, whole

TEXT = {"text": "hi"}
PNG = base64.b64encode(b"\x89PNG\xff").decode()


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that answers everything."""
    with Server(whole) as running:
        yield running


def sent(side: Any, server: Server, **arguments: Any) -> Any:
    """Return the body that a call sends."""
    side.ask(server.client(), **arguments)
    return server.requests[-1].json


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "parts": list(parts)}


BLOB = {"inlineData": {"mimeType": "image/png", "data": PNG}}


@pytest.mark.parametrize(
    ("contents", "wanted"),
    [
        ("hi", [user(TEXT)]),
        (["hi", "there"], [user(TEXT, {"text": "there"})]),
        (("hi", "there"), [user(TEXT, {"text": "there"})]),
        ([["a", "b"], ["c"]], [user({"text": "a"}, {"text": "b"}), user({"text": "c"})]),
        (types.Part(text="hi"), [user(TEXT)]),
        (types.Part.from_text(text="hi"), [user(TEXT)]),
        (types.Content(role="user", parts=[types.Part(text="hi")]), [user(TEXT)]),
        (types.Content(parts=[types.Part(text="hi")]), [{"parts": [TEXT]}]),
        (types.UserContent(parts=[types.Part(text="hi")]), [user(TEXT)]),
        (
            [types.UserContent(parts=["a"]), types.ModelContent(parts=["b"]), "c"],
            [user({"text": "a"}), {"role": "model", "parts": [{"text": "b"}]}, user({"text": "c"})],
        ),
        ({"role": "user", "parts": [{"text": "hi"}]}, [user(TEXT)]),
        ([{"role": "model", "parts": [{"text": "hi"}]}], [{"role": "model", "parts": [TEXT]}]),
        ({"text": "hi"}, [user(TEXT)]),
        ({"inline_data": {"mime_type": "image/png", "data": PNG}}, [user(BLOB)]),
        ({"inlineData": {"mimeType": "image/png", "data": PNG}}, [user(BLOB)]),
        ({"inline_data": {"mime_type": "image/png", "data": b"\x89PNG\xff"}}, [user(BLOB)]),
        (types.Part.from_bytes(data=b"\x89PNG\xff", mime_type="image/png"), [user(BLOB)]),
        (["look", types.Part.from_bytes(data=b"\x89PNG\xff", mime_type="image/png")], [user({"text": "look"}, BLOB)]),
        (
            types.Part.from_uri(file_uri="gs://b/x.pdf", mime_type="application/pdf"),
            [user({"fileData": {"fileUri": "gs://b/x.pdf", "mimeType": "application/pdf"}})],
        ),
        (
            types.Part.from_uri(file_uri="https://h/x.png"),
            [user({"fileData": {"fileUri": "https://h/x.png", "mimeType": "image/png"}})],
        ),
        (
            ["a", types.Part.from_function_call(name="f", args={"x": 1}), "b"],
            [
                user({"text": "a"}),
                {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"x": 1}}}]},
                user({"text": "b"}),
            ],
        ),
        (
            types.Part.from_function_response(name="f", response={"y": 2}),
            [user({"functionResponse": {"name": "f", "response": {"y": 2}}})],
        ),
        (
            types.File(uri="https://h/v1/files/a", mime_type="image/png", name="files/a"),
            [user({"fileData": {"fileUri": "https://h/v1/files/a", "mimeType": "image/png"}})],
        ),
        (
            ["look", {"uri": "https://h/v1/files/a", "mimeType": "image/png"}],
            [user({"text": "look"}, {"fileData": {"fileUri": "https://h/v1/files/a", "mimeType": "image/png"}})],
        ),
        (types.Image(image_bytes=b"\x89PNG\xff", mime_type="image/png"), [user(BLOB)]),
        (types.Blob(data=b"\x89PNG\xff", mime_type="image/png"), [user(BLOB)]),
        (
            {"file_uri": "gs://b/x", "mime_type": "m"},
            [user({"fileData": {"fileUri": "gs://b/x", "mimeType": "m"}})],
        ),
        ("Grüße ☃\u2028", [user({"text": "Grüße ☃\u2028"})]),
        ("", [user({"text": ""})]),
    ],
)
def test_contents_are_sent_as_turns(side: Any, server: Server, contents: Any, wanted: Any) -> None:
    """Every form of contents becomes the turns that google-genai would send."""
    assert sent(side, server, contents=contents)["contents"] == wanted


@pytest.mark.parametrize(
    "contents",
    [
        None,
        [],
        [[]],
        5,
        b"raw",
        pytest.param(object(), id="object"),
        [5],
        ["a", None],
        {"no_such": 1},
        [["a", 5]],
        [["a", ["b"]]],
        types.File(uri="u"),
        [{"uri": "u", "name": "files/a"}],
        Path("a.png"),
    ],
    ids=str,
)
def test_contents_that_say_nothing_are_refused(side: Any, server: Server, contents: Any) -> None:
    """What can not be said to a model is a UsageError before anything is sent."""
    with pytest.raises(UsageError):
        side.ask(server.client(), contents=contents)
    assert server.requests == []


def test_an_image_of_pillow_is_sent_as_png_or_as_the_jpeg_that_it_was(
    side: Any, server: Server, tmp_path: Path
) -> None:
    pillow = pytest.importorskip("PIL.Image")
    pillow.new("RGB", (2, 2), "red").save(tmp_path / "a.jpg")
    with pillow.open(tmp_path / "a.jpg") as photo:
        parts = sent(side, server, contents=["look", pillow.new("RGB", (2, 2)), photo])["contents"][0]["parts"]
    kinds = [part["inlineData"]["mimeType"] for part in parts[1:]]
    starts = [base64.b64decode(part["inlineData"]["data"])[:3] for part in parts[1:]]
    assert (kinds, starts) == (["image/png", "image/jpeg"], [b"\x89PN", b"\xff\xd8\xff"])
