"""The ``Engine`` protocol: a request in, chunks out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

import msgspec

from headwater.errors import UsageError
from headwater.json_text import JSON_ERRORS
from headwater.types import CountTokensResponse, GenerateContentRequest, Model
from headwater.types.base import coerce


class EngineRequest:
    """A request to a model.

    Args:
        model: The model's name, without ``models/``.
        body: The JSON that the client sent, unchanged; ``content`` is its parsed form.
        is_stream: False asks for one chunk with the whole answer.
        timeout: Seconds that the client allows for the whole answer (``X-Server-Timeout``); None for no limit.
        known: Chunks of the answer that are stored already. A repeatable engine does not have to pace those.
    """

    def __init__(
        self, model: str, body: bytes, *, is_stream: bool = True, timeout: float | None = None, known: int = 0
    ) -> None:
        self.model = model
        self.body = body
        self.is_stream = is_stream
        self.timeout = timeout
        self.known = known
        #: How many of the prompt's tokens come from a cache, for the usage.
        self.cached_tokens = 0
        #: The hints of the request that the engine has left out, in the API's names. It sets them before its first
        #: chunk, and the response names them in ``Headwater-Ignored``.
        self.ignored: Sequence[str] = ()

    @cached_property
    def content(self) -> GenerateContentRequest:
        """The parsed body. Parsed on first use: engines that pass requests on never need it.

        Raises:
            UsageError: if the body is not a request; the message says what is wrong with it.
        """
        try:
            content = coerce(msgspec.json.decode(self.body), GenerateContentRequest, "the request")
        except JSON_ERRORS as error:
            raise UsageError(f"Invalid JSON payload received. {error}") from error
        if not isinstance(content, GenerateContentRequest):
            raise UsageError("Invalid JSON payload received. A request is an object.")
        return content


class Chunk(Protocol):
    """What an engine yields: a ``GenerateContentResponse``, or only the bytes of one that is passed on."""

    @property
    def raw(self) -> bytes:
        """The JSON of one ``GenerateContentResponse``."""


class UpstreamCall(NamedTuple):
    """A call of a method of an upstream. ``path`` is below the version of the API, and may have a query."""

    method: str
    path: str
    body: bytes | None = None


class NativeMethods(Protocol):
    """Other methods of the Gemini API that an engine has: ``embedContent`` and the like, and caches.

    Bytes pass through; errors are ``HeadwaterError``.
    """

    #: Whether caches are passed on as well. If not, the server keeps them, for every engine.
    keeps_caches: bool

    async def call(self, call: UpstreamCall) -> bytes:
        """Return the body of a response."""


class NativeInteractions(Protocol):
    """The Interactions API of an engine's upstream. Bytes pass through; errors are ``HeadwaterError``."""

    def stream(self, call: UpstreamCall) -> AsyncGenerator[Chunk, None]:
        """Yield the events of a stream."""

    async def call(self, call: UpstreamCall) -> bytes:
        """Return the body of a response."""


class Engine(Protocol):
    """Produces answers. One engine serves any number of requests concurrently.

    Closing the iterator (``aclose``) stops the generation at once. Every error is a ``HeadwaterError``. An engine that
    answers the same request with the same content has an attribute ``is_repeatable`` that is True; its answers can be
    resumed exactly after a server died. One whose upstream speaks the Interactions API itself may have an attribute
    ``interactions``, a ``NativeInteractions``; the server then passes interactions on instead of mapping them. One that
    can embed contents or list tokens has an attribute ``methods``, a ``NativeMethods``.
    """

    #: Its name in logs, metrics and ``/healthz``, and in stored streams, which are resumed by the engine of that name.
    name: str

    def stream(self, request: EngineRequest) -> AsyncIterator[Chunk]:
        """Yield the chunks of the answer; for ``is_stream`` False, one chunk.

        Raises:
            HeadwaterError: if the request is refused, or the answer breaks off.
        """

    async def count_tokens(self, request: EngineRequest) -> CountTokensResponse:
        """Return how many tokens the request has."""

    async def models(self) -> list[Model]:
        """Return the models that this engine offers."""

    async def aclose(self) -> None:
        """Close connections."""
