"""The ``Wire`` protocol: what a dialect of HTTP streaming has to say, and the machine does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar

from headwater.errors import APIError, HeadwaterError

Result = TypeVar("Result", covariant=True)


class Wire(Protocol[Result]):
    """A dialect: how its documents become results and its refusals errors. Stateless."""

    def decode(self, data: bytes, headers: Mapping[str, str]) -> tuple[Result | HeadwaterError, ...]:
        """Return what one document of a good answer holds: results, and an error where it carries one."""

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> APIError:
        """Return the error that an answer with a bad status means."""

    def is_final(self, result: object) -> bool:
        """Return whether an answer that ends after this result is whole."""
