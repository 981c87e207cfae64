"""Sampling, output format, reasoning and tools of a chat request, in the terms of the Gemini API."""

from __future__ import annotations

import re
from typing import Any

from headwater.protocols.openai.fields import ChatFieldError, objects, optional, required

#: Fields with a counterpart of the same meaning.
_NUMBERS: tuple[tuple[str, type, str], ...] = (
    ("temperature", float, "temperature"),
    ("top_p", float, "topP"),
    ("seed", int, "seed"),
    ("presence_penalty", float, "presencePenalty"),
    ("frequency_penalty", float, "frequencyPenalty"),
)
_MAX_CHOICES = 8
_MAX_STOPS = 5
_MAX_LOGPROBS = 20
#: What would change the answer and has no counterpart. Everything else that is unknown is a hint, and ignored.
_REFUSED = {
    "logit_bias": "tokens cannot be biased",
    "audio": "answers are text",
    "prediction": "predicted outputs are not supported",
    "web_search_options": "searching the web is not supported",
    "functions": "functions are no longer used: send tools",
    "function_call": "function_call is no longer used: send tool_choice",
}
_LEVELS = {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "HIGH", "max": "HIGH"}
# Models before Gemini 3 know no levels. The budgets are those of Google's own OpenAI endpoint.
_BUDGETS = {"MINIMAL": 1_024, "LOW": 1_024, "MEDIUM": 8_192, "HIGH": 24_576}
_BEFORE_LEVELS = re.compile(r"gemini-[12]\b")


def check_supported(document: dict[str, Any]) -> None:
    """Check that a request asks for nothing that would have to be dropped.

    Raises:
        ChatFieldError: if it does.
    """
    for name, reason in _REFUSED.items():
        if document.get(name):
            raise ChatFieldError(f"{name}: {reason}", name)


def generation_config(document: dict[str, Any], model: str) -> dict[str, Any]:
    """Return the ``generationConfig`` of a request.

    Raises:
        ChatFieldError: if a field is invalid.
    """
    config: dict[str, Any] = {theirs: optional(document, ours, kind) for ours, kind, theirs in _NUMBERS}
    top_k = optional(document, "top_k", int)
    # Zero and -1 switch it off in vLLM and llama.cpp.
    config["topK"] = top_k if top_k and top_k > 0 else None
    config["maxOutputTokens"] = _max_tokens(document)
    config["stopSequences"] = _stops(document.get("stop"))
    config["candidateCount"] = _within(document, "n", 1, _MAX_CHOICES)
    config |= _logprobs(document) | _modalities(document) | _format(document)
    config["thinkingConfig"] = _thinking(document, model)
    return {name: value for name, value in config.items() if value is not None}


def cached_content(document: dict[str, Any]) -> str | None:
    """Return the cached content that the request begins with, where Google's own OpenAI endpoint has it."""
    name = _google(document).get("cached_content")
    return name if isinstance(name, str) else None


def tool_fields(document: dict[str, Any]) -> dict[str, Any]:
    """Return ``tools`` and ``toolConfig`` of a request.

    Raises:
        ChatFieldError: if a tool or the choice is invalid.
    """
    tools = objects(document, "tools")
    functions = [_function(tool, f"tools[{number}]") for number, tool in enumerate(tools)]
    calling = _choice(document.get("tool_choice"), {function["name"] for function in functions})
    fields: dict[str, Any] = {"tools": [{"functionDeclarations": functions}]} if functions else {}
    return fields | ({"toolConfig": {"functionCallingConfig": calling}} if calling else {})


def _within(document: dict[str, Any], name: str, least: int, most: int) -> int | None:
    number = optional(document, name, int)
    if number is not None and not least <= number <= most:
        raise ChatFieldError(f"{name} must be between {least} and {most}", name)
    return number


def _max_tokens(document: dict[str, Any]) -> int | None:
    # The newer name wins: clients that send both mean it.
    for name in ("max_completion_tokens", "max_tokens"):
        number = optional(document, name, int)
        if number is not None:
            if number < 1:
                raise ChatFieldError(f"{name} must be at least 1", name)
            return number
    return None


def _stops(stop: Any) -> list[str] | None:
    stops = [stop] if isinstance(stop, str) else stop
    if not stops:
        return None
    if not isinstance(stops, list) or not all(isinstance(one, str) for one in stops) or len(stops) > _MAX_STOPS:
        raise ChatFieldError(f"stop must be a text, or a list of at most {_MAX_STOPS} texts", "stop")
    return [one for one in stops if one] or None


def _logprobs(document: dict[str, Any]) -> dict[str, Any]:
    is_wanted, count = optional(document, "logprobs", bool), _within(document, "top_logprobs", 0, _MAX_LOGPROBS)
    if count and not is_wanted:
        raise ChatFieldError("top_logprobs needs logprobs: true", "top_logprobs")
    return {"responseLogprobs": True if is_wanted else None, "logprobs": count if is_wanted else None}


def _modalities(document: dict[str, Any]) -> dict[str, Any]:
    modalities = optional(document, "modalities", list)
    if not modalities or modalities == ["text"]:
        return {}
    if not all(one in ("text", "image") for one in modalities):
        raise ChatFieldError("modalities may have text and image", "modalities")
    return {"responseModalities": [str(one).upper() for one in modalities]}


def _format(document: dict[str, Any]) -> dict[str, Any]:
    chosen = optional(document, "response_format", dict)
    kind = None if chosen is None else required(chosen, "type", str, "response_format")
    match kind:
        case None | "text":
            return {}
        case "json_object":
            return {"responseMimeType": "application/json"}
        case "json_schema":
            assert chosen is not None
            holder = required(chosen, "json_schema", dict, "response_format")
            schema = optional(holder, "schema", dict, "response_format.json_schema")
            # As it is: the API's own schema language has no $ref, const or additionalProperties.
            return {"responseMimeType": "application/json", "responseJsonSchema": schema or None}
    raise ChatFieldError("response_format.type must be text, json_object or json_schema", "response_format.type")


def _thinking(document: dict[str, Any], model: str) -> dict[str, Any] | None:
    own = _google(document).get("thinking_config")
    if isinstance(own, dict):
        return {_camel(name): value for name, value in own.items()}
    reasoning = document.get("reasoning")
    effort = optional(document, "reasoning_effort", str)
    # OpenRouter's name for the same, which other clients have taken over.
    if effort is None and isinstance(reasoning, dict):
        effort = optional(reasoning, "effort", str, "reasoning")
    if effort is None:
        return None
    if effort == "none":
        return {"thinkingBudget": 0}
    level = _LEVELS.get(effort)
    if level is None:
        raise ChatFieldError(f"reasoning_effort must be none, {', '.join(_LEVELS)}", "reasoning_effort")
    amount = {"thinkingBudget": _BUDGETS[level]} if _BEFORE_LEVELS.match(model) else {"thinkingLevel": level}
    return amount | {"includeThoughts": True}


def _google(document: dict[str, Any]) -> dict[str, Any]:
    """``extra_body.google``, in which Google's own OpenAI endpoint takes what chat completions have no field for."""
    extra = document.get("extra_body")
    google = extra.get("google") if isinstance(extra, dict) else None
    return google if isinstance(google, dict) else {}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join([word.capitalize() for word in rest])


def _function(tool: dict[str, Any], where: str) -> dict[str, Any]:
    if tool.get("type", "function") != "function":
        kind = str(tool.get("type"))[:40]
        raise ChatFieldError(f"{where}: tools of type {kind!r} are not supported: use function", f"{where}.type")
    function = required(tool, "function", dict, where)
    here = f"{where}.function"
    declaration = {
        "name": required(function, "name", str, here),
        "description": optional(function, "description", str, here),
        "parametersJsonSchema": optional(function, "parameters", dict, here) or None,
    }
    return {name: value for name, value in declaration.items() if value is not None}


def _choice(choice: Any, names: set[str]) -> dict[str, Any] | None:
    if choice in (None, "auto", "none") and not names:
        return None
    match choice:
        case None:
            return None
        case "auto" | "none":
            return {"mode": choice.upper()}
        case "required":
            return _calling("ANY", [], names)
        case {"type": "function", "function": {"name": str(name)}}:
            return _calling("ANY", [name], names)
        case {"type": "allowed_tools", "allowed_tools": {"mode": "auto" | "required" as mode, "tools": list(tools)}}:
            allowed = [
                _allowed(tool, f"tool_choice.allowed_tools.tools[{number}]") for number, tool in enumerate(tools)
            ]
            return _calling("ANY" if mode == "required" else "AUTO", allowed, names)
    raise ChatFieldError("tool_choice must be none, auto, required, or name a function", "tool_choice")


def _allowed(tool: Any, where: str) -> str:
    holder = tool if isinstance(tool, dict) else {}
    return required(required(holder, "function", dict, where), "name", str, f"{where}.function")


def _calling(mode: str, allowed: list[str], names: set[str]) -> dict[str, Any]:
    missing = [name for name in allowed if name not in names]
    if missing or not names:
        what = f"there is no tool {missing[0][:60]!r}" if missing else "there are no tools"
        raise ChatFieldError(f"tool_choice: {what} in tools", "tool_choice")
    # Names go with the modes that restrict calls: AUTO with names is VALIDATED in the Gemini API.
    mode = "VALIDATED" if allowed and mode == "AUTO" else mode
    return {"mode": mode} | ({"allowedFunctionNames": allowed} if allowed else {})
