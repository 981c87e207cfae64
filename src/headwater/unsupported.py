"""The names of google-genai that headwater does not have, and what to use in their place."""

from __future__ import annotations

_BESIDE = "keep google-genai for it: both can be imported in one program"

#: What stands on a client, by its name there; and the modules of the same name.
GROUPS = {
    "agents": _BESIDE,
    "auth_tokens": _BESIDE,
    "batches": _BESIDE,
    "caches": f"make the cache elsewhere and pass its name as cached_content; {_BESIDE}",
    "documents": _BESIDE,
    "environments": _BESIDE,
    "file_search_stores": f"pass stores that exist as a tool (types.FileSearch); {_BESIDE}",
    "interactions": "client.chats keeps a conversation here; " + _BESIDE,
    "live": "generate_content_stream for text; `headwater serve` has a WebSocket of its own; else " + _BESIDE,
    "operations": _BESIDE,
    "tokens": _BESIDE,
    "triggers": _BESIDE,
    "tunings": _BESIDE,
    "voices": _BESIDE,
    "webhooks": _BESIDE,
    "decisions": _BESIDE,
}

#: Methods, by the group and the name.
METHODS = {
    "models.compute_tokens": "models.count_tokens says how many; " + _BESIDE,
    "models.delete": "tuned models: " + _BESIDE,
    "models.edit_image": "generate_content with an image model and the image in contents",
    "models.embed_content": _BESIDE,
    "models.generate_images": "generate_content with an image model, response_modalities=['IMAGE']",
    "models.generate_videos": _BESIDE,
    "models.recontext_image": _BESIDE,
    "models.segment_image": _BESIDE,
    "models.update": "tuned models: " + _BESIDE,
    "models.upscale_image": _BESIDE,
    "files.register_files": "pass the gs:// URI itself: types.Part.from_uri",
}

#: Modules that are nobody's business but google-genai's, and what people take from them.
MODULES = {
    "_api_client": "it is private to google-genai",
    "_common": "it is private to google-genai",
    "_transformers": "it is private to google-genai: pass contents as they are",
    "local_tokenizer": "client.models.count_tokens",
    "live_music": _BESIDE,
    "credentials": _BESIDE,
}


def replacement_for(name: str) -> str:
    """Return what to use in the place of ``name``, which is written as under ``google.genai``."""
    known = GROUPS | METHODS | MODULES
    parts = [part for part in name.split(".") if part not in ("client", "aio", "types")]
    for form in (".".join(parts), parts[0] if parts else ""):
        if form in known:
            return known[form]
    if name.startswith("types.Live"):
        return GROUPS["live"]
    return "it is outside the generate_content family: " + _BESIDE
