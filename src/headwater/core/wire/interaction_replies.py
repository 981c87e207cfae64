"""Dialects of the Interactions API for calls that return no interaction: deletions, and replies as they came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from headwater.core.wire.dialect import AnswerRules
from headwater.core.wire.interactions import InteractionDialect
from headwater.errors import HeadwaterError


class RawReply(msgspec.Struct, frozen=True):
    """The body of a good response, and its headers with lower-case names."""

    data: bytes
    headers: Mapping[str, str]


class Replies(InteractionDialect):
    """The dialect of calls whose reply is not read any further, unless it is an error."""

    # There is nothing to fold.
    answers: Any = AnswerRules()

    def decode(self, data: bytes, headers: Mapping[str, str]) -> tuple[Any, ...]:
        """Return the reply. A deletion's is empty or ``{}``."""
        found = super().decode(data, headers) if data else ()
        problem = next((result for result in found if isinstance(result, HeadwaterError)), None)
        return (RawReply(data, headers) if problem is None else problem,)

    def is_final(self, result: object) -> bool:
        """Return True: there is one reply."""
        return True


REPLIES = Replies()
