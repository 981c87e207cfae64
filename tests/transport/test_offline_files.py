"""Files and tuned models of the offline engine, as ``headwater serve`` has them."""

from __future__ import annotations

from typing import Any

import pytest

from headwater import genai
from headwater.core.wire.request import HttpRequest
from headwater.errors import APIError, ClientError, NotFoundError, UsageError
from headwater.transport import offline_files
from headwater.transport.offline_files import OfflineFiles

MODEL = "gemini-2.5-flash"
TEXT = "The river rises in the hills. It is cold there."
DATA = TEXT.encode()


@pytest.fixture(autouse=True)
def files(monkeypatch: pytest.MonkeyPatch) -> OfflineFiles:
    """Files of this test alone."""
    own = OfflineFiles()
    monkeypatch.setattr("headwater.transport.offline.FILES", own)
    return own


def client() -> genai.Client:
    """Return a client of the offline engine."""
    return genai.Client(http_options={"base_url": "offline:instant"})


def upload(side: Any, data: bytes = DATA, **config: Any) -> Any:
    """Upload bytes as a text file."""
    return side.call(client(), "files.upload", file=data, config={"mime_type": "text/plain"} | config)


def send(files: OfflineFiles, method: str, path: str, headers: Any = None, body: Any = None) -> Any:
    """Send a request to the files themselves."""
    return files.respond(HttpRequest(method, f"offline:instant/{path}", headers or {}, body))


def start(files: OfflineFiles, size: int | None = None) -> str:
    """Start an upload and return the path of its slices."""
    headers = {"X-Goog-Upload-Command": "start"}
    if size is not None:
        headers["X-Goog-Upload-Header-Content-Length"] = str(size)
    reply = send(files, "POST", "upload/v1beta/files", headers, b'{"file": {"mimeType": "text/plain"}}')
    assert reply.status == 200, reply.body
    return str(reply.headers["x-goog-upload-url"]).removeprefix("offline:instant/")


def test_a_file_is_uploaded_looked_up_listed_downloaded_and_deleted(side: Any, tmp_path: Any) -> None:
    """All methods of ``client.files`` work, and other clients of the process see the same files."""
    file = upload(side, display_name="a river", name="files/my-river")
    assert (file.name, file.display_name, file.size_bytes, file.state) == ("files/my-river", "a river", 47, "ACTIVE")
    assert side.call(client(), "files.get", name=file.uri).name == file.name
    assert side.call(client(), "files.wait_until_active", name=file).expiration_time is not None
    assert [one.name for one in side.call(client(), "files.list").page] == [file.name]
    assert side.call(client(), "files.download", file=file) == DATA
    side.call(client(), "files.download", file=file.download_uri, destination=tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == TEXT
    side.call(client(), "files.delete", name=file.name)
    with pytest.raises(NotFoundError):
        side.call(client(), "files.get", name=file.name)


def test_a_file_of_several_slices_arrives_whole(side: Any) -> None:
    """An upload and a download in slices of 8 MiB give the same bytes; an empty file has none."""
    data = bytes(range(256)) * 40_000
    file = upload(side, data)
    assert file.size_bytes == len(data)
    assert side.call(client(), "files.download", file=file) == data
    assert side.call(client(), "files.download", file=upload(side, b"")) == b""


def test_a_file_in_a_prompt_is_described_and_summarized(side: Any) -> None:
    """A URI stands for the bytes: the type and the size are told, and sentences of a text file are its summary."""
    file = upload(side)
    described = side.ask(client(), model=MODEL, contents=["What is this?", file]).text
    assert "a text file (text/plain, 47 bytes)" in described
    assert side.ask(client(), model=MODEL, contents=["Summarize this.", file]).text == "The river rises in the hills."
    stream = side.stream(client(), model=MODEL, contents=["Summarize this.", file])
    side.read(stream)
    assert stream.text == "The river rises in the hills."
    with pytest.raises(NotFoundError):
        side.ask(client(), model=MODEL, contents=[genai.types.Part.from_uri(file_uri="offline:///files/x.txt")])


def test_a_list_has_pages(side: Any) -> None:
    """The newest files come first, and the pages have all of them."""
    names = [upload(side).name for _ in range(5)]
    pager = side.call(client(), "files.list", config={"page_size": 2})
    assert [one.name for one in pager.page] == [names[4], names[3]]
    rest = side.call(client(), "files.list", config={"page_size": 3, "page_token": "2"})
    assert [one.name for one in rest.page] == [names[2], names[1], names[0]]
    with pytest.raises(ClientError):
        side.call(client(), "files.list", config={"page_token": "x"})


def test_names_are_checked(side: Any) -> None:
    """A name that is taken is a 409, and one that is not a name a 400."""
    upload(side, name="files/one")
    with pytest.raises(APIError, match="exists already") as caught:
        upload(side, name="files/one")
    assert caught.value.code == 409
    with pytest.raises((ClientError, UsageError)):
        upload(side, name="files/No_Name")


def test_memory_is_bounded(side: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit an upload is refused at once, in words, and deleting makes room."""
    monkeypatch.setattr("headwater.transport.offline.FILES", OfflineFiles(max_bytes=100))
    file = upload(side)
    upload(side)
    with pytest.raises(ClientError, match="at most 100 bytes") as caught:
        upload(side)
    assert caught.value.code == 413
    side.call(client(), "files.delete", name=file.name)
    upload(side)


def test_slices_without_an_announced_size_are_bounded_too() -> None:
    """A slice counts when it arrives, and one that does not fit leaves the upload as it was."""
    files = OfflineFiles(max_bytes=10)
    path = start(files)
    command = {"X-Goog-Upload-Command": "upload", "X-Goog-Upload-Offset": "0"}
    assert send(files, "POST", path, command, bytes(11)).status == 413
    assert send(files, "POST", path, command, bytes(10)).status == 200
    reply = send(files, "POST", path, {"X-Goog-Upload-Command": "query"})
    assert reply.headers["x-goog-upload-size-received"] == "10"
    assert send(files, "POST", path, {"X-Goog-Upload-Command": "finalize"}).status == 200


def test_the_number_of_files_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty files cost memory as well; the last upload that was admitted can still be finished."""
    monkeypatch.setattr(offline_files, "_MAX_FILES", 1)
    files = OfflineFiles()
    path = start(files, 1)
    assert send(files, "POST", "upload/v1beta/files", {"X-Goog-Upload-Command": "start"}).status == 413
    assert send(files, "POST", path, {"X-Goog-Upload-Command": "upload, finalize"}, b"x").status == 200


@pytest.mark.parametrize(
    ("headers", "body", "says"),
    [
        ({"X-Goog-Upload-Command": "upload", "X-Goog-Upload-Offset": "5"}, b"x", b"starts at 5"),
        ({"X-Goog-Upload-Command": "upload", "X-Goog-Upload-Offset": "x"}, b"x", b"must be a number"),
        ({"X-Goog-Upload-Command": "finalize"}, b"", b"0 bytes arrived of 2"),
        ({"X-Goog-Upload-Command": "dance"}, b"", b"is one of"),
    ],
)
def test_wrong_slices_are_refused(headers: Any, body: Any, says: Any) -> None:
    """A slice that does not continue the upload is a 400, and the upload continues after it."""
    files = OfflineFiles()
    path = start(files, 2)
    reply = send(files, "POST", path, headers, body)
    assert (reply.status, says in reply.body) == (400, True)
    assert send(files, "POST", path, {"X-Goog-Upload-Command": "upload, finalize"}, b"ok").status == 200


def test_files_and_uploads_expire() -> None:
    """What is old makes room by itself."""
    now = [0.0]
    files = OfflineFiles(max_bytes=10, clock=lambda: now[0])
    path = start(files, 10)
    now[0] = 3600.0
    assert send(files, "POST", path, {"X-Goog-Upload-Command": "query"}).status == 404
    send(files, "POST", start(files, 10), {"X-Goog-Upload-Command": "upload, finalize"}, bytes(10))
    assert b"files/" in send(files, "GET", "v1beta/files").body
    now[0] += 48 * 3600.0
    assert send(files, "GET", "v1beta/files").body == b"{}"


def test_a_cancelled_upload_is_gone() -> None:
    """``cancel`` gives the room back."""
    files = OfflineFiles(max_bytes=10)
    path = start(files, 10)
    assert send(files, "POST", path, {"X-Goog-Upload-Command": "cancel"}).status == 200
    assert send(files, "POST", path, {"X-Goog-Upload-Command": "query"}).status == 404
    start(files, 10)


def test_no_tuned_models_are_listed(side: Any) -> None:
    """The list of tuned models is empty, as at ``headwater serve``."""
    assert side.call(client(), "models.list", config={"query_base": False}).page == []
