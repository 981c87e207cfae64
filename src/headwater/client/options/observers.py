"""Observers are told of the beginning, each retry and the end of calls. Logs, traces and metrics are made this way.

An observer must not be able to harm a call. Its exceptions are logged, never raised. ``ended`` is called once for each
``begin`` that returned an observation, whichever thread, signal handler or garbage collection ends the call; so
observations are handed out by popping them from a list, which is atomic, and not under a lock.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextvars import copy_context
from functools import partial
from typing import Any, Protocol, TypeVar
from urllib.parse import unquote, urlsplit

import msgspec

from headwater.core.answer.ending import Ending
from headwater.core.answer.events import Retrying
from headwater.core.answer.metrics import Metrics
from headwater.types import GenerateContentResponse, UsageMetadata

T = TypeVar("T")
_PORTS = {"http": 80, "https": 443}


class CallRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The request of a call, without headers and so without a key."""

    url: str
    body: bytes
    is_stream: bool
    is_vertex: bool
    """Whether the client uses Vertex AI."""

    def __repr__(self) -> str:
        return f"CallRequest(url={self.url!r})"  # never the prompt

    @property
    def method(self) -> str:
        """The API's method: ``generateContent`` or ``streamGenerateContent``."""
        return urlsplit(self.url).path.rpartition(":")[2]

    @property
    def model(self) -> str:
        """The model, without ``models/`` and anything before it; other resources as ``tunedModels/name``."""
        # Every kind of request has the model in its URL.
        path = unquote(urlsplit(self.url).path.rpartition(":")[0])
        _, is_model, name = path.rpartition("/models/")
        return name if is_model else "/".join(path.split("/")[-2:])

    @property
    def host(self) -> str | None:
        """The host name; None for the offline engine."""
        return urlsplit(self.url).hostname

    @property
    def port(self) -> int | None:
        """The port of ``host``."""
        address = urlsplit(self.url)
        return address.port or _PORTS.get(address.scheme)

    @property
    def settings(self) -> dict[str, Any]:
        """The ``generationConfig`` of the request, with the API's names."""
        settings = msgspec.json.decode(self.body, type=_Configured).settings
        return settings if isinstance(settings, dict) else {}

    @property
    def document(self) -> dict[str, Any]:
        """The whole body of the request as the API gets it."""
        document: dict[str, Any] = msgspec.json.decode(self.body)
        return document


class _Configured(msgspec.Struct):
    """The part of a request that is decoded for ``settings``: contents can be large."""

    settings: Any = msgspec.field(name="generationConfig", default=None)


class FinishedCall(Protocol):
    """What ``on_end`` and observers get: the stream, or a whole answer with these attributes."""

    @property
    def ending(self) -> Ending | None:
        """How it ended."""

    @property
    def text(self) -> str:
        """The text received."""

    @property
    def response(self) -> GenerateContentResponse:
        """The response so far, folded into one."""

    @property
    def usage_metadata(self) -> UsageMetadata:
        """The token counts of the API."""

    @property
    def metrics(self) -> Metrics:
        """The times and amounts of the call."""

    @property
    def gaps(self) -> Sequence[float]:
        """The seconds between one chunk's arrival and the next."""


class Observation(Protocol):
    """Observes one call. Its methods may be called from any thread, one after the other."""

    def retrying(self, event: Retrying) -> None:
        """Record that the call failed and is retried, resumed or restarted."""

    def ended(self, call: FinishedCall) -> None:
        """Record that the call has ended. Called once."""


class Observer(Protocol):
    """Told of every call that it is passed to, or of all calls of a client."""

    def begin(self, request: CallRequest) -> Observation | None:
        """Record that the first request of a call is about to be sent; return what observes the call, or None.

        It runs with the context variables of the place where the call was made.
        """


class ObserverGroup:
    """The observers of one call. Their exceptions are logged, and the call continues."""

    def __init__(
        self,
        observers: Iterable[Observer],
        request: CallRequest,
        view: Callable[[FinishedCall], FinishedCall] | None = None,
    ) -> None:
        self._view = view  # what observers see of a call whose response is of another type
        self._waiting = list(observers)
        self._request = request
        self._context = copy_context()
        self._observations: list[Observation] = []
        self._is_over = False

    def begin(self, call: FinishedCall) -> None:
        """Announce the first request of ``call``; later ones do nothing. An observer's own calls are left out."""
        # Taking the list away first makes a second call, from a retry or another thread, find nothing to begin.
        waiting, self._waiting = self._waiting, []
        for observer in () if _delivery.is_active else waiting:
            observation = _deliver(partial(self._context.run, observer.begin, self._request))
            if observation is not None:
                self._observations.append(observation)
        if self._is_over:  # another thread closed the call while the observers began
            self.end(call)

    def retrying(self, event: Retrying) -> None:
        """Announce a retry."""
        for observation in tuple(self._observations):
            _deliver(partial(observation.retrying, event))

    def end(self, call: FinishedCall) -> None:
        """Announce the end, once to each observation that has begun."""
        # Before the pops below: a begin() that still runs in another thread sees the flag and ends what it has begun.
        self._is_over = True
        self._waiting = []
        while self._observations:
            try:
                observation = self._observations.pop()
            except IndexError:  # another thread took the last one between the two lines
                return
            _deliver(partial(observation.ended, call if self._view is None else self._view(call)))


class _Delivery(threading.local):
    """Whether an observer runs in this thread, and the calls that wait for it.

    A signal handler or the garbage collector can end another call while an observer runs in the same thread and holds
    a lock (of a logger, say) that it would want again. So such calls are queued until the running one returns.
    """

    def __init__(self) -> None:
        self.is_active = False
        self.later: deque[Callable[[], object]] = deque()


_delivery = _Delivery()


def _deliver(work: Callable[[], T]) -> T | None:
    if _delivery.is_active:
        _delivery.later.append(work)
        return None
    _delivery.is_active = True
    try:
        return work()
    except Exception:
        import logging  # here, since it is a large part of what importing the client would cost

        logging.getLogger("headwater").exception("an observer failed; the call continues")
        return None
    finally:
        # The queue is emptied here, when no observer holds anything any more.
        _delivery.is_active = False
        while _delivery.later:
            _deliver(_delivery.later.popleft())
