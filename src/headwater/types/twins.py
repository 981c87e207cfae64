"""Makes names of ``headwater.types`` of the dict twins, and of types that few programs need.

Type checkers see imports; programs load them on first use.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater.types.dicts import *  # noqa: F403
else:
    #: Modules of types that few programs need.
    _LATER = ("headwater.types.caches", "headwater.types.embeddings", "headwater.types.live")

    def _load(name: str) -> Any:
        """Return a type or a twin by its name, or a placeholder for a type of google-genai that is not here.

        Loading them all would make importing the package a third slower.
        """
        if not name.startswith("_"):
            for module in _LATER:
                found = getattr(importlib.import_module(module), name, None)
                if getattr(found, "__module__", None) == module:
                    setattr(sys.modules[__package__], name, found)  # so that the next access does not come here
                    return found
            if hasattr(twins := importlib.import_module("headwater.types.dicts"), name):
                return getattr(twins, name)
            placeholders = importlib.import_module("headwater.placeholders")
            if name in placeholders.modules()["types"]:
                return placeholders.placeholder("types", name)
        raise AttributeError(f"headwater.types has no {name!r}")

    sys.modules[__package__].__getattr__ = _load  # so that type checkers know nothing of it, and names stay checked
