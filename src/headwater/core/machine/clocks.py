"""``Clocks``: the four deadlines of a call, how long it may still wait, and which of them has passed."""

from __future__ import annotations

from collections.abc import Callable

from headwater.core.machine.policy import Deadlines
from headwater.core.machine.steps import Read
from headwater.errors import DeadlineExceeded, StreamStalled

#: A timer of the operating system may fire this much (seconds) too early.
_SLACK = 0.02


class Clocks:
    """The clocks of one call. All times are monotonic seconds."""

    def __init__(self, limits: Deadlines, timeout: int | None = None) -> None:
        self.limits = limits
        self._timeout = timeout
        self.started: float | None = None
        #: When the last content arrived, or was taken by a reader who then asked for more; None before the first.
        self.content_at: float | None = None
        #: When the answer was asked for; after functions were called, the answer to their results.
        self.requested_at: float | None = None
        self.bytes_at = 0.0
        #: What grows whenever content arrives, as it was at the last read.
        self.growth = 0
        gaps = [gap for gap in (limits.content_gap, limits.byte_gap) if gap is not None]
        # After content, the gaps alone bound the wait if there is no total: the same read then, again and again.
        self._steady_read = Read(min(gaps)) if gaps and limits.total is None else None

    def begin_attempt(self, now: float) -> None:
        """Begin the call, or another attempt of it."""
        if self.started is None:
            self.started = now
        if self.requested_at is None:
            self.requested_at = now
        self.bytes_at = now
        if self.content_at is not None:  # the back-off before the attempt was our own doing
            self.content_at = now

    def begin_turn(self, now: float) -> None:
        """Record that functions have returned, and another answer is asked for."""
        self.requested_at = self.bytes_at = now
        self.content_at = None

    def next_read(self, growth: int, now: float, reported: float) -> Read | None:
        """Return how long to read, None if a deadline has passed.

        ``reported`` is when the last fact was reported. If content arrived with it, the gap begins now: the reader has
        just asked for more. If none did, the time since then was the reader's and is taken off.
        """
        if growth != self.growth:
            self.growth = growth
            self.content_at = self.bytes_at = now
            if self._steady_read is not None:
                return self._steady_read
        else:
            self._skip(now - reported)
        due = self.next_deadline()
        if due is None:
            return Read(None)
        return Read(due[0] - now) if due[0] > now else None

    def _skip(self, seconds: float) -> None:
        self.bytes_at += seconds
        if self.content_at is not None:
            self.content_at += seconds

    def next_deadline(self) -> tuple[float, str] | None:
        """Return when the first of the deadlines passes, and its name; None if there is no limit."""
        limits, started, requested = self.limits, self.started or 0.0, self.requested_at or 0.0
        due: list[tuple[float, str]] = []
        if self.content_at is None:
            if limits.first_content is not None:
                due.append((requested + limits.first_content, "first_content"))
        elif limits.content_gap is not None:
            due.append((self.content_at + limits.content_gap, "content_gap"))
        if limits.byte_gap is not None:
            due.append((self.bytes_at + limits.byte_gap, "byte_gap"))
        if limits.total is not None:
            due.append((started + limits.total, "total"))
        return min(due, default=None)

    def time_left(self, now: float) -> float | None:
        """Return the seconds until a deadline passes; None if there is no limit."""
        due = self.next_deadline()
        return None if due is None else max(0.0, due[0] - now)

    def elapsed(self, now: float) -> float:
        """Return the seconds since the call began."""
        return now - (now if self.started is None else self.started)

    def time_for_attempts(self, now: float) -> float | None:
        """Return the seconds within which another attempt has to begin; None if there is no limit."""
        limits, started = self.limits, self.started or 0.0
        ends = [started + limits.total] if limits.total is not None else []
        if self.content_at is None and limits.first_content is not None:
            ends.append((self.requested_at or 0.0) + limits.first_content)
        return min(ends) - now if ends else None

    def expired(
        self, now: float, received_text: Callable[[], str], *, slack: float = _SLACK
    ) -> StreamStalled | DeadlineExceeded | None:
        """Return the error of the deadline that has passed by ``now``; ``received_text`` says what arrived by then."""
        due = self.next_deadline()
        if due is None or due[0] > now + slack:
            return None
        name = due[1]
        limit = getattr(self.limits, name)
        what = f"{_MESSAGES[name].format(limit)} ({self._setting(name, limit)})"
        message = f"timed out: {what}; {received_text()} after {self.elapsed(now):.3g} s"
        kind = DeadlineExceeded if name == "total" else StreamStalled
        return kind(message, deadline=name, limit=limit, elapsed=self.elapsed(now))

    def _setting(self, name: str, limit: float) -> str:
        """The setting that set the limit, as the caller wrote it."""
        if name != "byte_gap" or self._timeout is None:
            return f"Deadlines({name}={limit:g})"
        unit = "; `timeout` is in milliseconds" if self._timeout < _LIKELY_SECONDS else ""
        return f"http_options.timeout={self._timeout}{unit}"


#: A smaller ``timeout`` may have been meant in seconds.
_LIKELY_SECONDS = 1000
_MESSAGES = {
    "first_content": "no content from the model within {:g} s",
    "content_gap": "no more content from the model for {:g} s",
    "byte_gap": "nothing arrived from the API for {:g} s",
    "total": "the answer took longer than {:g} s",
}
