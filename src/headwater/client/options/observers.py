"""Observers: who is told of every call that begins, is tried again, and ends. Logs, traces and figures are made so."""

from __future__ import annotations

import logging
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

logger = logging.getLogger("headwater")
T = TypeVar("T")
_PORTS = {"http": 80, "https": 443}


class CallRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked in a call. It has no headers, so no key."""

    url: str
    body: bytes
    is_stream: bool
    is_vertex: bool
    """Whether the client speaks to Vertex AI."""

    def __repr__(self) -> str:
        return f"CallRequest(url={self.url!r})"  # and never what the user said

    @property
    def method(self) -> str:
        """The API's method: ``generateContent`` or ``streamGenerateContent``."""
        return urlsplit(self.url).path.rpartition(":")[2]

    @property
    def model(self) -> str:
        """The model, without ``models/`` and what may stand before it; other resources as ``tunedModels/name``."""
        path = unquote(urlsplit(self.url).path.rpartition(":")[0])
        _, is_model, name = path.rpartition("/models/")
        return name if is_model else "/".join(path.split("/")[-2:])

    @property
    def host(self) -> str | None:
        """Who is asked; None where the answer is made in-process."""
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
        """The whole request as it goes to the API: contents, tools and all."""
        document: dict[str, Any] = msgspec.json.decode(self.body)
        return document


class _Configured(msgspec.Struct):
    """What is read of a request where its contents, which can be large, are not wanted."""

    settings: Any = msgspec.field(name="generationConfig", default=None)


class FinishedCall(Protocol):
    """What ``on_end`` and observers are given: the stream, of which these are the first things to look at."""

    @property
    def ending(self) -> Ending | None:
        """How it ended."""

    @property
    def text(self) -> str:
        """The text that came."""

    @property
    def response(self) -> GenerateContentResponse:
        """The answer as far as it came."""

    @property
    def usage_metadata(self) -> UsageMetadata:
        """The tokens, as the API counted them."""

    @property
    def metrics(self) -> Metrics:
        """What was measured."""

    @property
    def gaps(self) -> Sequence[float]:
        """The seconds between one chunk's arrival and the next."""


class Observation(Protocol):
    """Watches one call. Its methods may come from any thread, one after the other."""

    def retrying(self, event: Retrying) -> None:
        """Take it that the call failed and is tried again, continued, or begun anew."""

    def ended(self, call: FinishedCall) -> None:
        """Take it that the call has ended, however it did. Comes once."""


class Observer(Protocol):
    """Is told of every call that it is given to, or all calls of a client."""

    def begin(self, request: CallRequest) -> Observation | None:
        """Take it that a first request goes out; return who watches the call, None where nobody does.

        It runs with the context variables of the place where the call was made.
        """


class ObserverGroup:
    """The observers of one call. What one of them raises is logged, and the call goes on."""

    def __init__(self, observers: Iterable[Observer], request: CallRequest) -> None:
        self._waiting = list(observers)
        self._request = request
        self._context = copy_context()
        self._observations: list[Observation] = []
        self._is_over = False

    def begin(self, call: FinishedCall) -> None:
        """Tell that a request goes out; further ones change nothing. An observer's own calls are not told."""
        waiting, self._waiting = self._waiting, []
        for observer in () if _delivery.is_active else waiting:
            observation = _deliver(partial(self._context.run, observer.begin, self._request))
            if observation is not None:
                self._observations.append(observation)
        if self._is_over:  # closed from elsewhere in the meantime
            self.end(call)

    def retrying(self, event: Retrying) -> None:
        """Tell that the call is tried again."""
        for observation in tuple(self._observations):
            _deliver(partial(observation.retrying, event))

    def end(self, call: FinishedCall) -> None:
        """Tell that the call has ended, each of those once who were told of its beginning."""
        self._is_over = True
        self._waiting = []
        while self._observations:
            try:
                observation = self._observations.pop()
            except IndexError:  # another thread was faster
                return
            _deliver(partial(observation.ended, call))


class _Delivery(threading.local):
    """Whether an observer is at work in this thread, and what comes after it.

    A signal or the garbage collector can end a call in the middle of an observer's work, while it holds a lock that
    the next one wants: the next one waits until the first is done.
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
        logger.exception("an observer failed; the call that it watches goes on")
        return None
    finally:
        _delivery.is_active = False
        while _delivery.later:
            _deliver(_delivery.later.popleft())
