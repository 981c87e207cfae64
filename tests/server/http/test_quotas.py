"""How many requests a key may make in a minute."""

from __future__ import annotations

import pytest

from headwater.errors import RateLimitError
from headwater.server import Limits
from headwater.server.http.quotas import Quotas
from tests.support.live import Live, Scripted, says
from tests.support.ws_peer import dial, scene, serving


def count(quotas: Quotas, who: bytes) -> float | None:
    """Count a request; return the seconds to wait where it is refused."""
    try:
        quotas.count_request(who)
    except RateLimitError as error:
        return error.retry_after
    return None


def test_requests_of_a_minute() -> None:
    """A key has its requests of a minute at once, then one for each part of a minute; others have their own."""
    now = 1000.0
    quotas = Quotas(Limits(requests_per_minute=30), clock=lambda: now)
    assert [count(quotas, b"a") for _ in range(31)] == [None] * 30 + [2.0]
    assert count(quotas, b"b") is None
    now += 1.5
    assert count(quotas, b"a") == 1.0
    now += 0.5
    assert [count(quotas, b"a") for _ in range(2)] == [None, 2.0]
    now += 3600
    assert [count(quotas, b"a") for _ in range(31)] == [None] * 30 + [2.0]


def test_unless_set_requests_have_no_limit() -> None:
    """By default requests are not counted."""
    quotas = Quotas(Limits())
    assert [count(quotas, b"a") for _ in range(1000)] == [None] * 1000


@pytest.mark.parametrize("keys", [["one", "two"], []])
def test_one_request_too_many_is_429(keys: list[str]) -> None:
    """The request over the limit is 429 with the time to wait, in the header and in the body, and reaches no engine."""
    asked = []
    engine = Scripted(lambda request: asked.append(request) or [says("ok", "STOP")])
    with Live(engine, api_keys=keys, limits=Limits(requests_per_minute=2)) as live:
        path = "/v1beta/models/m:generateContent"
        replies = [live.post(path, x_goog_api_key="one") for _ in range(3)]
        assert [reply.status for reply in replies] == [200, 200, 429]
        assert len(asked) == 2
        error = replies[2].json["error"]
        assert error["status"] == "RESOURCE_EXHAUSTED"
        seconds = replies[2].headers["retry-after"]
        assert 0 < int(seconds) <= 30
        assert error["details"][0]["retryDelay"] == f"{seconds}s"
        assert live.post(path, x_goog_api_key="two").status == (200 if keys else 429)
        assert live.get("/healthz").status == 200


@scene
async def test_prompts_on_a_socket_are_requests() -> None:
    """On a WebSocket each prompt counts; one too many is refused as rate_limited, with the time to wait."""
    limits = Limits(requests_per_minute=3)  # one of them opens the socket
    async with serving(Scripted(lambda _: [says("ok", "STOP")]), limits=limits) as live, dial(live) as peer:
        await peer.greet()
        for name in "ab":
            await peer.say(type="generate", id=name, prompt="x")
            assert (await peer.hear_end())[-1]["type"] == "complete"
        await peer.say(type="generate", id="c", prompt="x")
        refusal = await peer.hear()
        assert (refusal["id"], refusal["code"], refusal["retryable"]) == ("c", "rate_limited", True)
        assert 0 < refusal["retry_after_ms"] <= 20_000
