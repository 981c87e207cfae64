"""Files: resumable uploads as official clients make them, ownership, limits and expiry."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest

from headwater.contract.files import Metadata
from headwater.errors import APIError, NotFoundError
from headwater.server import Limits
from headwater.server.gemini.file_store import FileStore
from tests.support.live import Live, Reply, post_bytes

DATA = bytes(range(256)) * 5000
START = {"x_goog_upload_protocol": "resumable", "x_goog_upload_command": "start"}


def start(live: Live, metadata: object = None, **headers: str) -> Reply:
    """Begin an upload."""
    return live.post("/upload/v1beta/files", {"file": metadata or {}}, **START, **headers)


def target(reply: Reply, live: Live) -> str:
    """The path that the slices go to."""
    url = reply.headers["x-goog-upload-url"]
    assert url.startswith(live.url + "/")
    return url.removeprefix(live.url)


def send(live: Live, path: str, data: bytes, offset: int, command: str = "upload") -> Reply:
    """Send a slice as the official Python client does: no key, and the start's headers again."""
    headers = START | {"x_goog_upload_command": command, "x_goog_upload_offset": str(offset)}
    return live.post(path, data, content_type="application/json", **headers)


def upload(live: Live, data: bytes = DATA, metadata: object = None, **headers: str) -> dict[str, str]:
    """Upload in one slice."""
    path = target(start(live, metadata, **headers), live)
    document: dict[str, str] = send(live, path, data, 0, "upload, finalize").json["file"]
    return document


def test_a_resumable_upload_in_slices() -> None:
    """Start, slices and finalize answer as the Gemini API does, and the bytes come back as they went."""
    with Live() as live:
        size = str(len(DATA))
        announced = {"x_goog_upload_header_content_length": size, "x_goog_upload_header_content_type": "image/png"}
        begun = start(live, {"display_name": "a picture", "mime_type": "image/png", "size_bytes": size}, **announced)
        assert (begun.status, begun.body, begun.headers["x-goog-upload-status"]) == (200, b"", "active")
        path = target(begun, live)
        middle = send(live, path, DATA[:500_000], 0)
        assert (middle.status, middle.headers["x-goog-upload-status"]) == (200, "active")
        last = send(live, path, DATA[500_000:], 500_000, "upload, finalize")
        assert last.headers["x-goog-upload-status"] == "final"
        file = last.json["file"]
        assert re.fullmatch("files/[a-z0-9]{8,40}", file["name"])
        assert file["displayName"] == "a picture"
        assert (file["mimeType"], file["sizeBytes"], file["state"]) == ("image/png", size, "ACTIVE")
        assert base64.b64decode(file["sha256Hash"]) == hashlib.sha256(DATA).digest()
        assert file["uri"] == f"{live.url}/v1beta/{file['name']}"
        assert live.get(f"/v1/{file['name']}").json["name"] == file["name"]
        assert live.get("/v1beta/files").json["files"] == [file]
        download = live.get(file["downloadUri"].removeprefix(live.url))
        assert (download.body, download.headers["content-type"]) == (DATA, "image/png")
        assert download.headers["content-disposition"] == "attachment"
        assert live.request("DELETE", f"/v1beta/{file['name']}").json == {}
        assert live.get(f"/v1beta/{file['name']}").status == 404
        assert live.get("/v1beta/files").json == {}


def test_metadata_in_both_cases_and_a_name_of_ones_own() -> None:
    """camelCase and snake_case say the same, a wished name is kept, and the same name again is refused."""
    with Live() as live:
        snake = upload(live, b"x", {"name": "files/my-id", "display_name": "d", "mime_type": "text/plain"})
        camel = upload(live, b"x", {"displayName": "d", "mimeType": "text/plain"})
        assert snake["name"] == "files/my-id"
        assert (snake["displayName"], snake["mimeType"]) == (camel["displayName"], camel["mimeType"])
        assert start(live, {"name": "files/my-id"}).status == 409
        for name in ("files/../x", "files/A", "x" * 41, "files/a%2fb", 5):
            assert start(live, {"name": name}).status == 400


def test_a_lost_slice_can_be_sent_again() -> None:
    """After a slice that broke off, the upload goes on from the offset before it, which a query tells."""
    with Live() as live:
        path = target(start(live), live)
        send(live, path, DATA[:1000], 0)
        with live.connect() as connection:
            slice_ = post_bytes(path, DATA[1000:], x_goog_upload_command="upload", x_goog_upload_offset="1000")
            connection.sendall(slice_[:-5000])
            uploads = live.server.files._uploads
            live.until(lambda: any(one.is_busy for one in uploads.values()))
        live.until(lambda: not any(one.is_busy for one in uploads.values()))
        asked = send(live, path, b"", 0, "query")
        assert asked.headers.get("x-goog-upload-size-received") == "1000", (asked.status, asked.body)
        assert send(live, path, DATA, 0).status == 400
        file = send(live, path, DATA[1000:], 1000, "upload, finalize")
        assert base64.b64decode(file.json["file"]["sha256Hash"]) == hashlib.sha256(DATA).digest()
        assert send(live, path, b"", len(DATA), "finalize").json == file.json


def test_uploads_that_are_wrong() -> None:
    """What is no upload, too large, too short or unknown is refused."""
    with Live(limits=Limits(max_file=1000, max_storage=1500)) as live:
        assert live.post("/upload/v1beta/files", {}).status == 400
        assert start(live, x_goog_upload_header_content_length="1001").status == 413
        assert start(live, x_goog_upload_header_content_length="many").status == 400
        path = target(start(live), live)
        assert send(live, path, b"x" * 1001, 0).status == 413
        assert send(live, path, b"x" * 1000, 0, "upload, finalize").status == 200
        path = target(start(live), live)
        assert send(live, path, b"x" * 501, 0).status == 413
        announced = start(live, x_goog_upload_header_content_length="100")
        assert send(live, target(announced, live), b"x" * 50, 0, "upload, finalize").status == 400
        assert start(live, x_goog_upload_header_content_length="700").status == 429
        assert send(live, "/upload/v1beta/files?upload_id=none", b"x", 0).status == 404
        path = target(start(live), live)
        assert send(live, path, b"", 0, "cancel").status == 200
        assert send(live, path, b"x", 0).status == 404


def test_a_raw_upload() -> None:
    """A file in a single request is taken too."""
    with Live() as live:
        reply = live.post("/upload/v1beta/files", b"hello", x_goog_upload_protocol="raw", content_type="text/plain")
        file = reply.json["file"]
        assert (file["sizeBytes"], file["mimeType"]) == ("5", "text/plain")


def test_files_belong_to_their_key() -> None:
    """A file of another key is the same as none at all, for every verb; both keys may use the same name."""
    with Live(api_keys=["one", "two"]) as live:
        mine = upload(live, b"x", {"name": "mine"}, x_goog_api_key="one")
        for method, path in (("GET", "/{}"), ("DELETE", "/{}"), ("GET", "/{}:download?alt=media")):
            foreign = live.request(method, "/v1beta/files" + path.format("mine"), x_goog_api_key="two")
            unknown = live.request(method, "/v1beta/files" + path.format("nope"), x_goog_api_key="two")
            assert (foreign.status, foreign.body) == (404, unknown.body.replace(b"nope", b"mine"))
        assert live.get("/v1beta/files", x_goog_api_key="two").json == {}
        assert live.get("/v1beta/files", x_goog_api_key="one").json["files"][0]["name"] == mine["name"]
        assert upload(live, b"y", {"name": "mine"}, x_goog_api_key="two")["sizeBytes"] == "1"


def test_an_uploaded_page_does_not_run() -> None:
    """Uploaded HTML is downloaded as an attachment, which no browser runs."""
    with Live() as live:
        file = upload(live, b"<script>alert(1)</script>", {"mime_type": "text/html"})
        reply = live.get(f"/v1beta/{file['name']}:download?alt=media")
        assert reply.headers["content-disposition"] == "attachment"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        odd = upload(live, b"x", {"mime_type": "text/html\r\nx-evil: 1"})
        assert odd["mimeType"] == "application/octet-stream"


def test_files_expire_and_take_their_bytes_along() -> None:
    """After its time a file is gone, from the disk too, and so is an upload that nothing was heard of."""
    now = [1000.0]
    files = FileStore(Limits(file_ttl=60), clock=lambda: now[0])
    key = files.begin(b"", Metadata(name="a"), None)
    lost = files.begin(b"", Metadata(), None)
    file = files.finish(files.upload(key), "text/plain")
    file.path.write_bytes(b"x")
    now[0] += 61
    with pytest.raises(NotFoundError):
        files.get(b"", "a")
    assert not file.path.exists()
    now[0] += 3600
    with pytest.raises(APIError):
        files.upload(lost)
    files.close()


def test_nothing_is_left_on_disk() -> None:
    """When the server ends, its files are gone, whole ones and parts."""
    with Live() as live:
        upload(live)
        send(live, target(start(live), live), b"part", 0)
        directory = Path(live.server.files._directory.name)
        assert len(list(directory.iterdir())) == 2
    assert not directory.exists()
