"""HTTP clients that a program brings: httpx and httpx2, mock transports, aiohttp sessions, and arguments for them."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import httpx2
import pytest
import respx
import vcr  # type: ignore[import-untyped]

from headwater import genai
from headwater.errors import APIError, HeadwaterError
from headwater.streaming import Deadlines, smooth
from tests.support.servers import PATIENCE, Connection, Request, Server, says, sse, whole
from tests.support.sides import run_async

PACKAGES = [httpx, httpx2]


def options(side: Any, client: Any, **more: Any) -> dict[str, Any]:
    """``http_options`` with a client for this side."""
    return {("httpx_client" if side.name == "sync" else "httpx_async_client"): client, **more}


def plain_client(side: Any, package: Any, **arguments: Any) -> Any:
    return (package.Client if side.name == "sync" else package.AsyncClient)(**arguments)


def args(side: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"client_args" if side.name == "sync" else "async_client_args": arguments}


def shut(side: Any, client: Any) -> None:
    side.do(client.close() if side.name == "sync" else client.aclose())


@pytest.fixture(params=PACKAGES, ids=["httpx", "httpx2"])
def package(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def client(side: Any, package: Any) -> Iterator[Any]:
    made = plain_client(side, package)
    yield made
    shut(side, made)


def mocked(side: Any, package: Any, handle: Callable[[Any], Any]) -> Any:
    return plain_client(side, package, transport=package.MockTransport(handle))


def events(*texts: str) -> bytes:
    return b"".join(sse(says(text, "STOP" if text is texts[-1] else None)) for text in texts)


# --- a mock transport: nothing leaves the process --------------------------------------------------------------------


def test_a_mock_transport_gets_the_requests_and_answers_them(side: Any, package: Any) -> None:
    seen: list[Any] = []

    def handle(request: Any) -> Any:
        seen.append(request)
        return package.Response(200, content=events("a", "b"), headers={"content-type": "text/event-stream"})

    headers = {"x-own": "1"}
    made = genai.Client(api_key="k", http_options=options(side, mocked(side, package, handle), headers=headers))
    assert [chunk.text for chunk in side.read(side.stream(made))] == ["a", "b"]
    assert seen[0].headers["x-goog-api-key"] == "k"
    assert seen[0].headers["x-own"] == "1"
    assert json.loads(seen[0].content)["contents"][0]["parts"][0]["text"] == "hi"


def test_the_client_itself_adds_its_headers_cookies_and_parameters(side: Any, package: Any) -> None:
    seen: list[Any] = []

    def handle(request: Any) -> Any:
        seen.append(request)
        return package.Response(200, json=says("x", "STOP"))

    transport = package.MockTransport(handle)
    own = plain_client(
        side, package, transport=transport, headers={"x-a": "1"}, cookies={"c": "2"}, params={"p": "3"}, auth=("u", "w")
    )
    side.ask(genai.Client(api_key="k", http_options=options(side, own)))
    request = seen[0]
    assert (request.headers["x-a"], request.headers["cookie"], request.url.params["p"]) == ("1", "c=2", "3")
    assert request.headers["authorization"].startswith("Basic ")


def test_an_error_status_of_a_mock_is_an_api_error(side: Any, package: Any) -> None:
    own = mocked(side, package, lambda _: package.Response(403, json={"error": {"message": "no", "code": 403}}))
    with pytest.raises(APIError, match="no"):
        side.ask(genai.Client(api_key="k", http_options=options(side, own)))


@pytest.mark.parametrize("name", ["ConnectError", "ReadTimeout", "ConnectTimeout", "RemoteProtocolError", "ProxyError"])
def test_errors_of_httpx_become_those_of_headwater(side: Any, package: Any, name: str) -> None:
    def handle(request: Any) -> Any:
        raise getattr(package, name)("it broke", request=request)

    once = {"retry_options": {"attempts": 1}}
    made = genai.Client(api_key="k", http_options=options(side, mocked(side, package, handle), **once))
    with pytest.raises(HeadwaterError) as caught:
        side.ask(made)
    assert type(caught.value).__module__ == "headwater.errors"


def test_a_failed_connection_is_tried_again(side: Any, package: Any) -> None:
    tries = []

    def handle(request: Any) -> Any:
        tries.append(request)
        if len(tries) == 1:
            raise package.ConnectError("refused", request=request)
        return package.Response(200, json=says("x", "STOP"))

    quick = {"retry_options": {"attempts": 2, "initial_delay": 0.0, "jitter": 0.0}}
    made = genai.Client(api_key="k", http_options=options(side, mocked(side, package, handle), **quick))
    assert (side.ask(made).text, len(tries)) == ("x", 2)


def test_an_assertion_in_a_mock_reaches_the_test(side: Any, package: Any) -> None:
    def handle(request: Any) -> Any:
        raise AssertionError("not this request")

    made = genai.Client(api_key="k", http_options=options(side, mocked(side, package, handle)))
    with pytest.raises(AssertionError, match="not this request"):
        side.ask(made)


def test_a_transport_in_the_arguments_does_the_same(side: Any, package: Any) -> None:
    """``client_args={"transport": ...}``: the package is that of the transport."""
    transport = package.MockTransport(lambda _: package.Response(200, json=says("mocked", "STOP")))
    made = genai.Client(api_key="k", http_options=args(side, {"transport": transport}))
    assert side.ask(made).text == "mocked"
    side.close(made)


def test_event_hooks_see_each_request(side: Any, package: Any) -> None:
    seen: list[str] = []

    def note(request: Any) -> None:
        seen.append(request.method)

    async def anote(request: Any) -> None:
        note(request)

    hooks = {"request": [note if side.name == "sync" else anote]}
    transport = package.MockTransport(lambda _: package.Response(200, json=says("x", "STOP")))
    made = genai.Client(api_key="k", http_options=args(side, {"transport": transport, "event_hooks": hooks}))
    side.ask(made)
    assert seen == ["POST"]


def test_respx_sees_the_requests_of_a_client_that_is_passed(side: Any) -> None:
    with respx.mock(base_url="https://generativelanguage.googleapis.com") as router:
        route = router.post("/v1/models/m:generateContent").respond(json=says("from respx", "STOP"))
        made = genai.Client(api_key="k", http_options=options(side, plain_client(side, httpx)))
        assert side.ask(made).text == "from respx"
        assert route.called
        with pytest.raises(AssertionError, match="not mocked"):
            side.ask(made, model="other")


def test_vcr_records_and_replays(side: Any, tmp_path: Path) -> None:
    with Server(lambda connection, _: connection.stream(says("re"), says("corded", "STOP"))) as server:
        own = plain_client(side, httpx)
        made = genai.Client(api_key="k", http_options=options(side, own, base_url=server.url))
        for _ in range(2):
            with vcr.use_cassette(str(tmp_path / "cassette.yaml"), record_mode="once"):
                assert "".join(chunk.text for chunk in side.read(side.stream(made))) == "recorded"
        assert len(server.requests) == 1
        shut(side, own)


# --- a real client and a real server ---------------------------------------------------------------------------------


def test_chunks_arrive_one_by_one(side: Any, client: Any) -> None:
    """Each chunk is delivered before the next is sent."""
    delivered = threading.Semaphore(0)

    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        for text in "abc":
            connection.event(says(text, "STOP" if text == "c" else None))
            assert delivered.acquire(timeout=PATIENCE)
        connection.end()

    with Server(script) as server:
        stream = side.stream(server.client(**options(side, client)))
        for text in "abc":
            assert side.next(stream).text == text
            delivered.release()
        assert side.next(stream) is None
        assert str(stream.ending) == "finished"


def test_connections_are_kept_and_the_client_stays_open(side: Any, client: Any) -> None:
    with Server(whole) as server:
        made = server.client(**options(side, client))
        side.ask(made)
        side.read(side.stream(made))
        side.close(made)
        assert not client.is_closed
        side.ask(made)
        assert (server.accepted, len(server.requests)) == (1, 3)


def test_a_stream_can_be_cancelled_while_it_waits(side: Any, client: Any) -> None:
    """A read that waits for a silent server ends at once, and the connection with it."""

    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.event(says("Hel"))
        connection.stall()

    with Server(script) as server:
        stream = side.stream(server.client(**options(side, client)))
        assert side.next(stream).text == "Hel"
        waiting = threading.Timer(0.05, stream.cancel)
        waiting.start()
        assert side.next(stream) is None
        assert (str(stream.ending), stream.text) == ("cancelled", "Hel")
        server.closed_at()


def test_a_stream_can_be_cancelled_before_its_head(side: Any) -> None:
    client = plain_client(side, httpx2)
    with Server(lambda connection, _: connection.stall()) as server:
        stream = side.stream(server.client(**options(side, client)), deadlines=Deadlines(first_content=1.5))
        waiting = threading.Thread(target=lambda: (server.wait_for(1), stream.cancel()))
        waiting.start()
        assert side.next(stream) is None
        assert str(stream.ending) == "cancelled"
        waiting.join()
        server.closed_at()  # by the limit for the head, at the latest
    shut(side, client)


def test_leaving_a_stream_closes_its_connection(side: Any, client: Any) -> None:
    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.event(says("Hel"))
        connection.stall()

    with Server(script) as server:
        stream = side.stream(server.client(**options(side, client)))
        assert side.next(stream).text == "Hel"
        side.close(stream)
        server.closed_at()


def test_the_deadlines_are_those_of_the_call_and_not_of_httpx(side: Any) -> None:
    """A gap that is longer than the client's own timeout is fine; one that is longer than the deadline is not."""
    go_on = threading.Event()

    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.event(says("a"))
        go_on.wait(0.1)
        connection.event(says("b"))
        connection.stall()

    own = plain_client(side, httpx2, timeout=0.05)
    with Server(script) as server:
        stream = side.stream(server.client(**options(side, own)), deadlines=Deadlines(byte_gap=1.2))
        assert [side.next(stream).text, side.next(stream).text] == ["a", "b"]
        with pytest.raises(HeadwaterError, match=r"1\.2 s"):
            side.next(stream)
        assert str(stream.ending) == "stalled"
        server.closed_at()
    shut(side, own)


def test_a_broken_connection_is_reported(side: Any, client: Any) -> None:
    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.event(says("Hel"))
        connection.reset()

    with Server(script) as server:
        stream = side.stream(server.client(**options(side, client)))
        assert side.next(stream).text == "Hel"
        with pytest.raises(HeadwaterError, match="connection was lost"):
            side.next(stream)


def test_no_thread_is_left_behind(package: Any) -> None:
    """Whole answers, streams that are read to their end, and those that are left."""

    def script(connection: Connection, request: Request) -> None:
        if b"stall" not in request.body:
            whole(connection, request)
            return
        connection.begin()
        connection.event(says("Hel"))
        connection.stall()

    def threads() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "headwater-httpx"]

    with Server(script) as server, package.Client() as own:
        client = server.client(httpx_client=own)
        client.models.generate_content(model="m", contents="hi")
        client.models.generate_content_stream(model="m", contents="hi").collect()
        for chunk in client.models.generate_content_stream(model="m", contents="stall"):
            assert chunk.text == "Hel"
            break
        server.closed_at()
        for thread in threads():
            thread.join(PATIENCE)
        assert threads() == []


def test_a_large_body_is_sent(side: Any, client: Any) -> None:
    with Server(whole) as server:
        side.ask(server.client(**options(side, client)), contents="x" * 3_000_000)
        assert len(server.requests[0].body) > 3_000_000


def test_compressed_answers_are_unpacked(side: Any, client: Any) -> None:
    def script(connection: Connection, request: Request) -> None:
        connection.answer(gzip.compress(json.dumps(says("packed", "STOP")).encode()), content_encoding="gzip")

    with Server(script) as server:
        assert side.ask(server.client(**options(side, client))).text == "packed"


def test_paced_streams_lose_nothing(side: Any, client: Any) -> None:
    """``smooth`` looks whether there is something to read, which a task or thread has then read."""
    texts = [f"word{number} " for number in range(20)]
    with Server(lambda connection, _: connection.stream(*map(says, texts), says("end", "STOP"))) as server:
        stream = side.stream(server.client(**options(side, client)), stages=[smooth()])
        assert "".join(chunk.text for chunk in side.read(stream)) == "".join(texts) + "end"


# --- sessions of aiohttp ---------------------------------------------------------------------------------------------


def test_a_session_of_aiohttp_is_used_as_it_is() -> None:
    async def work() -> None:
        with Server(whole) as server:
            async with aiohttp.ClientSession(headers={"x-session": "1"}, cookies={"c": "2"}) as session:
                made = server.client(aiohttp_client=session)
                await made.aio.models.generate_content(model="m", contents="hi")
                stream = await made.aio.models.generate_content_stream(model="m", contents="hi")
                assert [chunk.text async for chunk in stream]
                await made.aio.aclose()
                assert not session.closed
                assert server.requests[1].headers["x-session"] == "1"
                assert server.requests[1].headers["cookie"] == "c=2"
                assert server.accepted == 1

    run_async(work())


def test_a_stream_over_a_session_is_cancelled_and_closed() -> None:
    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.event(says("Hel"))
        connection.stall()

    async def work(server: Server) -> None:
        async with aiohttp.ClientSession() as session:
            stream = await server.client(aiohttp_client=session).aio.models.generate_content_stream(
                model="m", contents="hi"
            )
            assert (await anext(stream)).text == "Hel"
            threading.Timer(0.05, stream.cancel).start()
            assert await anext(stream, None) is None
            assert str(stream.ending) == "cancelled"

    with Server(script) as server:
        run_async(work(server))
        server.closed_at()
