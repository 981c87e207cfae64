"""The four clocks of a call: how long it may still wait at any moment, and which of them has run out."""

from __future__ import annotations

from collections.abc import Callable

from headwater.core.machine.policy import Deadlines
from headwater.errors import DeadlineExceeded, StreamStalled

#: A timer of the system may fire so much (seconds) before its time.
_SLACK = 0.02


class Clocks:
    """The clocks of one call. All times are monotonic seconds."""

    def __init__(self, limits: Deadlines) -> None:
        self.limits = limits
        self.started: float | None = None
        #: When the last content came, or was taken by a reader who then asked for more; None before the first.
        self.content_at: float | None = None
        #: When the answer was asked for: after functions were called, another one.
        self.asked: float | None = None
        self.bytes_at = 0.0
        gaps = [gap for gap in (limits.content_gap, limits.byte_gap) if gap is not None]
        #: How long to wait after content, where nothing but the gaps bounds it; None where that is not so simple.
        self.steady = min(gaps) if gaps and limits.total is None else None

    def begin_attempt(self, now: float) -> None:
        """Begin the call, or another attempt of it."""
        if self.started is None:
            self.started = now
        if self.asked is None:
            self.asked = now
        self.bytes_at = now
        if self.content_at is not None:  # the rest before the attempt was ours
            self.content_at = now

    def begin_turn(self, now: float) -> None:
        """Take it that functions have answered, and another answer is asked for."""
        self.asked = self.bytes_at = now
        self.content_at = None

    def skip(self, seconds: float) -> None:
        """Leave out the time in which the reader did not ask for more."""
        self.bytes_at += seconds
        if self.content_at is not None:
            self.content_at += seconds

    def next(self) -> tuple[float, str] | None:
        """Return when the first of the clocks runs out, and its name."""
        limits, started, asked = self.limits, self.started or 0.0, self.asked or 0.0
        due: list[tuple[float, str]] = []
        if self.content_at is None:
            if limits.first_content is not None:
                due.append((asked + limits.first_content, "first_content"))
        elif limits.content_gap is not None:
            due.append((self.content_at + limits.content_gap, "content_gap"))
        if limits.byte_gap is not None:
            due.append((self.bytes_at + limits.byte_gap, "byte_gap"))
        if limits.total is not None:
            due.append((started + limits.total, "total"))
        return min(due, default=None)

    def time_left(self, now: float) -> float | None:
        """Return the seconds until a clock runs out; None where none runs."""
        due = self.next()
        return None if due is None else max(0.0, due[0] - now)

    def elapsed(self, now: float) -> float:
        """Return the seconds since the call began."""
        return now - (now if self.started is None else self.started)

    def latest_attempt(self) -> float | None:
        """Return the moment after which another attempt would be too late."""
        limits, started = self.limits, self.started or 0.0
        ends = [started + limits.total] if limits.total is not None else []
        if self.content_at is None and limits.first_content is not None:
            ends.append((self.asked or 0.0) + limits.first_content)
        return min(ends, default=None)

    def expired(
        self, now: float, came: Callable[[], str], *, slack: float = _SLACK
    ) -> StreamStalled | DeadlineExceeded | None:
        """Return the error of the clock that has run out by ``now``; ``came`` says what had come by then."""
        due = self.next()
        if due is None or due[0] > now + slack:
            return None
        name = due[1]
        limit = getattr(self.limits, name)
        message = f"{_WORDS[name].format(limit)} ({name}); {came()} after {self.elapsed(now):.3g} s"
        kind = DeadlineExceeded if name == "total" else StreamStalled
        return kind(message, clock=name, limit=limit, elapsed=self.elapsed(now))


_WORDS = {
    "first_content": "no content from the model within {:g} s",
    "content_gap": "no more content from the model for {:g} s",
    "byte_gap": "nothing came from the API for {:g} s",
    "total": "the answer took longer than {:g} s",
}
