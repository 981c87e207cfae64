"""Signed links: one answer, for reading, for a while, for whoever has the link and without a key."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Iterator
from urllib.parse import parse_qsl

import pytest

from headwater.errors import APIError, UsageError
from headwater.server.streams.links import LONGEST, check_link, link_query, shared_secret
from tests.support.live import ASK, Held, Live, Scripted, read_all, read_until, says
from tests.support.nodes import Store, joined, scene

NAME = "n" * 32
SECRET = b"s" * 32


def query_of(text: str) -> dict[str, str]:
    return dict(parse_qsl(text))


def test_link_is_good_until_its_time_is_up() -> None:
    """Up to its last second it is let in, and not after it."""
    query = query_of(link_query(SECRET, NAME, 60, now=1000.5))
    check_link(SECRET, NAME, query, now=1060)
    with pytest.raises(APIError) as caught:
        check_link(SECRET, NAME, query, now=1061.1)
    assert caught.value.code == 403


@pytest.mark.parametrize(
    "change",
    [
        {"expires": "99999999999"},
        {"expires": ""},
        {"expires": "x"},
        {"expires": "1060 "},
        {"expires": "+1060"},
        {"signature": ""},
        {"signature": "\ud800é"},
        {"signature": "A" * 32},
    ],
)
def test_link_that_was_changed_is_none(change: dict[str, str]) -> None:
    """Whatever is changed in it, it is refused in the same words."""
    query = query_of(link_query(SECRET, NAME, 60, now=1000)) | change
    with pytest.raises(APIError) as caught:
        check_link(SECRET, NAME, query, now=1000)
    assert (caught.value.code, caught.value.message) == (403, "this link is not valid, or has expired")


def test_link_is_for_one_name_and_of_one_secret() -> None:
    """It opens no other stream, and not on servers with another secret."""
    query = query_of(link_query(SECRET, NAME, 60, now=1000))
    for secret, name in ((SECRET, "m" * 32), (b"t" * 32, NAME)):
        with pytest.raises(APIError):
            check_link(secret, name, query, now=1000)


@pytest.mark.parametrize("seconds", [0, -1, LONGEST + 1, float("nan"), float("inf")])
def test_link_lasts_for_a_while(seconds: float) -> None:
    """No link without an end."""
    with pytest.raises(UsageError):
        link_query(SECRET, NAME, seconds)


@scene
async def test_secret_is_that_of_all_servers(store: Store) -> None:
    """Servers that share a log sign alike, whichever of them was first, also when they begin at once."""
    async with joined(store, None, None, None) as nodes:
        secrets = await asyncio.gather(*(node.registry.secret() for node in nodes))
        assert len({*secrets, await shared_secret(nodes[0].log)}) == 1
        assert len(secrets[0]) >= 32
        assert await nodes[0].log.sweep(age=0.0, size=0) == 0, "retention leaves it alone"
        assert await shared_secret(nodes[1].log) == secrets[0]


@contextlib.contextmanager
def access_log() -> Iterator[list[str]]:
    """Collect the lines of the access log."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("headwater.access")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def test_link_reads_and_does_nothing_else() -> None:
    """Without a key it gives the events, from any place, and opens nothing besides; it is in no log."""
    with Live(Scripted(lambda _: [says("hi", "STOP")]), api_keys=["one"], secret="x") as live:
        name = live.post("/v1/streams", {"model": "m", **ASK}, x_goog_api_key="one").json["name"]
        path = f"/v1/streams/{name}"
        reply = live.post(path + "/links", {"seconds": 60}, x_goog_api_key="one")
        url = reply.json["url"]
        assert (reply.status, url.partition("?")[0]) == (200, path + "/events")
        with access_log() as lines:
            assert b"event: end" in live.get(url).body
            assert live.get(url, last_event_id="1").body.startswith(b"\r\nid: 2")
            live.until(lambda: sum("/events" in line for line in lines) == 2)
        assert {json.loads(line)["path"] for line in lines} <= {path + "/events", path + "/links"}
        assert not [line for line in lines if "signature" in line]
        query = url.partition("?")[2]
        for method, other in (("GET", ""), ("POST", "/stop"), ("DELETE", ""), ("POST", "/links")):
            assert live.request(method, f"{path}{other}?{query}").status == 401
        assert live.get(f"/v1/streams/{'x' * 32}/events?{query}").status == 403
        assert live.get(url.replace("expires=", "expires=1")).status == 403
        assert live.get(url, host="other.example").status == 200, "with keys every host is ours"
        assert live.get(url, origin="https://evil.example").status == 403
        live.request("DELETE", path, x_goog_api_key="one")
        assert live.get(url).status == 404


def test_link_ends_with_the_key_that_made_it() -> None:
    """Once the key is revoked, its links open nothing, and whoever reads by one is disconnected."""
    with Live(Held(first=1), api_keys=["one", "two"], secret="x") as live:
        name = live.post("/v1/streams", {"model": "m", **ASK}, x_goog_api_key="one").json["name"]
        url = live.post(f"/v1/streams/{name}/links", {"seconds": 60}, x_goog_api_key="one").json["url"]
        reader = live.connect()
        reader.sendall(f"GET {url} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        read_until(reader, b"id: 1")
        live.on_loop(lambda: live.server.auth.revoke("two"))  # another key's end is not the link's
        live.on_loop(lambda: live.server.auth.revoke("one"))
        read_all(reader)
        refused = live.get(url)
        assert (refused.status, refused.json["error"]["message"]) == (403, "this link is not valid, or has expired")


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", {"seconds": "x"}, {"seconds": 0}, {"seconds": 1e9}])
def test_link_needs_its_seconds(body: object) -> None:
    """A body that does not say for how long is refused."""
    with Live(Held()) as live:
        name = live.post("/v1/streams", {"model": "m", **ASK}).json["name"]
        assert live.post(f"/v1/streams/{name}/links", body).status == 400
