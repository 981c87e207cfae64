"""The input of an interaction: what callers pass, as the contents or steps that the API takes."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from headwater.errors import UsageError
from headwater.types.base import ApiModel
from headwater.types.interactions.base import JsonObject, UnknownObject, fit, plain, shape_of
from headwater.types.interactions.content import Content
from headwater.types.interactions.steps import Step

#: What ``input`` takes: a text, contents, or steps; each as a dict or a type of ``genai.interactions``.
InteractionInput: TypeAlias = "str | Mapping[str, Any] | JsonObject | list[Any] | tuple[Any, ...]"

_CONTENT = shape_of(Content)
_STEP = shape_of(Step)
_FORMS = (
    "a text, contents such as {'type': 'text', 'text': ...} or {'type': 'image', 'uri': ..., 'mime_type': ...}, or the "
    "steps of a conversation (interaction.steps, {'type': 'user_input', 'content': [...]})"
)


def to_input(value: Any) -> Any:
    """Return ``value`` as plain JSON for the field ``input``.

    A list of contents as dicts becomes one step of the user, as google-genai sends it.

    Raises:
        UsageError: if ``value`` has none of the accepted forms; the message lists them.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return _list(value)
    if _kind(value) == "function_result":
        # What a program has in its hands after a call; the API takes steps in a list.
        return [_checked(_STEP, value, "input")]
    if _is_step(value):
        raise UsageError(f"input is one step: pass a list of steps, [{{'type': {_kind(value)!r}, ...}}]")
    return _checked(_CONTENT, value, "input")


def _list(values: list[Any] | tuple[Any, ...]) -> Any:
    if any(map(_is_step, values)):
        for place, value in enumerate(values):
            if _kind(value) in _CONTENT.variants:
                raise UsageError(
                    f"input mixes steps and contents, at [{place}]: wrap contents in a step, "
                    "{'type': 'user_input', 'content': [...]}"
                )
        # Beside steps, what is of an unknown type is a step of a newer API, received and sent back.
        return [_checked(_STEP, value, f"input[{place}]") for place, value in enumerate(values)]
    contents = [_checked(_CONTENT, value, f"input[{place}]") for place, value in enumerate(values)]
    if not contents or any(isinstance(value, JsonObject) for value in values):
        return contents
    return [{"type": "user_input", "content": contents}]


def _is_step(value: Any) -> bool:
    """Whether a value is a step: of a known type, or of one whose name says so."""
    kind = _kind(value)
    return kind is not None and (kind in _STEP.variants or kind.endswith(("_call", "_result")))


def _kind(value: Any) -> str | None:
    """The type of a content or step, None if it does not say."""
    value = value.raw if isinstance(value, UnknownObject) else value
    kind = value.get("type") if isinstance(value, Mapping) else getattr(value, "type", None)
    return kind if isinstance(kind, str) else None


def _checked(shape: Any, value: Any, where: str) -> Any:
    """Return a content or step as plain JSON.

    Raises:
        UsageError: if it is of another kind, or a field has a value of the wrong type.
    """
    if isinstance(value, ApiModel):
        raise UsageError(f"{where}: {type(value).__name__} is a type of generate_content; input takes {_FORMS}")
    if isinstance(value, Mapping) and "role" in value:
        raise UsageError(
            f"{where}: turns with a role are the API before June 2026: pass steps, "
            "{'type': 'user_input', 'content': [{'type': 'text', 'text': ...}]} and {'type': 'model_output', ...}"
        )
    if not isinstance(value, Mapping | JsonObject) or ("type" not in plain(value) and "text" not in plain(value)):
        raise UsageError(f"{where}: expected {_FORMS}, not {type(value).__name__}")
    fit(shape, value, where)
    written = to_plain(value)
    # The one type that may be left out.
    return {"type": "text", **written} if "type" not in written else written


def to_plain(value: Any) -> Any:
    """Return a value as plain JSON; bytes, and the files that paths name, become base64.

    Raises:
        UsageError: if a file cannot be read.
    """
    if isinstance(value, JsonObject):
        return to_plain(value.to_dict())
    if isinstance(value, Mapping):
        return {key: to_plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(entry) for entry in value]
    if hasattr(value, "__fspath__"):
        try:
            value = Path(value).read_bytes()
        except OSError as error:
            raise UsageError(f"the file {str(value)!r} cannot be read: {error.strerror}") from error
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    return value
