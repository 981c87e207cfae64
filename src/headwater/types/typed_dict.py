"""``TypedDict`` for the twins: that of typing_extensions where pydantic needs it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING or sys.version_info >= (3, 12):
    from typing import TypedDict as TypedDict
else:
    # Before 3.12 pydantic refuses those of typing, which do not remember the bases of a class.
    is_installed = importlib.util.find_spec("typing_extensions") is not None
    TypedDict = importlib.import_module("typing_extensions" if is_installed else "typing").TypedDict
