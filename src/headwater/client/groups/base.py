"""``MethodGroup``: the base of ``client.models``, ``client.files`` and the other groups of methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from headwater.client.stream.aio import AsyncCaller
from headwater.client.stream.sync import Caller

if TYPE_CHECKING:  # few programs read it
    from headwater.client.groups.api_client import BaseApiClient

C = TypeVar("C", Caller, AsyncCaller)


class MethodGroup(Generic[C]):
    """A group of methods with the caller that makes their calls."""

    def __init__(self, caller: C) -> None:
        self._caller: C = caller

    @property
    def vertexai(self) -> bool:
        """Whether the client uses Vertex AI."""
        return self._caller.settings.vertexai

    @property
    def _api_client(self) -> BaseApiClient:
        """google-genai's inner client, of which instrumentation reads a few attributes."""
        from headwater.client.groups.api_client import BaseApiClient

        return BaseApiClient(self._caller.settings)
