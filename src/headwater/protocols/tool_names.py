"""Names for parts of the Gemini API that protocols do not know, written and read back."""

from __future__ import annotations

import base64
import binascii
from typing import Any

#: The tool name for code that the model writes and Google runs; @ai-sdk/google uses it, too.
CODE = "code_execution"
#: The prefix for other tools that run at Google; @ai-sdk/google uses it, too.
SERVER = "server:"
#: The prefix of ids made up for calls without one. They are not sent back to the model.
MADE = "hw-"
#: The error of a call whose arguments are incomplete. Such a call is not sent back either.
CUT = "the call was cut short"
_SIGNED = "gemini:"


def server_tool(kind: str) -> str:
    """Return the name for a tool that runs at Google."""
    return SERVER + kind


def own_id(id: str) -> str | None:
    """Return the id that the model gave a call, or None if the id was made up."""
    return None if id.startswith(MADE) else id


def response_of(output: Any) -> dict[str, Any]:
    """Return the result of a function as the object that the Gemini API requires."""
    return output if isinstance(output, dict) else {"result": output}


def result_of(response: dict[str, Any] | None) -> tuple[Any, str | None]:
    """Return the result of a function, and the error if it failed: the inverse of ``response_of``."""
    response = response or {}
    if len(response) == 1:
        if "result" in response:
            return response["result"], None
        if "error" in response:
            error = response["error"]
            return None, error if isinstance(error, str) else str(error)
    return response, None


def signature_value(signature: bytes) -> str:
    """Return a thought signature as an opaque value, marked so that another agent's can be told apart."""
    return _SIGNED + base64.b64encode(signature).decode()


def signature_in(value: object) -> bytes | None:
    """Return the thought signature in such a value, or None if it is another agent's."""
    if not isinstance(value, str) or not value.startswith(_SIGNED):
        return None
    try:
        return base64.b64decode(value.removeprefix(_SIGNED), validate=True)
    except binascii.Error:
        return None
