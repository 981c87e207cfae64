"""Tools and the choice among them; names and ids of functions as a chat server accepts them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from headwater.core.wire.openai.requests.chat_schema import is_strict, json_schema
from headwater.core.wire.openai.requests.server_traits import ServerTraits
from headwater.errors import UsageError
from headwater.types import FunctionCallingConfig, FunctionDeclaration, GenerateContentRequest, Tool
from headwater.types.base import coerce

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_NINE = re.compile(r"[a-zA-Z0-9]{9}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


class ToolNames:
    """Names of functions for the server, and back. Most need no change."""

    def __init__(self) -> None:
        #: The server's name -> the client's, of those that differ.
        self.changed: dict[str, str] = {}

    def for_server(self, name: str) -> str:
        """Return the name that is sent for ``name``: the same one each time, and no other function's."""
        if _NAME.fullmatch(name) and name not in self.changed:
            return name
        digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
        sent = f"{re.sub('[^a-zA-Z0-9_-]', '_', name)[:55]}_{digest}"
        self.changed[sent] = name
        return sent


def call_id(text: str, traits: ServerTraits) -> str:
    """Return the id of a call as the server accepts it."""
    if traits.tool_ids == "any" or _NINE.fullmatch(text):
        return text
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=9).digest()
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest)


def tool_fields(request: GenerateContentRequest, traits: ServerTraits, names: ToolNames) -> dict[str, Any]:
    """Return ``tools`` and ``tool_choice`` of a request.

    Raises:
        UsageError: if it asks for a tool or a choice that the server does not have.
    """
    functions = _declarations(request)
    config = request.tool_config.function_calling_config if request.tool_config is not None else None
    config = config or FunctionCallingConfig()
    mode = str(config.mode or "AUTO").removeprefix("MODE_UNSPECIFIED") or "AUTO"
    if not functions or (mode == "NONE" and not traits.tool_choice):
        return {}
    allowed = _allowed(config, functions)
    choice, sent = _choice(mode, allowed, functions, traits, names)
    tools = [_tool(function, names, validated=mode == "VALIDATED") for function in sent.values()]
    return {"tools": tools} | ({"tool_choice": choice} if choice else {})


def _declarations(request: GenerateContentRequest) -> dict[str, FunctionDeclaration]:
    found: dict[str, FunctionDeclaration] = {}
    for tool in coerce(request.tools or [], list[Tool], "tools"):
        for name in tool.__struct_fields__:
            if name != "function_declarations" and getattr(tool, name) is not None:
                raise UsageError(f"this engine has no tool {name}: it is one of Google's")
        for function in tool.function_declarations or ():
            if str(function.behavior) == "NON_BLOCKING":
                raise UsageError(f"the function {function.name!r} cannot be NON_BLOCKING with this engine")
            found[function.name or ""] = function
    return found


def _allowed(config: FunctionCallingConfig, functions: Mapping[str, FunctionDeclaration]) -> list[str]:
    allowed = config.allowed_function_names or []
    for name in allowed:
        if name not in functions:
            raise UsageError(f"allowedFunctionNames has {name!r}, which is not declared")
    return allowed


def _choice(
    mode: str,
    allowed: list[str],
    functions: dict[str, FunctionDeclaration],
    traits: ServerTraits,
    names: ToolNames,
) -> tuple[Any, dict[str, FunctionDeclaration]]:
    """The ``tool_choice``, and the functions to send with it."""
    if mode in ("AUTO", "VALIDATED", "NONE"):
        sent = {name: functions[name] for name in allowed} if allowed and mode == "VALIDATED" else functions
        return ("none" if mode == "NONE" else None), sent
    if mode != "ANY":
        raise UsageError(f"this engine does not know the function calling mode {mode}")
    if not traits.tool_choice:
        raise UsageError("this engine's server cannot be made to call a function: the mode ANY is not possible")
    chosen = [{"type": "function", "function": {"name": names.for_server(name)}} for name in allowed]
    if len(chosen) == 1 and traits.named_choice:
        return chosen[0], functions
    if len(chosen) > 1 and traits.allowed_tools:
        return {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": chosen}}, functions
    # What the model does not see it cannot call: this holds at every server.
    return "required", {name: functions[name] for name in allowed} if allowed else functions


def _tool(function: FunctionDeclaration, names: ToolNames, *, validated: bool) -> dict[str, Any]:
    parameters = function.parameters_json_schema
    if parameters is None and function.parameters is not None:
        parameters = json_schema(msgspec.to_builtins(function.parameters))
    if parameters is None:
        parameters = {"type": "object", "properties": {}}
    sent = {
        "name": names.for_server(function.name or ""),
        "description": function.description,
        "parameters": parameters,
    }
    if validated and is_strict(parameters):
        sent["strict"] = True
    return {"type": "function", "function": {name: value for name, value in sent.items() if value is not None}}
