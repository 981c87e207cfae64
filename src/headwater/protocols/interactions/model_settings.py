"""The settings of an interaction (generation config, tools, formats, safety) as those of a Gemini request."""

from __future__ import annotations

from typing import Any

from headwater.errors import UsageError
from headwater.protocols.interactions.error_codes import unsupported
from headwater.protocols.interactions.field_reading import camel_name, check_names, choice, expect, snake_names

_MODES = ("auto", "any", "none", "validated")
_LEVELS = ("minimal", "low", "medium", "high", "xhigh")
_PLAIN: dict[str, type[Any]] = {
    "temperature": float,
    "top_p": float,
    "max_output_tokens": int,
    "seed": int,
    "stop_sequences": list,
}
_GENERATION = frozenset(_PLAIN) | {"thinking_level", "thinking_summaries", "tool_choice", "speech_config"}
_GENERATION |= {"transcription_config", "video_config", "image_config"}
_FORMATS = ("text", "image", "audio", "video")


def generation_fields(config: dict[str, Any]) -> dict[str, Any]:
    """Return ``generation_config``, without ``tool_choice``, as a ``generationConfig``.

    Raises:
        UsageError: if a value is not valid.
        APIError: 400, if a field does not exist, or cannot be expressed.
    """
    check_names(config, _GENERATION, "generation_config")
    for name in ("transcription_config", "video_config"):
        if config.get(name) is not None:
            raise unsupported(f"'generation_config.{name}'")
    where = "generation_config."
    found = {
        camel_name(name): expect(config[name], kind, where + name) for name, kind in _PLAIN.items() if name in config
    }
    thinking = _thinking(config)
    if thinking:
        found["thinkingConfig"] = thinking
    if config.get("speech_config"):
        found["speechConfig"] = _speech(config["speech_config"])
    if config.get("image_config"):
        found["imageConfig"] = _image(expect(config["image_config"], dict, f"{where}image_config"))
    return found


def _thinking(config: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if config.get("thinking_level"):
        level = choice(config["thinking_level"], _LEVELS, "generation_config.thinking_level")
        found["thinkingLevel"] = level.upper()
    if config.get("thinking_summaries"):
        summaries = choice(config["thinking_summaries"], ("auto", "none"), "generation_config.thinking_summaries")
        found["includeThoughts"] = summaries == "auto"
    return found


def _speech(value: Any) -> dict[str, Any]:
    where = "generation_config.speech_config"
    voices = (value.get("speakers") or [value]) if isinstance(value, dict) else value
    named = [expect(voice, dict, where) for voice in expect(voices, list, where)]
    languages = [voice["language"] for voice in named if voice.get("language")]
    found: dict[str, Any] = {"languageCode": languages[0]} if languages else {}
    if len(named) == 1 and not named[0].get("speaker"):
        return found | ({"voiceConfig": _voice(named[0])} if named[0].get("voice") else {})
    speakers = [{"speaker": voice.get("speaker") or "", "voiceConfig": _voice(voice)} for voice in named]
    return found | {"multiSpeakerVoiceConfig": {"speakerVoiceConfigs": speakers}}


def _voice(voice: dict[str, Any]) -> dict[str, Any]:
    return {"prebuiltVoiceConfig": {"voiceName": voice.get("voice") or ""}}


def _image(config: dict[str, Any]) -> dict[str, Any]:
    return {camel_name(name): config[name] for name in ("aspect_ratio", "image_size") if config.get(name)}


def tool_config(value: Any) -> dict[str, Any]:
    """Return ``tool_choice`` as a ``functionCallingConfig``.

    Raises:
        UsageError: if it is not valid.
    """
    where = "generation_config.tool_choice"
    if isinstance(value, str):
        return {"mode": choice(value, _MODES, where).upper()}
    allowed = expect(expect(value, dict, where).get("allowed_tools"), dict, f"{where}.allowed_tools")
    mode = choice(allowed.get("mode") or "auto", _MODES, f"{where}.allowed_tools.mode")
    tools = expect(allowed.get("tools") or [], list, f"{where}.allowed_tools.tools")
    names = [expect(name, str, f"{where}.allowed_tools.tools") for name in tools]
    if not names or mode == "none":
        return {"mode": mode.upper()}
    # Among named functions the Gemini API knows "any" and "validated"; the latter, like "auto", lets the model decide.
    return {"mode": "ANY" if mode == "any" else "VALIDATED", "allowedFunctionNames": names}


def tool_fields(tools: Any) -> dict[str, Any]:
    """Return ``tools`` as the fields ``tools`` and ``toolConfig`` of a request.

    Raises:
        UsageError: if a tool is not valid.
        APIError: 400, if a tool cannot be expressed.
    """
    functions: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    place: dict[str, Any] = {}
    for number, entry in enumerate(expect(tools, list, "tools")):
        where = f"tools[{number}]"
        tool = expect(entry, dict, where)
        if tool.get("type") == "function":
            functions.append(_function(tool, where))
            continue
        others.append(_built_in(tool, where))
        if tool.get("latitude") is not None:
            longitude = expect(tool.get("longitude"), float, f"{where}.longitude")
            place = {"latitude": expect(tool["latitude"], float, f"{where}.latitude"), "longitude": longitude}
    found: dict[str, Any] = {"tools": [*([{"functionDeclarations": functions}] if functions else []), *others]}
    return found | ({"toolConfig": {"retrievalConfig": {"latLng": place}}} if place else {})


def _function(tool: dict[str, Any], where: str) -> dict[str, Any]:
    if tool.get("defer_loading"):
        raise unsupported(f"'{where}.defer_loading'")
    found = {"name": expect(tool.get("name"), str, f"{where}.name")}
    description = tool.get("description") or tool.get("short_description")
    if description:
        found["description"] = expect(description, str, f"{where}.description")
    if tool.get("parameters") is not None:
        found["parametersJsonSchema"] = tool["parameters"]
    return found


def _built_in(tool: dict[str, Any], where: str) -> dict[str, Any]:
    kind = tool.get("type")
    match kind:
        case "google_search":
            asked = expect(tool.get("search_types") or [], list, f"{where}.search_types")
            types: dict[str, Any] = {camel_name(name): {} for name in asked if name in _SEARCHES}
            return {"googleSearch": {"searchTypes": types} if types else {}}
        case "code_execution":
            return {"codeExecution": {}}
        case "url_context":
            return {"urlContext": {}}
        case "google_maps":
            return {"googleMaps": {"enableWidget": True} if tool.get("enable_widget") else {}}
        case "file_search":
            return {"fileSearch": _picked(tool, "file_search_store_names", "top_k", "metadata_filter")}
        case "computer_use":
            environment = f"ENVIRONMENT_{str(tool.get('environment') or 'browser').upper()}"
            return {"computerUse": {"environment": environment, **_picked(tool, "excluded_predefined_functions")}}
        case "mcp_server" | "retrieval" | "tool_search":
            raise unsupported(f"the tool {kind!r} at {where!r}")
    raise UsageError(f"the value {str(kind)[:50]!r} is not supported for 'type' at {where!r}")


_SEARCHES = ("web_search", "image_search")


def _picked(tool: dict[str, Any], *names: str) -> dict[str, Any]:
    return {camel_name(name): tool[name] for name in names if tool.get(name) is not None}


def format_fields(value: Any) -> dict[str, Any]:
    """Return ``response_format``, one or a list, as fields of a ``generationConfig``.

    Raises:
        UsageError: if a format is not valid.
        APIError: 400, if a format cannot be expressed.
    """
    formats = value if isinstance(value, list) else [value]
    found: dict[str, Any] = {}
    modalities: list[str] = []
    for number, entry in enumerate(formats):
        where = f"response_format[{number}]" if isinstance(value, list) else "response_format"
        raw = expect(entry, dict, where)
        if raw.get("type") not in _FORMATS:
            # Before June 2026 the field was the schema itself.
            found |= {"responseMimeType": "application/json", "responseJsonSchema": raw}
            continue
        modalities.append(raw["type"].upper())
        found |= _format(snake_names(raw), where)
    # Text alone is what the API returns anyway.
    return found | ({"responseModalities": modalities} if modalities not in ([], ["TEXT"]) else {})


def _format(format: dict[str, Any], where: str) -> dict[str, Any]:
    for name in ("sample_rate", "bit_rate", "gcs_uri"):
        if format.get(name) is not None:
            raise unsupported(f"'{where}.{name}'")
    if format["type"] == "video" or format.get("delivery") == "uri":
        raise unsupported(f"'{where}' with type {format['type']!r} and delivery {format.get('delivery')!r}")
    if format["type"] == "image":
        config = _image(format)
        return {"imageConfig": config} if config else {}
    if format["type"] == "audio":
        return {}
    return _text_format(format)


def _text_format(format: dict[str, Any]) -> dict[str, Any]:
    schema, mime_type = format.get("schema"), format.get("mime_type")
    if schema is None:
        return {"responseMimeType": mime_type} if mime_type and mime_type != "text/plain" else {}
    is_choice = mime_type == "text/plain" and isinstance(schema, dict) and "enum" in schema
    return {"responseMimeType": "text/x.enum" if is_choice else "application/json", "responseJsonSchema": schema}


def safety_fields(value: Any) -> list[dict[str, Any]]:
    """Return ``safety_settings`` as those of a request.

    Raises:
        UsageError: if they are not valid.
    """
    found = []
    for number, entry in enumerate(expect(value, list, "safety_settings")):
        where = f"safety_settings[{number}]"
        setting = expect(entry, dict, where)
        kind, threshold = (expect(setting.get(name), str, f"{where}.{name}") for name in ("type", "threshold"))
        category = f"HARM_CATEGORY_{kind.upper().removeprefix('HARM_CATEGORY_')}"
        method = {"method": str(setting["method"]).upper()} if setting.get("method") else {}
        found.append({"category": category, "threshold": threshold.upper(), **method})
    return found
