"""Lets ``types.FunctionDeclaration.from_callable`` read functions: types know nobody, so the client comes to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headwater.types import FunctionDeclaration
from headwater.types.tools import _Declarer


def _declare(function: Callable[..., Any], **options: Any) -> FunctionDeclaration:
    from headwater.client.tools.declarations import from_callable  # here, since most programs never get here

    return from_callable(function, **options)


_Declarer.of = staticmethod(_declare)  # type: ignore[method-assign]
