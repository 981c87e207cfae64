"""A call that failed is begun again, or sent elsewhere, when that can help and only then."""

from __future__ import annotations

import json

import pytest

from headwater.core.machine.policy import Retry
from headwater.core.machine.steps import Open, Wait
from headwater.core.wire.request import HttpRequest
from headwater.errors import ConnectError, NotFoundError, RateLimitError, ServerError, StreamTruncated, WireError
from tests.support.corpus_cases import REQUEST
from tests.support.machines import (
    BUSY,
    CLOSE,
    END,
    HELLO,
    OPEN,
    TRICE,
    Script,
    attempt,
    stopped,
)
from tests.support.servers import refuses, sse


def test_a_refusal_that_can_pass_is_tried_again_after_a_growing_rest() -> None:
    script = Script(retry=TRICE)
    for rest in (1.0, 2.0):
        attempt(script, 503, BUSY)
        assert script.step() == CLOSE
        assert script.step() == Wait(rest)
    attempt(script, 200, HELLO + END)
    assert script.texts() == ["Hello ", "!"]
    assert script.stop() is None
    assert (script.machine.snapshot.attempts, script.now) == (3, 3.0)


def test_the_last_refusal_is_raised_when_the_tries_are_used_up() -> None:
    script = Script(retry=TRICE)
    for _ in range(2):
        attempt(script, 503, BUSY)
        assert script.step() == CLOSE
        assert isinstance(script.step(), Wait)
    attempt(script, 429, json.dumps(refuses(429, "RESOURCE_EXHAUSTED", "m")).encode())
    stopped(script, RateLimitError, phase="head", attempts=3)


def test_the_delay_that_the_api_asks_for_is_kept() -> None:
    script = Script(retry=TRICE)
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "53.5s"}
    attempt(script, 429, json.dumps(refuses(429, "RESOURCE_EXHAUSTED", "m", info)).encode())
    assert script.step() == CLOSE
    assert script.step() == Wait(53.5)


def test_jitter_is_asked_for_at_each_rest() -> None:
    numbers = iter([0.25, 0.5])
    script = Script(retry=Retry(attempts=3, initial_delay=1.0, jitter=2.0), jitter=lambda: next(numbers))
    rests = []
    for _ in range(2):
        attempt(script, 503, BUSY)
        script.step()
        rests.append(script.step().seconds)
    assert rests == [1.5, 3.0]


@pytest.mark.parametrize("body", [b"", sse(refuses(503, "UNAVAILABLE", "busy")), BUSY])
def test_a_good_status_with_nothing_good_behind_it_is_tried_again(body: bytes) -> None:
    script = Script(retry=TRICE)
    script.begin()
    script.received(body, b"") if body else script.received(b"")
    assert script.step() == CLOSE


@pytest.mark.parametrize("kind", ["connect", "timeout", "lost"])
def test_a_failure_before_the_first_chunk_is_tried_again_and_forgotten(kind: str) -> None:
    script = Script(retry=TRICE)
    script.begin()
    script.failed(kind)
    assert script.step() == CLOSE
    assert script.step() == Wait(1.0)
    attempt(script, 200, END)
    assert script.texts() == ["!"]
    assert script.stop() is None


def test_nothing_is_tried_again_after_the_first_chunk() -> None:
    """What the reader has seen is not restarted."""
    script = Script(retry=TRICE)
    script.begin()
    script.received(HELLO, b"")
    assert script.texts() == ["Hello "]
    stopped(script, StreamTruncated, phase="body", text="Hello ")


def test_what_is_wrong_with_the_request_is_not_tried_again() -> None:
    script = Script(retry=TRICE)
    attempt(script, 404, json.dumps(refuses(404, "NOT_FOUND", "m")).encode())
    stopped(script, NotFoundError, phase="head")


def test_an_error_tells_of_its_own_attempt() -> None:
    """The first answer's head is not that of the second, which never came."""
    script = Script(retry=Retry(attempts=2, initial_delay=1.0, jitter=0.0))
    attempt(script, 503, BUSY)
    assert (script.step(), script.step(), script.step()) == (CLOSE, Wait(1.0), OPEN)
    script.failed("connect")
    stopped(script, ConnectError, phase="connect", attempts=2)


REDIRECTED = HttpRequest(REQUEST.method, "http://api.test/v2/models/m", REQUEST.headers, REQUEST.body)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("location", ["http://api.test/v2/models/m", "/v2/models/m", "//api.test/v2/models/m"])
def test_a_redirect_on_the_same_host_is_followed_with_the_same_request(status: int, location: str) -> None:
    script = Script()
    script.step()
    script.opened(status, location=location)
    assert script.step() == Open(REDIRECTED, 600.0)
    script.opened()
    script.received(END, b"")
    assert script.texts() == ["!"]
    assert script.stop() is None


def test_a_redirect_to_tls_on_the_same_host_is_followed() -> None:
    script = Script()
    script.step()
    script.opened(308, location="https://api.test/v2")
    assert script.step().request.url == "https://api.test/v2"
    script.opened(308, location="http://api.test/v2")
    assert "redirects to another host" in str(stopped(script, WireError, phase="head", attempts=2)), "but not back"


@pytest.mark.parametrize(
    "location",
    [
        "http://evil.test/v2",
        "//evil.test/v2",
        "http://api.test:81/",
        "http://api.test@evil.test/",
        "https://api.test.evil.test/",
        "ftp://api.test/",
        "javascript:alert(1)",
    ],
)
def test_the_key_goes_to_no_other_host(location: str) -> None:
    script = Script(retry=TRICE)
    script.step()
    script.opened(307, location=location)
    assert "the key stays here" in str(stopped(script, WireError, phase="head"))


@pytest.mark.parametrize("location", ["http://[bad", "//[", "http://[::1"])
def test_a_redirect_to_what_is_no_url_is_an_error_of_ours(location: str) -> None:
    script = Script()
    script.step()
    script.opened(302, location=location)
    assert "not a URL" in str(stopped(script, WireError, phase="head"))


def test_redirects_do_not_go_on_for_ever() -> None:
    script = Script()
    for _ in range(6):
        assert isinstance(script.step(), Open)
        script.opened(302, location="/again")
    assert "too many times" in str(stopped(script, WireError, phase="head", attempts=6))


def test_a_redirect_or_a_new_connection_is_no_failed_try() -> None:
    """Neither uses up a try, nor makes the back-off longer."""
    script = Script(retry=Retry(attempts=2, initial_delay=1.0, jitter=0.0))
    script.step()
    script.opened(307, location="/v2")
    script.step()
    script.failed("stale")
    attempt(script, 503, BUSY)
    assert script.step() == CLOSE
    assert script.step() == Wait(1.0)
    attempt(script, 503, BUSY)
    stopped(script, ServerError, phase="head", attempts=4)
