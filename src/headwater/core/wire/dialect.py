"""The ``Dialect`` protocol: what a dialect of HTTP streaming has to say, and the machine does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar, final

import msgspec

from headwater.core.answer.fold import Fold
from headwater.core.answer.joining import Joiner
from headwater.core.wire.request import HttpRequest
from headwater.errors import APIError, HeadwaterError
from headwater.types import Content, Part

Result = TypeVar("Result", covariant=True)


class BrokenStream(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that stopped before its end: what is known of it.

    ``stream`` is the name under which the server stores it, None if it does not; ``after`` counts the documents that
    arrived. ``since_checkpoint`` are the parts that followed the last checkpoint. ``error`` is what stopped it, None
    if the API itself asks for a continuation.
    """

    request: HttpRequest
    fold: Fold
    stream: str | None
    after: int
    since_checkpoint: list[Part]
    error: HeadwaterError | None


class Continuation(msgspec.Struct, frozen=True, kw_only=True):
    """How to go on with a broken answer: the request to send, and how what comes is joined to what was there.

    ``same_stream`` says that it is the same stream, at the place where it broke.
    """

    request: HttpRequest
    joiner: Joiner | None = None
    same_stream: bool = False


@final
class StreamEnd(msgspec.Struct, frozen=True):
    """The other end says that nothing more will come: the answer is whole, or ``error`` ended it for everybody."""

    error: HeadwaterError | None = None


class Dialect(Protocol[Result]):
    """A dialect: how its documents become results and its refusals errors. Stateless."""

    def decode(self, data: bytes, headers: Mapping[str, str]) -> tuple[Result | HeadwaterError | StreamEnd, ...]:
        """Return what one document of a good answer holds: results, an error where it carries one, or the end."""

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> APIError:
        """Return the error that an answer with a bad status means."""

    def stream_name(self, headers: Mapping[str, str]) -> str | None:
        """Return the name under which the other end keeps the stream, where it does."""

    def keep(self, request: HttpRequest) -> HttpRequest:
        """Return ``request`` so that the other end knows that the stream may be resumed."""

    def position(self, request: HttpRequest, stream: str, after: int) -> str:
        """Return the place in a stream that the other end keeps, as text for another process. It holds no key."""

    def resume(self, broken: BrokenStream) -> Continuation | None:
        """Return how to go on with an answer that broke; None where there is no way."""

    def contents(self, request: HttpRequest) -> list[Content]:
        """Return the turns that a request holds."""

    def add_turns(self, request: HttpRequest, turns: list[Content]) -> HttpRequest:
        """Return the request that goes on with ``turns``: what the model called, and what it is answered."""

    def is_final(self, result: object) -> bool:
        """Return whether an answer that ends after this result is whole."""
