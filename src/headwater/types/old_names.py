"""The names that pydantic's models had before its second version, which they still have, and programs still use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from headwater.types.dump import Plain


class OldNames:
    """Other names of ``ApiModel``'s methods."""

    __slots__ = ()

    if TYPE_CHECKING:
        model_copy: Any
        model_dump: Any
        model_dump_json: Any
        model_validate: Any

    @classmethod
    def parse_obj(cls, obj: Any) -> Self:
        """Return ``model_validate(obj)``.

        Raises:
            UsageError: if it has an unknown field, or a value of the wrong type.
        """
        made: Self = cls.model_validate(obj)
        return made

    def copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return ``model_copy(...)``.

        Raises:
            UsageError: if ``update`` has an unknown field, or a value of the wrong type.
        """
        made: Self = self.model_copy(update=update, deep=deep)
        return made

    def dict(self, **choices: Any) -> Plain:
        """Return ``model_dump(...)``."""
        dumped: Plain = self.model_dump(**choices)
        return dumped

    def json(self, **choices: Any) -> str:
        """Return ``model_dump_json(...)``."""
        text: str = self.model_dump_json(**choices)
        return text
