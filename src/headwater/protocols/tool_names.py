"""Names for parts of the Gemini API that protocols do not know, written and read back."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from headwater.types import (
    CodeExecutionResult,
    ExecutableCode,
    Language,
    Outcome,
    Part,
    ToolCall,
    ToolResponse,
    ToolType,
)

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


def is_server_tool(name: str) -> bool:
    """Return whether a name is that of a tool that runs at Google."""
    return name == CODE or name.startswith(SERVER)


def server_call(name: str, call_id: str, args: dict[str, Any]) -> Part:
    """Return the part for a call of a tool that runs at Google."""
    if name == CODE:
        language = Language.of(str(args.get("language") or "PYTHON"))
        return Part(executable_code=ExecutableCode(code=str(args.get("code", "")), language=language))
    kind = ToolType.of(name.removeprefix(SERVER))
    return Part(tool_call=ToolCall(id=own_id(call_id), tool_type=kind, args=args))


def server_result(name: str, call_id: str, output: dict[str, Any]) -> Part:
    """Return the part for the result of such a call."""
    if name == CODE:
        outcome = Outcome.of(str(output.get("outcome") or "OUTCOME_OK"))
        return Part(code_execution_result=CodeExecutionResult(outcome=outcome, output=str(output.get("output", ""))))
    kind = ToolType.of(name.removeprefix(SERVER))
    return Part(tool_response=ToolResponse(id=own_id(call_id), tool_type=kind, response=output))


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
