"""Whether to try again, and when, follows from the failure alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.machine.policy import RETRY_CODES, Deadlines, Retry
from headwater.errors import (
    ConnectError,
    DeadlineExceeded,
    HeadwaterError,
    StreamCancelled,
    StreamInterrupted,
    StreamStalled,
    StreamTruncated,
    UsageError,
    WireError,
    api_error,
)

LOST = ConnectError("lost")


def busy(delay: str | None = None, after: str | None = None) -> HeadwaterError:
    details = {"error": {"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]}}
    return api_error(429, "slow down", details=details, headers={"retry-after": after} if after else {})


def test_a_call_is_tried_three_times_unless_told_otherwise() -> None:
    assert [Retry().allows(LOST, failures) for failures in (1, 2, 3)] == [True, True, False]


def test_a_wait_that_is_too_long_is_the_callers_to_decide() -> None:
    """No reader waits a minute for a stream that has not begun; the error says how long it would take."""
    assert Retry().allows(busy("60s"), 1)
    assert not Retry().allows(busy("60.5s"), 1)
    assert Retry(longest_hint=90.0).allows(busy("61s"), 1)


def test_a_quota_of_the_day_is_not_waited_for() -> None:
    violation = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}
    for details in ([{"violations": [violation]}], [{}, {"violations": [{}, violation]}]):
        assert not Retry().allows(api_error(429, "no", details={"error": {"details": details}}), 1)
    minute = [{"violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}]}]
    assert Retry().allows(api_error(429, "no", details={"error": {"details": minute}}), 1)


def test_the_clock_over_all_tries_ends_them() -> None:
    assert not Retry().allows(StreamStalled("x", deadline="first_content"), 1)
    assert Retry().allows(StreamStalled("x", deadline="byte_gap"), 1)
    assert not Retry().allows(DeadlineExceeded("x", deadline="total"), 1)


def test_attempts_counts_the_first_try_too() -> None:
    retry = Retry(attempts=3)
    assert [retry.allows(LOST, failures) for failures in (1, 2, 3, 4)] == [True, True, False, False]


@pytest.mark.parametrize("code", [400, 401, 403, 404, 408, 409, 429, 499, 500, 501, 502, 503, 504])
def test_refusals_that_can_pass_are_tried_again(code: int) -> None:
    assert Retry(attempts=2).allows(api_error(code, "no"), 1) is (code in RETRY_CODES)


def test_the_codes_can_be_chosen() -> None:
    retry = Retry(attempts=2, codes=(404,))
    assert retry.allows(api_error(404, "no"), 1)
    assert not retry.allows(api_error(503, "no"), 1)


@pytest.mark.parametrize("kind", [ConnectError, StreamInterrupted, StreamStalled, StreamTruncated])
def test_a_broken_road_is_tried_again(kind: type[HeadwaterError]) -> None:
    assert Retry(attempts=2).allows(kind("x"), 1)


@pytest.mark.parametrize("kind", [StreamCancelled, WireError, UsageError])
def test_what_would_be_the_same_again_is_not(kind: type[HeadwaterError]) -> None:
    assert not Retry(attempts=2).allows(kind("x"), 1)


def test_the_back_off_grows_to_its_bound() -> None:
    retry = Retry(initial_delay=1, exp_base=2, max_delay=10, jitter=0)
    assert [retry.delay(failures, LOST, 0.5) for failures in (1, 2, 3, 4, 5, 6)] == [1, 2, 4, 8, 10, 10]


def test_jitter_is_a_share_of_what_is_configured() -> None:
    assert Retry(initial_delay=1, jitter=4).delay(1, LOST, 0.25) == 2


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (busy("53s"), 53),
        (busy("0.5s"), 1),
        (busy("90.25s"), 90.25),
        (busy(after="70"), 70),
        (busy(after="Wed, 21 Oct 2026 07:28:00 GMT"), 1),
        (busy("soon"), 1),
        (busy("-5s"), 1),
    ],
)
def test_what_the_api_asks_for_is_a_lower_bound(error: HeadwaterError, seconds: float) -> None:
    """It is kept even above ``max_delay``: coming back sooner would be refused again."""
    assert Retry(initial_delay=1, max_delay=60, jitter=0).delay(1, error, 0.0) == seconds


@given(
    st.integers(1, 100_000),
    st.floats(0, 1000),
    st.floats(1, 1000) | st.integers(1, 1000),
    st.floats(0, 1000),
    st.floats(0, 1, exclude_max=True),
)
def test_any_back_off_is_a_number_of_seconds_within_its_bound(
    failures: int, initial: float, base: float, bound: float, jitter: float
) -> None:
    """Not even a growth beyond what a float holds breaks it."""
    delay = Retry(initial_delay=initial, exp_base=base, max_delay=bound, jitter=1.0).delay(failures, LOST, jitter)
    assert 0 <= delay <= bound


def test_by_default_no_stream_hangs_for_ever() -> None:
    limits = Deadlines()
    assert (limits.first_content, limits.content_gap, limits.byte_gap, limits.total) == (600.0, 300.0, None, None)


@pytest.mark.parametrize("seconds", [0, -1, 0.0])
def test_a_deadline_of_nothing_is_refused(seconds: float) -> None:
    with pytest.raises(UsageError, match="content_gap"):
        Deadlines(content_gap=seconds)
