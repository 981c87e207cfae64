"""Makes the dict twins names of ``headwater.types``: type checkers see imports, programs load them on first use."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater.types.dicts import *  # noqa: F403
else:

    def _load(name: str) -> Any:
        """Return a twin by its name, or a placeholder for a type of google-genai that is not here.

        Loading them all would make importing the package a third slower.
        """
        if not name.startswith("_"):
            if hasattr(twins := importlib.import_module("headwater.types.dicts"), name):
                return getattr(twins, name)
            placeholders = importlib.import_module("headwater.placeholders")
            if name in placeholders.modules()["types"]:
                return placeholders.placeholder("types", name)
        raise AttributeError(f"headwater.types has no {name!r}")

    sys.modules[__package__].__getattr__ = _load  # so that type checkers know nothing of it, and names stay checked
