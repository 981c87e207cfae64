"""Files: uploaded in slices that may break, looked up, waited for, listed, downloaded and deleted, in both colours."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from headwater import genai
from headwater.client.groups import disk, transfers
from headwater.client.groups.disk import FileSlice, Source
from headwater.client.groups.files import _FILES
from headwater.client.groups.transfers import RunLocally, SendRequest, Sleep, UploadResponse, file_name
from headwater.client.request.settings import Settings
from headwater.core.wire.request import HttpRequest
from headwater.errors import (
    ClientError,
    DeadlineExceeded,
    HeadwaterError,
    NotFoundError,
    ServerError,
    StreamInterrupted,
    UsageError,
    WireError,
)
from headwater.types import File, FileState, UploadFileConfig
from tests.support.live import Live
from tests.support.servers import PATIENCE, Connection, Request, Server, refuses
from tests.support.sides import run_async, run_page
from tests.support.waiting import idle

DATA = bytes(range(256)) * 1000
SLICE = 64 * 1024
#: A config that does not rest long between the tries.
QUICK: dict[str, Any] = {
    "mime_type": "text/plain",
    "http_options": {"retry_options": {"attempts": 3, "initial_delay": 0.001, "jitter": 0}},
}


@pytest.fixture(autouse=True)
def _small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "SLICE_BYTES", SLICE)


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with Live() as server:
        yield server


class OneWay(io.RawIOBase):
    """What can be read once and not be measured, a few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._rest = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._rest.read(min(size, 5000))


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "file", "one way"])
@pytest.mark.parametrize("size", [0, 10, SLICE, 3 * SLICE + 7])
def test_all_that_has_bytes_can_be_uploaded(side: Any, live: Live, tmp_path: Path, kind: str, size: int) -> None:
    """A path, bytes, a file object, one that can not seek: the bytes arrive as they are, and the progress with them."""
    data, path = DATA[:size], tmp_path / "notes.txt"
    path.write_bytes(data)
    file = {"path": path, "text": str(path), "bytes": data, "file": io.BytesIO(data), "one way": OneWay(data)}[kind]
    told: list[tuple[int, int | None]] = []
    client = live.client()
    uploaded = side.call(
        client,
        "files.upload",
        file=file,
        config={"mime_type": "text/plain"},
        on_progress=lambda sent, total: told.append((sent, total)),
    )
    assert isinstance(uploaded, File)
    assert (uploaded.size_bytes, uploaded.mime_type, uploaded.state) == (size, "text/plain", FileState.ACTIVE)
    assert side.call(client, "files.download", file=uploaded) == data
    total = None if kind == "one way" else size
    assert (told[0], told[-1]) == ((0, total), (size, total))
    assert [sent for sent, _ in told] == sorted(sent for sent, _ in told)
    assert len(told) >= -(-size // SLICE)


def test_files_can_be_looked_up_listed_and_deleted(side: Any, tmp_path: Path) -> None:
    """get, list and delete do what they say, by name, id and URI; a file that is gone is NotFoundError."""
    with Live() as live:
        _look_up_list_and_delete(side, live.client(), tmp_path)


def _look_up_list_and_delete(side: Any, client: genai.Client, tmp_path: Path) -> None:
    path = tmp_path / "bild äö.png"
    path.write_bytes(b"png")
    names = [side.call(client, "files.upload", file=path, config={"display_name": f"d{n}"}).name for n in range(3)]
    one = side.call(client, "files.get", name=names[0])
    assert (one.display_name, one.mime_type, one.size_bytes) == ("d0", "image/png", 3)
    assert one.create_time is not None
    assert one.expiration_time > one.create_time
    assert side.call(client, "files.get", name=one.uri).name == side.call(client, "files.get", name=names[0][6:]).name
    pager = side.call(client, "files.list", config={"page_size": 2})
    assert len(pager) == 2
    listed = [file.name for file in (pager if side.name == "sync" else side.read(pager))]
    assert sorted(listed) == sorted(names)
    for name in names:
        side.call(client, "files.delete", name=name)
    with pytest.raises(NotFoundError):
        side.call(client, "files.get", name=names[0])


def test_a_download_can_go_to_a_file(side: Any, live: Live, tmp_path: Path) -> None:
    """destination, a path or a file object, has the bytes then, and nothing is returned."""
    client = live.client()
    uploaded = side.call(client, "files.upload", file=DATA, config={"mime_type": "text/plain"})
    buffer = io.BytesIO()
    for destination in (tmp_path / "copy", buffer):
        assert side.call(client, "files.download", file=uploaded.name, destination=destination) is None
    assert (tmp_path / "copy").read_bytes() == buffer.getvalue() == DATA


@pytest.mark.parametrize("answer", ["whole", "elsewhere", "all of it", "refused"])
def test_a_download_takes_what_was_asked_for(side: Any, tmp_path: Path, answer: str) -> None:
    """An API that knows no ranges sends the whole; any other piece than the next is an error, and leaves no file."""

    def script(connection: Connection, request: Request) -> None:
        first, last = (int(text) for text in request.headers["range"].removeprefix("bytes=").split("-"))
        if answer == "whole" or (answer == "all of it" and first):
            connection.answer(DATA)
        elif answer == "refused" and first:
            connection.answer(refuses(404, "NOT_FOUND", "gone"), "404 Not Found")
        else:
            start = first + 1 if answer == "elsewhere" else first
            span = f"bytes {start}-{last}/{len(DATA)}"
            connection.answer(DATA[first : last + 1], "206 Partial Content", content_range=span)

    target = tmp_path / "copy"
    with Server(script) as server:
        if answer == "whole":
            side.call(server.client(), "files.download", file="f", destination=target)
            assert target.read_bytes() == DATA
        else:
            with pytest.raises((WireError, NotFoundError)):
                side.call(server.client(), "files.download", file="f", destination=target)
            assert not list(tmp_path.iterdir())


class Store:
    """An upload endpoint that keeps what comes. ``trouble`` maps the number of a slice to what goes wrong with it."""

    def __init__(self, trouble: dict[int, str] | None = None, *, finds: bool = True) -> None:
        self.data = b""
        self.offsets: list[int] = []
        self.is_final = False
        self._trouble = trouble or {}
        self._finds = finds
        self._slices = 0

    def __call__(self, connection: Connection, request: Request) -> None:
        command = request.headers["x-goog-upload-command"]
        if command == "start":
            url = f"http://{request.headers['host']}/somewhere?upload_id=1"
            connection.answer(b"", x_goog_upload_status="active", x_goog_upload_url=url)
        elif command == "query":
            self._tell(connection, size=True) if self._finds else connection.answer(
                refuses(503, "UNAVAILABLE", "no"), "503 No"
            )
        else:
            self._take(connection, request, command)

    def _take(self, connection: Connection, request: Request, command: str) -> None:
        offset, trouble = int(request.headers["x-goog-upload-offset"]), self._trouble.get(self._slices, "")
        self._slices += 1
        self.offsets.append(offset)
        assert offset == len(self.data)
        self.data += request.body[: len(request.body) // 2] if trouble.startswith("half") else request.body
        self.is_final = "finalize" in command and not trouble.startswith("half")
        match trouble.removeprefix("half, "):
            case "closed":
                connection.close()
            case "503":
                connection.answer(refuses(503, "UNAVAILABLE", "busy"), "503 Service Unavailable")
            case "silent":
                connection.answer(b"")
            case _:
                self._tell(connection)

    def _tell(self, connection: Connection, *, size: bool = False) -> None:
        body = {"file": {"name": "files/f", "sizeBytes": str(len(self.data))}} if self.is_final else b""
        extra = {"x_goog_upload_size_received": str(len(self.data))} if size else {}
        connection.answer(body, x_goog_upload_status="final" if self.is_final else "active", **extra)


@pytest.mark.parametrize("trouble", ["closed", "503", "silent", "half, closed", "half, 503"])
@pytest.mark.parametrize("number", [0, 1, 3])
@pytest.mark.parametrize("seekable", [True, False])
def test_a_broken_slice_is_gone_on_with(side: Any, trouble: str, number: int, seekable: bool) -> None:
    """Where a slice breaks, the API is asked what arrived, and exactly the rest is sent, also where it was the last."""
    store = Store({number: trouble})
    with Server(store) as server:
        file = io.BytesIO(DATA) if seekable else OneWay(DATA)
        assert side.call(server.client(), "files.upload", file=file, config=QUICK).size_bytes == len(DATA)
    assert store.data == DATA
    assert store.is_final


def test_troubles_that_end_are_forgotten(side: Any) -> None:
    """The tries are counted anew for each slice: an upload with more troubles than tries arrives."""
    store = Store(dict.fromkeys(range(0, 12, 2), "half, closed"))
    with Server(store) as server:
        side.call(server.client(), "files.upload", file=DATA, config=QUICK)
    assert store.data == DATA
    assert len(store.offsets) == 6, "three slices broke, and three tries are allowed for one"


def test_an_upload_that_does_not_come_further_is_given_up(side: Any) -> None:
    """After the tries that the options allow, the last error is raised."""
    with Server(Store({1: "closed"}, finds=False)) as server:
        with pytest.raises(ServerError, match="503"):
            side.call(server.client(), "files.upload", file=DATA, config=QUICK)
        commands = [request.headers["x-goog-upload-command"] for request in server.requests]
        assert commands == ["start", "upload", "upload", "query", "query"]


def test_an_upload_that_only_pretends_to_come_further_is_given_up(side: Any) -> None:
    """An API that answers "active" for ever and takes nothing does not hold the caller for ever."""

    def script(connection: Connection, request: Request) -> None:
        url = f"http://{request.headers['host']}/up"
        connection.answer(b"", x_goog_upload_status="active", x_goog_upload_url=url, x_goog_upload_size_received="0")

    with Server(script) as server, pytest.raises(StreamInterrupted, match="makes no progress"):
        side.call(server.client(), "files.upload", file=DATA, config=QUICK)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (None, "did not return an upload URL"),
        ("https://evil.example/upload", "another host, https://evil.example"),
        ("https://googleapis.com.evil.example/upload", "another host"),
        ("https://evilgoogleapis.com/upload", "another host"),
        ("http://storage.googleapis.com/upload", "another host"),
        ("file:///etc/passwd", "another host"),
        ("http://[broken", "another host"),
        ("http://127.0.0.1:1/upload", "another host"),
    ],
)
def test_an_upload_goes_to_no_other_host(side: Any, url: str | None, reason: str) -> None:
    """The API may not send the file to a host that the caller did not name, unless it is Google's."""

    def script(connection: Connection, request: Request) -> None:
        extra = {} if url is None else {"x_goog_upload_url": url}
        connection.answer(b"", x_goog_upload_status="active", **extra)

    with Server(script) as server:
        with pytest.raises(WireError, match=reason):
            side.call(server.client(), "files.upload", file=b"secret", config=QUICK)
        assert len(server.requests) == 1


def answered(headers: dict[str, str], **fields: Any) -> UploadResponse:
    """Return an answer with these headers."""
    answer = UploadResponse(**fields)
    answer.__dict__["_headers"] = headers
    return answer


@pytest.mark.parametrize(
    ("url", "goes"),
    [("https://upload.googleapis.com/up?upload_id=1", False), ("https://gateway.example/up?upload_id=1", True)],
)
def test_the_key_goes_to_the_host_that_it_is_for(url: str, goes: bool) -> None:
    """Neither the key nor headers of the user's own go with the slices to another host of Google's."""
    options = {"base_url": "https://gateway.example/", "headers": {"X-Team": "t"}}
    settings = Settings(api_key="test-key", http_options=options)
    errand = transfers.upload(settings, b"x", UploadFileConfig(mime_type="text/plain"), None)
    assert isinstance(next(errand), RunLocally)
    start = errand.send(Source(b"x"))
    assert isinstance(start, SendRequest)
    assert start.request.url == "https://gateway.example/upload/v1/files"
    assert start.request.headers["x-goog-api-key"] == "test-key"
    assert isinstance(errand.send(answered({"x-goog-upload-url": url, "x-goog-upload-status": "active"})), RunLocally)
    sent = errand.send(FileSlice(b"x", is_last=True))
    assert isinstance(sent, SendRequest)
    assert sent.request.url == url
    assert ("x-goog-api-key" in sent.request.headers, "X-Team" in sent.request.headers) == (goes, goes)


@pytest.mark.parametrize(
    ("file", "config", "reason"),
    [
        (b"x", None, "mime_type"),
        (io.BytesIO(b"x"), None, "mime_type"),
        (io.StringIO("text"), {"mime_type": "text/plain"}, "'rb'"),
        (5, {"mime_type": "text/plain"}, "a path, bytes or a file object"),
        (b"x", {"mime_type": "text/plain", "name": "a/b"}, "not the name of a file"),
        (b"x", {"mime": "text/plain"}, "mime_type"),
    ],
)
def test_what_can_not_be_uploaded_is_refused(side: Any, live: Live, file: Any, config: Any, reason: str) -> None:
    """A UsageError says what to pass."""
    with pytest.raises(UsageError, match=reason):
        side.call(live.client(), "files.upload", file=file, config=config)


def test_a_file_of_the_caller_stays_open(side: Any, live: Live, tmp_path: Path) -> None:
    """A file object is the caller's to close; its name tells the MIME type."""
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF")
    with path.open("rb") as file:
        assert side.call(live.client(), "files.upload", file=file).mime_type == "application/pdf"
        assert not file.closed


def test_vertex_has_no_files(side: Any) -> None:
    """On Vertex AI the error says what to use instead."""
    client = genai.Client(vertexai=True, api_key="k")
    for method, arguments in {"upload": {"file": b"x"}, "get": {"name": "f"}, "list": {}}.items():
        with pytest.raises(UsageError, match="Cloud Storage"):
            side.call(client, f"files.{method}", **arguments)


@pytest.mark.parametrize(
    "given",
    [
        "files/abc-1",
        "abc-1",
        "https://generativelanguage.googleapis.com/v1beta/files/abc-1",
        "https://generativelanguage.googleapis.com/v1beta/files/abc-1:download?alt=media",
        File(name="files/abc-1"),
        File(uri="http://localhost/v1/files/abc-1"),
    ],
)
def test_a_file_has_many_names(given: Any) -> None:
    """Name, id, URI and File mean the same."""
    assert file_name(given) == "files/abc-1"


@pytest.mark.parametrize("given", ["", "files/", "files/../models", "..", "a b", "a?b", "https://x/", File(), None, 5])
def test_what_names_no_file_is_refused(given: Any) -> None:
    """Nothing else is sent to the API as a name."""
    with pytest.raises(UsageError):
        file_name(given)


class Waiting:
    """A wait for a file on a fake clock, whose states are given."""

    def __init__(self, *states: dict[str, Any], timeout: float = 10.0) -> None:
        self.now = 100.0
        self.rests: list[float] = []
        self._states = states
        self._errand = transfers.until_active(
            HttpRequest("GET", "http://x/files/f", {}), _FILES, None, timeout, lambda: self.now
        )

    def run(self) -> File:
        step: Any = next(self._errand)
        number = 0
        try:
            while True:
                if isinstance(step, Sleep):
                    self.rests.append(step.seconds)
                    self.now += step.seconds
                    step = next(self._errand)
                else:
                    state = self._states[min(number, len(self._states) - 1)]
                    number += 1
                    step = self._errand.send(File(name="files/f", **state))
        except StopIteration as end:
            return cast("File", end.value)


def test_waiting_ends_when_the_file_is_active() -> None:
    """The looks become rarer, and the file is returned as soon as it is active."""
    waiting = Waiting(*[{"state": "PROCESSING"}] * 4, {"state": "ACTIVE", "uri": "u"}, timeout=600)
    assert waiting.run().uri == "u"
    assert len(waiting.rests) == 4
    assert waiting.rests == sorted(waiting.rests)


def test_waiting_ends_when_the_file_failed() -> None:
    """A file that could not be processed is an error that says why."""
    waiting = Waiting({"state": "PROCESSING"}, {"state": "FAILED", "error": {"code": 3, "message": "no such codec"}})
    with pytest.raises(ClientError, match="files/f: no such codec") as caught:
        waiting.run()
    assert (caught.value.status, caught.value.details["error"]["code"]) == ("FAILED_PRECONDITION", 3)


@pytest.mark.parametrize("state", ["PROCESSING", "STATE_UNSPECIFIED", "A_NEW_STATE"])
def test_waiting_ends_with_its_timeout(state: str) -> None:
    """After exactly the timeout, a file that is not ready is DeadlineExceeded, which is a TimeoutError."""
    waiting = Waiting({"state": state}, timeout=7.0)
    with pytest.raises(DeadlineExceeded, match=f"still {state} after 7 s") as caught:
        waiting.run()
    assert isinstance(caught.value, TimeoutError)
    assert waiting.now == 107.0


def test_both_colours_wait(side: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """wait_until_active looks until the file is active, and raises what looking raises."""
    monkeypatch.setattr(transfers, "_PAUSES", (0.001, 0.001))
    states = iter(["PROCESSING", "PROCESSING", "ACTIVE"])

    def script(connection: Connection, request: Request) -> None:
        state = next(states, None)
        if state is None:
            connection.answer(refuses(404, "NOT_FOUND", "gone"), "404 Not Found")
        else:
            connection.answer({"name": "files/f", "state": state})

    with Server(script) as server:
        client = server.client()
        assert side.call(client, "files.wait_until_active", name="files/f").state is FileState.ACTIVE
        with pytest.raises(NotFoundError):
            side.call(client, "files.wait_until_active", name=File(name="files/f"))


def test_reading_a_file_does_not_hold_the_event_loop_up(live: Live) -> None:
    """While an upload reads a slow file, other tasks of its loop run."""
    go_on = threading.Event()

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            assert go_on.wait(PATIENCE), "the loop was held up"
            return super().read(size)

    async def main() -> File:
        upload = asyncio.ensure_future(
            live.client().aio.files.upload(file=Slow(DATA), config={"mime_type": "text/plain"})
        )
        await idle()
        go_on.set()
        return await upload

    assert run_async(main()).size_bytes == len(DATA)


def test_the_page_about_files_is_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The Python of the page runs from top to bottom against a server."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GEMINI_API_KEY", "test-key")
    with Live() as live:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", live.url)
        run_page("files.md")
    assert "8 of 8 bytes" in capsys.readouterr().out


def test_a_file_that_shrinks_is_noticed(tmp_path: Path) -> None:
    """A file that becomes shorter while it is uploaded is an error, not half a file."""
    path = tmp_path / "log.txt"
    path.write_bytes(DATA)
    source = Source(path)
    assert source.read(0).data == DATA[:SLICE]
    path.write_bytes(b"short")
    with pytest.raises(HeadwaterError, match="shorter"):
        source.read(SLICE)
    source.close()
