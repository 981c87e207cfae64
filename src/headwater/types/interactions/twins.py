"""google-genai's names for dicts (``TextContentParam``, ``UsageTypedDict``): here every plain dict will do."""

from __future__ import annotations

from typing import Any

from headwater.types.interactions import agents, config, content, deltas, events, interaction, steps, tools

_NAMES = [
    name for module in (agents, config, content, deltas, events, interaction, steps, tools) for name in module.__all__
]
#: Each name, and the module that ``lazy_names`` finds it in.
TWINS = {f"{name}{suffix}": "twins" for name in _NAMES for suffix in ("Param", "TypedDict")}


def __getattr__(name: str) -> Any:
    # Annotations of existing programs name them; a type of its own for each would tell nobody anything.
    if name in TWINS:
        return dict[str, Any]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
