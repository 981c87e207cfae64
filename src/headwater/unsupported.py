"""The names of google-genai that headwater does not have, and what to use instead."""

from __future__ import annotations

from collections.abc import Iterable

_KEEP = "use google-genai for it: both can be imported in one program"

#: Attributes of a client, and modules of the same names.
GROUPS = {
    "agents": _KEEP,
    "batches": _KEEP,
    "documents": _KEEP,
    "environments": _KEEP,
    "file_search_stores": f"pass existing stores as a tool (types.FileSearch); {_KEEP}",
    "live": "generate_content_stream for text; `headwater serve` has a WebSocket of its own; else " + _KEEP,
    "operations": _KEEP,
    "triggers": _KEEP,
    "tunings": _KEEP,
    "voices": _KEEP,
    "webhooks": _KEEP,
    "decisions": _KEEP,
}

#: Methods by group and name.
METHODS = {
    "models.delete": "tuned models: " + _KEEP,
    "models.edit_image": "generate_content with an image model and the image in contents",
    "models.generate_images": "generate_content with an image model, response_modalities=['IMAGE']",
    "models.generate_videos": _KEEP,
    "models.recontext_image": _KEEP,
    "models.segment_image": _KEEP,
    "models.update": "tuned models: " + _KEEP,
    "models.upscale_image": _KEEP,
}

#: Modules: internal ones, and what to use instead of what people import from them.
MODULES = {
    "_common": "it is internal to google-genai",
    "local_tokenizer": "client.models.count_tokens",
    "live_music": _KEEP,
    "credentials": _KEEP,
}


#: What a type belongs to, by a word in its name.
_TYPES = {
    "Live": "live",
    "EditImage": "models.edit_image",
    "GenerateImages": "models.generate_images",
    "FileSearchStore": "file_search_stores",
}


def replacement_for(name: str) -> str:
    """Return what to use instead of ``name``, a dotted name below ``google.genai``."""
    known = GROUPS | METHODS | MODULES
    parts = [part for part in name.split(".") if part not in ("client", "aio", "types")]
    for form in (".".join(parts), parts[0] if parts else ""):
        if form in known:
            return known[form]
    for word, subject in _TYPES.items():
        if name.startswith("types.") and word in name:
            return known[subject]
    return "headwater does not have it: " + _KEEP


def listing(names: Iterable[str]) -> list[str]:
    """Return a line for each name, with what to use instead of it."""
    return [f"  {name:<32} {replacement_for(name)}" for name in names]
