"""The base of the API's enums, which keep values that they do not know."""

from __future__ import annotations

import warnings
from enum import Enum, EnumMeta
from typing import TYPE_CHECKING, Any, Self, cast


class _EnumMeta(EnumMeta):
    """Warns of an unknown value that a program writes, since that may be a typo. Decoding does not come this way."""

    if not TYPE_CHECKING:

        def __call__(cls, value, *args, **options):
            found = super().__call__(value, *args, **options)
            if isinstance(found, cls) and found._name_ not in cls._member_map_:
                warnings.warn(f"{value} is not a valid {cls.__name__}", stacklevel=2)
            return found


class OpenEnum(str, Enum, metaclass=_EnumMeta):  # noqa: UP042 - StrEnum's auto() and str() are not google-genai's
    """A string enum that accepts unknown values as new members: ``FinishReason("NEW").value == "NEW"``.

    The API adds values at any time, so those that it sends are taken as they are: ``of`` does the same from Python.
    """

    @classmethod
    def of(cls, value: str) -> Self:
        """Return the member for a value from the API. Unlike a call of the class, it never warns."""
        return cast("Self", cls._value2member_map_.get(value) or cls._missing_(value))

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return type(self).of, (self._value_,)

    @classmethod
    def _missing_(cls, value: object) -> OpenEnum | None:
        if not isinstance(value, str):
            return None
        known = cls._value2member_map_.get(value.upper()) or cls._value2member_map_.get(value.lower())
        if known is not None:
            return cast("OpenEnum", known)
        member = str.__new__(cls, value)
        member._name_ = member._value_ = value
        return member

    @classmethod
    def numbers(cls) -> dict[int, str]:
        """Return the names of the protobuf numbers of this enum; some endpoints send numbers."""
        return {}

    def __str__(self) -> str:
        return str(self.value)
