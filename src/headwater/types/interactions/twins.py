"""google-genai's names for dicts (``TextContentParam``, ``UsageTypedDict``), made when they are first used.

Programs name them in annotations, call them to make a dict, and ask them for their keys. Any plain dict will do here.
"""

from __future__ import annotations

from typing import Any, Required, TypedDict

from headwater.types.interactions import agents, config, content, deltas, events, interaction, steps, tools
from headwater.types.interactions.base import JsonObject

_MODULES = (agents, config, content, deltas, events, interaction, steps, tools)
_TYPES = {name: getattr(module, name) for module in _MODULES for name in module.__all__}
_SUFFIXES = ("Param", "TypedDict")
#: Each name, and the module that ``lazy_names`` finds it in.
TWINS = {f"{name}{suffix}": "twins" for name in _TYPES for suffix in _SUFFIXES}


def __getattr__(name: str) -> Any:
    if name not in TWINS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    twin = _twin(name, _TYPES[next(name.removesuffix(suffix) for suffix in _SUFFIXES if name.endswith(suffix))])
    globals()[name] = twin
    return twin


def _twin(name: str, kind: Any) -> Any:
    """Return a ``TypedDict`` with the fields of a class; a union of classes is any dict."""
    if not (isinstance(kind, type) and issubclass(kind, JsonObject)):
        return dict[str, Any]
    fields = {field: Required[Any] if field in kind._required else Any for field in kind.model_fields}
    return TypedDict(name, fields, total=False)  # type: ignore[operator]  # the form of typing's documentation
