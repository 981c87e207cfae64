"""What parts of Gemini are called by protocols that have no word for them, and how the names are read back."""

from __future__ import annotations

import base64
import binascii
from typing import Any

#: The tool that stands for code which the model writes and Google runs. Also @ai-sdk/google's name.
CODE = "code_execution"
#: What the names of Google's other tools begin with. Also @ai-sdk/google's word.
SERVER = "server:"
#: What the ids of calls begin with that came from the model without one; they are not sent back to it.
MADE = "hw-"
#: The error of a call whose arguments never came to their end; it is not sent back either.
CUT = "the call was cut short"
_SIGNED = "gemini:"


def server_tool(kind: str) -> str:
    """Return the name of a tool of Google's own."""
    return SERVER + kind


def own_id(id: str) -> str | None:
    """Return the id that the model gave a call; None where it gave none."""
    return None if id.startswith(MADE) else id


def response_of(output: Any) -> dict[str, Any]:
    """Return what a function answered as the object that the Gemini API wants."""
    return output if isinstance(output, dict) else {"result": output}


def result_of(response: dict[str, Any] | None) -> tuple[Any, str | None]:
    """Return what a function answered, and the error if it failed: the reverse of ``response_of``."""
    response = response or {}
    if len(response) == 1:
        if "result" in response:
            return response["result"], None
        if "error" in response:
            error = response["error"]
            return None, error if isinstance(error, str) else str(error)
    return response, None


def signature_value(signature: bytes) -> str:
    """Return a thought signature as a value that nobody but us reads, and that another agent's is told from."""
    return _SIGNED + base64.b64encode(signature).decode()


def signature_in(value: object) -> bytes | None:
    """Return the thought signature that is in such a value; None where it is another agent's."""
    if not isinstance(value, str) or not value.startswith(_SIGNED):
        return None
    try:
        return base64.b64decode(value.removeprefix(_SIGNED), validate=True)
    except binascii.Error:
        return None
