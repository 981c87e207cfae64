"""Models as OpenAI lists them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from headwater.types import Model

#: OpenAI dates its models, and clients require the field; the Gemini API has no such date.
_CREATED = 1_700_000_000


def chat_model(model: Model) -> dict[str, Any]:
    """Return a model as OpenAI describes it. ``id`` is what the field ``model`` of a chat request takes."""
    name = (model.name or "").removeprefix("models/")
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "headwater"}


def chat_model_list(models: Iterable[Model]) -> dict[str, Any]:
    """Return models as OpenAI lists them."""
    return {"object": "list", "data": [chat_model(model) for model in models]}
