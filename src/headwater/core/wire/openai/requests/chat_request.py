"""``chat_call``: a request of the Gemini API as one of chat completions, and how its answer is to be read."""

# What changes the meaning of the answer is mapped or refused, never dropped. Hints may be dropped; ``ignored`` names
# them. Every field of the API is in exactly one of the tables and functions below; a new one is refused until it is
# decided what it means here.

from __future__ import annotations

from typing import Any

import msgspec

from headwater.core.wire.openai.answer_text import FRAME_KEY
from headwater.core.wire.openai.chat_answer import ChatOptions
from headwater.core.wire.openai.chat_tables import EFFORT_BUDGETS
from headwater.core.wire.openai.requests.chat_media import MediaWriter
from headwater.core.wire.openai.requests.chat_schema import is_strict, json_schema
from headwater.core.wire.openai.requests.chat_tools import ToolNames, tool_fields
from headwater.core.wire.openai.requests.chat_turns import TurnWriter
from headwater.core.wire.openai.requests.server_traits import ServerTraits
from headwater.errors import UsageError
from headwater.types import GenerateContentRequest, GenerationConfig, ThinkingConfig

#: Fields of ``generationConfig`` that keep their names and meanings.
_SAME = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
#: Fields that this module maps by functions of their own.
_MAPPED = frozenset(
    {
        *_SAME,
        "top_k",
        "candidate_count",
        "max_output_tokens",
        "stop_sequences",
        "response_logprobs",
        "logprobs",
        "seed",
        "response_mime_type",
        "response_schema",
        "response_json_schema",
        "response_modalities",
        "media_resolution",
        "thinking_config",
    }
)
_HINTS = frozenset({"enable_enhanced_civic_answers"})
#: Fields of a request that only hint, or that only some servers take.
_REQUEST_HINTS = ("safety_settings", "labels", "store", "service_tier")
_REFUSED = ("cached_content", "continuation_token", "model_armor_config", "output_config")
_JSON, _ENUM, _TEXT = "application/json", "text/x.enum", "text/plain"


class ChatCall(msgspec.Struct, frozen=True):
    """What is sent, what the answer means, and which hints were left out (in the API's names)."""

    body: bytes
    options: ChatOptions
    ignored: tuple[str, ...]


def chat_call(model: str, request: GenerateContentRequest, traits: ServerTraits, *, engine: str = "") -> ChatCall:
    """Return the request for a chat server. Its answer is always streamed.

    Raises:
        UsageError: if it asks for something that the server cannot do; the message says what.
    """
    config = request.generation_config or GenerationConfig()
    names, ignored = ToolNames(), _check(request, config, traits)
    turns = TurnWriter(traits, MediaWriter(traits, config.media_resolution), names, engine)
    if request.system_instruction is not None:
        turns.instruct(request.system_instruction)
    if not request.contents:
        raise UsageError("contents is not specified: a request has at least one turn")
    turns.write(request.contents)
    body: dict[str, Any] = {"model": model, "messages": turns.messages, "stream": True}
    body |= _counting(traits)
    body |= _sampling(config, traits)
    body |= tool_fields(request, traits, names)
    form, frame = _response_format(config, traits, turns.messages)
    body |= form | _thinking(config.thinking_config, traits, ignored) | _account(request, traits, ignored)
    prefill = _prefill(body, traits)
    options = ChatOptions(
        model=model,
        include_thoughts=bool(config.thinking_config and config.thinking_config.include_thoughts),
        think_tags=traits.think_tags,
        tool_names=names.changed,
        frame=frame,
        prefill=prefill if traits.repeats_prefill else "",
        engine=engine,
        streams_arguments=_streams_arguments(request),
        counts_timings=traits.running_usage == "timings",
        keeps_reasoning=traits.reasoning_back in ("reasoning", "reasoning_content"),
    )
    return ChatCall(msgspec.json.encode(body | traits.extra_body), options, tuple(dict.fromkeys(ignored)))


def _check(request: GenerateContentRequest, config: GenerationConfig, traits: ServerTraits) -> list[str]:
    """Refuse what cannot be done; return the hints that are left out."""
    for name in _REFUSED:
        if getattr(request, name) is not None:
            raise UsageError(f"this engine cannot honour {_camel(name)}")
    ignored = []
    for name in config.__struct_fields__:
        if getattr(config, name) is None or name in _MAPPED:
            continue
        if name not in _HINTS:
            raise UsageError(f"this engine cannot honour generationConfig.{_camel(name)}")
        ignored.append(_camel(name))
    if config.top_k is not None and not traits.top_k:
        ignored.append("topK")
    if request.tool_config is not None and request.tool_config.retrieval_config is not None:
        ignored.append("retrievalConfig")
    return ignored


def _counting(traits: ServerTraits) -> dict[str, Any]:
    """What makes the server count tokens: at the end, and in every event if it can."""
    fields: dict[str, Any] = {}
    if traits.usage_option:
        more = {"continuous_usage_stats": True} if traits.running_usage == "continuous" else {}
        fields["stream_options"] = {"include_usage": True, **more}
    return fields | ({"timings_per_token": True} if traits.running_usage == "timings" else {})


def _streams_arguments(request: GenerateContentRequest) -> bool:
    calling = request.tool_config.function_calling_config if request.tool_config is not None else None
    return bool(calling is not None and calling.stream_function_call_arguments)


def _sampling(config: GenerationConfig, traits: ServerTraits) -> dict[str, Any]:
    fields = {name: getattr(config, name) for name in _SAME}
    fields[traits.max_tokens_field] = config.max_output_tokens
    fields[traits.seed_field] = config.seed
    if traits.top_k and config.top_k is not None:
        fields["top_k"] = int(config.top_k)
    if config.candidate_count is not None and config.candidate_count != 1:
        if not traits.several_choices:
            raise UsageError("this engine's server gives one answer: candidateCount must be 1")
        fields["n"] = config.candidate_count
    stops = config.stop_sequences or []
    if len(stops) > traits.max_stops:
        raise UsageError(f"this engine's server takes at most {traits.max_stops} stopSequences, not {len(stops)}")
    fields["stop"] = stops or None
    if config.response_logprobs:
        fields |= {"logprobs": True, "top_logprobs": config.logprobs}
    modalities = [str(one) for one in config.response_modalities or ()]
    if set(modalities) - {"TEXT", "MODALITY_UNSPECIFIED"}:
        if not (traits.image_output and set(modalities) <= {"TEXT", "IMAGE"}):
            raise UsageError(f"this engine's server answers in text only, not in {', '.join(modalities)}")
        fields["modalities"] = [one.lower() for one in modalities]
    return {name: value for name, value in fields.items() if value is not None}


def _response_format(
    config: GenerationConfig, traits: ServerTraits, messages: list[dict[str, Any]]
) -> tuple[dict[str, Any], str]:
    """``response_format``, and the frame that it puts around the value."""
    kind = (config.response_mime_type or _TEXT).lower()
    schema = config.response_json_schema
    if schema is None and config.response_schema is not None:
        schema = json_schema(config.response_schema)
    if kind == _TEXT and schema is None:
        return {}, ""
    if schema is not None and not isinstance(schema, dict):
        raise UsageError(f"a response schema is an object, not {type(schema).__name__}")
    if kind not in (_TEXT, _JSON, _ENUM):
        raise UsageError(f"this engine cannot answer as {kind}")
    if schema is None:
        _mention_json(messages)
        return {"response_format": {"type": "json_object"}}, ""
    if traits.json_schema == "no":
        raise UsageError('this engine\'s server does not take a schema; json_schema = "prompt" puts it into the prompt')
    frame = "enum" if kind == _ENUM else ""
    if traits.json_schema == "prompt":
        _mention_json(messages, f" It fits this JSON schema: {msgspec.json.encode(schema).decode()}")
        return {"response_format": {"type": "json_object"}}, frame
    if traits.json_schema == "object-root" and schema.get("type") != "object":
        schema = {"type": "object", "properties": {FRAME_KEY: schema}, "required": [FRAME_KEY]}
        schema["additionalProperties"] = False
        frame = frame or "value"
    named = {"name": "response", "schema": schema} | ({"strict": True} if is_strict(schema) else {})
    return {"response_format": {"type": "json_schema", "json_schema": named}}, frame


def _mention_json(messages: list[dict[str, Any]], more: str = "") -> None:
    """OpenAI refuses JSON without a schema unless the prompt asks for it in this word; models follow it better, too."""
    if more or not any("json" in str(message.get("content")).lower() for message in messages):
        wish = f"The answer is one JSON value and nothing else.{more}"
        if messages and messages[0]["role"] in ("system", "developer"):  # many templates know one such message
            messages[0]["content"] += f"\n\n{wish}"
        else:
            messages.insert(0, {"role": "system", "content": wish})


def _thinking(config: ThinkingConfig | None, traits: ServerTraits, ignored: list[str]) -> dict[str, Any]:
    effort = _effort(config)
    if effort is None:
        return {}
    match traits.thinking:
        case "effort":
            return {"reasoning_effort": effort}
        case "type":
            return {"thinking": {"type": "disabled" if effort == "none" else "enabled"}}
        case "template":
            more = {} if effort == "none" else {"reasoning_effort": effort}
            return {"chat_template_kwargs": {"enable_thinking": effort != "none", **more}}
        case "openrouter":
            return {"reasoning": {"enabled": False} if effort == "none" else {"effort": effort}}
        case "none":
            ignored.append("thinkingConfig")
    return {}


def _effort(config: ThinkingConfig | None) -> str | None:
    """The effort that a level or a budget stands for; None if it is left to the model."""
    if config is None:
        return None
    level = str(config.thinking_level or "").lower()
    if level and not level.endswith("unspecified"):
        return level
    budget = config.thinking_budget
    if budget is None or budget < 0:
        return None
    if budget == 0:
        return "none"
    return next((effort for limit, effort in EFFORT_BUDGETS if budget <= limit), "high")


def _account(request: GenerateContentRequest, traits: ServerTraits, ignored: list[str]) -> dict[str, Any]:
    """Fields for the account: OpenAI has counterparts, others have none."""
    if not traits.account_fields:
        ignored += [_camel(name) for name in _REQUEST_HINTS if getattr(request, name)]
        return {}
    if request.safety_settings:
        ignored.append("safetySettings")
    tier = {"flex": "flex", "priority": "priority", "standard": "default"}.get(str(request.service_tier))
    fields = {"metadata": request.labels, "store": request.store, "service_tier": tier}
    return {name: value for name, value in fields.items() if value is not None}


def _prefill(body: dict[str, Any], traits: ServerTraits) -> str:
    """Ask for the continuation of a last turn that is the model's; return its text."""
    last = body["messages"][-1] if body["messages"] else {}
    if last.get("role") != "assistant" or "tool_calls" in last:
        return ""
    match traits.prefill:
        case "none":
            raise UsageError("the last turn is the model's, and this engine's server cannot continue it")
        case "continue":
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        case "prefix":
            last["prefix"] = True
        case "plain":
            pass  # the server sees by itself that the turn is not over
    return str(last["content"])


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
