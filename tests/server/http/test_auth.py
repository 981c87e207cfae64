"""Who is served: host names and origins, on every route."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.live import Live

#: A route of each kind: those that need no key as well as those that do.
ROUTES = [
    "/",
    "/headwater.js",
    "/assets/index.js",
    "/healthz",
    "/openapi.json",
    "/metrics",
    "/v1beta/models",
    "/v1beta/files",
    "/v1/streams",
    f"/v1/streams/{'n' * 32}/events?expires=1&signature=x",
    "/v1/chats",
    "/v1/durable/x",
    "/api/chat/c/stream",
]


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with Live(durable_streams=True) as server:
        yield server


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 421),
        ("testserver:8080", 421),
        ("user@localhost", 400),
        ("localhost/path", 400),
        ("", 400),
        ("localhost, evil.example", 400),
    ],
)
def test_foreign_host_is_refused_everywhere(live: Live, path: str, host: str, status: int) -> None:
    """Without keys a server answers to loopback names only, whatever is asked for (DNS rebinding)."""
    assert live.get(path, host=host).status == status


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("origin", ["http://[::1", "http://[", "https://[::1]x:8080", "http://evil.example"])
def test_broken_origin_is_403(live: Live, path: str, origin: str) -> None:
    """A malformed Origin counts as another origin, and does not fail the server."""
    assert live.get(path, origin=origin).status == 403


def test_own_origin_is_served(live: Live) -> None:
    for path in ("/", "/healthz", "/v1/streams"):
        assert live.get(path, origin=live.url).status == 200
