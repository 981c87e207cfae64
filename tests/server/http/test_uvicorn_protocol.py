"""The HTTP/1.1 parser, against the cases of Http11Probe."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from headwater.server import Limits, listen
from headwater.server.http.uvicorn_protocol import protocol_for
from tests.support.corpus_cases import shared

CASES = shared("conformance/http11probe_cases.json")
#: What httptools itself reads otherwise than the probe wants.
KNOWN = 11  # today none fails; the number is that of httptools alone
#: Long enough for an answer; a case that expects none has to wait for it.
SILENCE = 0.5


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer 200 with the body, to every path and method, as the probe wants its servers."""
    body = b""
    while scope["type"] == "http":
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    listener = listen("127.0.0.1", 0)
    config = uvicorn.Config(echo, http=protocol_for(Limits()), ws="none", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(10)


def outcome(port: int, case: dict[str, Any]) -> str:
    """What the server does with a case, in the probe's words."""
    data = base64.b64decode(case["payload_b64"])
    data = data.replace(b"\x01HOST\x01", b"127.0.0.1:%d" % port).replace(b"\x01PORT\x01", b"%d" % port)
    answer, state = b"", "open"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(SILENCE)
        try:
            connection.sendall(data)
            while b"\r\n\r\n" not in answer:
                piece = connection.recv(65536)
                if not piece:
                    state = "closed"
                    break
                answer += piece
        except TimeoutError:
            pass
        except ConnectionError:
            state = "closed"
    return answer[9:12].decode("latin-1") if answer.startswith(b"HTTP/1.1 ") else f"no response, {state}"


@pytest.mark.skipif(CASES is None, reason="the probe's cases are not here")
def test_the_probe_finds_no_more_than_httptools_own_failures(port: int) -> None:
    """At most httptools' own failures are left, and none of them lets a request be smuggled."""
    assert CASES is not None
    cases = [case for case in json.loads(CASES.read_text())["cases"] if case["verdicts"]]
    verdicts = {case["id"]: (case["verdicts"].get(outcome(port, case), "Fail"), case) for case in cases}
    failed = [name for name, (verdict, case) in verdicts.items() if verdict == "Fail" and case["scored"]]
    assert len(cases) > 90
    assert len(failed) <= KNOWN, failed
    assert not [name for name in failed if verdicts[name][1]["suite"] == "Smuggling"], failed
