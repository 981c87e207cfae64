"""Makes the dict twins names of ``headwater.types``: type checkers see imports, programs load them on first use."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater.types.dicts import *  # noqa: F403
else:

    def _load(name: str) -> Any:
        """Return a twin by its name. Loading them all would make importing the package a third slower."""
        twins = None if name.startswith("_") else importlib.import_module("headwater.types.dicts")
        if twins is None or not hasattr(twins, name):
            raise AttributeError(f"headwater.types has no {name!r}")
        return getattr(twins, name)

    sys.modules[__package__].__getattr__ = _load  # so that type checkers know nothing of it, and names stay checked
