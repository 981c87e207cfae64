"""The ``Engine`` protocol: a request in, chunks out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import cached_property
from typing import Protocol

import msgspec

from headwater.errors import UsageError
from headwater.json_text import JSON_ERRORS
from headwater.types import CountTokensResponse, GenerateContentRequest, Model
from headwater.types.base import coerce


class EngineRequest:
    """What a client asks of a model. ``body`` is the JSON as the client wrote it.

    ``timeout`` is how many seconds the client gives the whole answer (``X-Server-Timeout``). ``is_stream`` False asks
    for one chunk that is the whole answer. ``known`` chunks of the answer are there already: an engine that says the
    same again need not wait before them.
    """

    def __init__(
        self, model: str, body: bytes, *, is_stream: bool = True, timeout: float | None = None, known: int = 0
    ) -> None:
        self.model = model
        self.body = body
        self.is_stream = is_stream
        self.timeout = timeout
        self.known = known

    @cached_property
    def content(self) -> GenerateContentRequest:
        """The body, read; engines that pass it on never need it.

        Raises:
            UsageError: it is not a request; the message says what is wrong with it.
        """
        try:
            content = coerce(msgspec.json.decode(self.body), GenerateContentRequest, "the request")
        except JSON_ERRORS as error:
            raise UsageError(f"Invalid JSON payload received. {error}") from error
        if not isinstance(content, GenerateContentRequest):
            raise UsageError("Invalid JSON payload received. A request is an object.")
        return content


class Chunk(Protocol):
    """What an engine yields: a ``GenerateContentResponse``, or just the bytes of one that is passed on."""

    @property
    def raw(self) -> bytes:
        """The JSON of one ``GenerateContentResponse``."""


class Engine(Protocol):
    """Produces answers. One engine serves any number of requests at once.

    Leaving the iteration (``aclose``) stops the production at once. Every error is a ``HeadwaterError``. An engine that
    answers the same request with the same words has an attribute ``is_repeatable`` that is True.
    """

    #: What a person calls it, in logs and on the line that the server prints at its start.
    name: str

    def stream(self, request: EngineRequest) -> AsyncIterator[Chunk]:
        """Yield the chunks of the answer; for ``is_stream`` False, one chunk.

        Raises:
            HeadwaterError: the request is refused, or the answer broke off.
        """

    async def count_tokens(self, request: EngineRequest) -> CountTokensResponse:
        """Return how many tokens the request has."""

    async def models(self) -> list[Model]:
        """Return the models that this engine answers for."""

    async def aclose(self) -> None:
        """Let go of connections."""
