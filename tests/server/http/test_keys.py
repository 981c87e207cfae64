"""What becomes of keys: compared without a hint, revoked with all that is open under them, read again from a file."""

from __future__ import annotations

import signal
import statistics
import time
from pathlib import Path

import pytest

from headwater.errors import AuthenticationError, UsageError
from headwater.server import ServerConfig
from headwater.server.http.auth import Auth
from tests.support.live import ASK, Held, Live, events, post_bytes, read_until
from tests.support.serve_process import Process, ask, refused
from tests.support.ws_peer import dial, scene, serving

#: The keys of the test of SIGHUP, and where they are.
FILED = (("first", "file"), ("second", "file"), ("third", "file"), ("fixed", "test"))
KEY = "sk-0123456789abcdef0123456789abcdef"


def test_time_does_not_tell_how_much_of_a_key_is_right() -> None:
    """Of 20,000 tries each, a key that is right up to its last letter takes as long as one that is all wrong."""
    access = Auth(ServerConfig(api_keys=[KEY, "other-" + KEY]))
    tries = {"near": KEY[:-1] + "0", "far": "x" * len(KEY)}
    taken: dict[str, list[int]] = {name: [] for name in tries}
    for _ in range(20_000):
        for name, key in tries.items():
            began = time.perf_counter_ns()
            try:
                access.authenticate(key)
            except AuthenticationError:
                taken[name].append(time.perf_counter_ns() - began)
    near, far = (statistics.median(taken[name]) for name in ("near", "far"))
    assert abs(near - far) < 0.1 * far + 200


def test_a_revoked_key_ends_what_is_open_under_it() -> None:
    """Once a key is revoked, its streams end at once with 401, its engines stop, and other keys notice nothing."""
    held = Held()
    with Live(held, api_keys=[KEY, "other"]) as live:
        streams = {key: live.open_stream(x_goog_api_key=key) for key in (KEY, "other")}
        for stream in streams.values():
            read_until(stream, b'"0 "')
        live.on_loop(lambda: live.server.auth.revoke(KEY))
        [error] = events(read_until(streams[KEY], b"0\r\n\r\n"))
        assert b'"code":401' in error
        assert b'"status":"UNAUTHENTICATED"' in error
        live.until(lambda: (held.running, held.cancelled) == (1, 1))
        assert live.get("/v1beta/models", x_goog_api_key=KEY).status == 401
        live.on_loop(lambda: held.gate and held.gate.set())
        assert b'"STOP"' in read_until(streams["other"], b"0\r\n\r\n")
        live.on_loop(lambda: live.server.auth.revoke("other"))
        assert live.get("/v1beta/models").status == 401
        assert live.get("/v1beta/models", x_goog_api_key="other").status == 401


def test_a_request_that_was_let_in_before_ends_too() -> None:
    """A key that is revoked while the body of a request is still coming gets the refusal, and the engine stops."""
    held = Held()
    with Live(held, api_keys=[KEY, "other"]) as live, live.connect() as connection:
        data = post_bytes("/v1beta/models/m:streamGenerateContent?alt=sse", ASK, x_goog_api_key=KEY)
        connection.sendall(data[:-5])
        asking = live.runner.server_state.tasks
        live.until(lambda: len(asking) == 1)
        live.get("/healthz")  # by the answer to this, that one has been let in
        live.on_loop(lambda: live.server.auth.revoke(KEY))
        connection.sendall(data[-5:])
        assert b'"code":401' in read_until(connection, b"0\r\n\r\n")
        live.until(lambda: held.running == 0)


def test_an_upload_ends_with_its_key() -> None:
    """The address of an upload, which needs no key, is worth nothing once the key that began it is revoked."""
    with Live(api_keys=[KEY]) as live:
        start = {"x_goog_upload_protocol": "resumable", "x_goog_upload_command": "start", "x_goog_api_key": KEY}
        url = live.request("POST", "/upload/v1beta/files", {}, **start).headers["x-goog-upload-url"]
        path = url.removeprefix(f"http://127.0.0.1:{live.port}")
        assert (
            live.request("POST", path, b"abc", x_goog_upload_command="upload", x_goog_upload_offset="0").status == 200
        )
        live.on_loop(lambda: live.server.auth.revoke(KEY))
        assert live.request("POST", path, b"", x_goog_upload_command="finalize").status == 401


@pytest.mark.parametrize("by_hello", [True, False])
@scene
async def test_a_revoked_key_ends_its_sockets(by_hello: bool) -> None:
    """A WebSocket whose key is revoked is closed (4403) and its streams stop, wherever the key was given."""
    held = Held()
    async with (
        serving(held, api_keys=[KEY, "other"]) as live,
        dial(live, headers={} if by_hello else {"x-goog-api-key": KEY}) as peer,
        dial(live, headers={"x-goog-api-key": "other"}) as other,
    ):
        await peer.greet(**({"token": KEY} if by_hello else {}))
        await peer.generate()
        await peer.hear_until("chunk")
        live.on_loop(lambda: live.server.auth.change_keys(["other", "new"]))
        assert await peer.hear_close() == 4403
        live.until(lambda: (held.running, held.cancelled) == (0, 1))
        assert (await other.greet())["type"] == "ready"
    assert not live.server.auth._revocations


def test_keys_can_be_changed_but_not_done_without() -> None:
    """A server with keys never becomes one without, nor the other way round."""
    access = Auth(ServerConfig(api_keys=[KEY]))
    for wrong in ([], [""]):
        with pytest.raises(UsageError):
            access.change_keys(wrong)
    assert access.authenticate(KEY)
    with pytest.raises(UsageError):
        Auth().change_keys([KEY])


def test_a_file_of_keys_is_read_again_at_sighup(tmp_path: Path) -> None:
    """SIGHUP lets the keys of the file in that it has by then, and ends the streams of those it no longer has."""
    file = tmp_path / "keys"
    file.write_text("# ours\nfirst-key-of-file  # Ann\n\nsecond-key-of-file\n")
    with Process(
        "--api-key-file", str(file), "--pace", "first=0,rate=20", HEADWATER_API_KEYS="fixed-key-of-test"
    ) as server:
        assert [
            ask(server.port, "m", key)
            for key in ("first-key-of-file", "second-key-of-file", "fixed-key-of-test", "Ann")
        ] == [200] * 3 + [401]
        stream = server.stream(x_goog_api_key="first-key-of-file")
        read_until(stream, b"data: ")
        file.write_text("second-key-of-file\nthird-key-of-file\n")
        began = time.monotonic()
        server.process.send_signal(signal.SIGHUP)
        assert b'"status":"UNAUTHENTICATED"' in read_until(stream, b"0\r\n\r\n")
        assert time.monotonic() - began < 5
        stream.close()
        assert [ask(server.port, "m", f"{name}-key-of-{where}") for name, where in FILED] == [401] + [200] * 3
        assert server.process.stderr is not None
        for text in ("# nobody\n", "second-key-of-file\nshort-key\n"):
            file.write_text(text)
            server.process.send_signal(signal.SIGHUP)
            while "the keys are unchanged" not in server.process.stderr.readline():
                pass
        assert ask(server.port, "m", "third-key-of-file") == 200
        code, errors = server.end()
    assert code == 0
    assert "-key" not in errors


def test_a_file_of_keys_has_to_hold_some(tmp_path: Path) -> None:
    """Without a readable key in the file the server does not start, on whichever address."""
    (tmp_path / "empty").write_text("\n# none\n")
    (tmp_path / "short").write_text("a-long-enough-key\nx\n")
    words_by_name = {"empty": "there are no API keys", "missing": "cannot be read", "short": "has 1 characters"}
    for name, words in words_by_name.items():
        code, errors = refused("--api-key-file", str(tmp_path / name))
        assert (code, words in errors) == (2, True)
