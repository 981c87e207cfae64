"""The messages that a client of the WebSocket may send, and the engine requests that they make. Pure."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from headwater.contract.defaults import DEFAULT_MODEL
from headwater.contract.limits import MAX_KEY_LENGTH
from headwater.engines.base import EngineRequest
from headwater.errors import UsageError
from headwater.json_text import JSON_ERRORS
from headwater.server.streams.record_format import StreamHeader
from headwater.server.streams.routing import model_name
from headwater.types import GenerateContentRequest

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_KEY_LENGTH)]
Count = Annotated[int, msgspec.Meta(ge=0)]

#: Options of the SDKs that are about the call, not the request.
_NOT_SENT = frozenset(("httpoptions", "shouldreturnhttpresponse", "stream", "automaticfunctioncalling"))


class Hello(msgspec.Struct):
    """Opens the session. ``want`` None means thoughts and usage."""

    token: str | None = None
    want: list[str] | None = None
    window: Annotated[int, msgspec.Meta(ge=1)] | None = None
    min_interval_ms: Annotated[float, msgspec.Meta(ge=0)] = 250.0


class Generate(msgspec.Struct):
    """Starts a stream."""

    id: Name | None = None
    prompt: str | None = None
    contents: Any = None
    model: str | None = None
    config: dict[str, Any] | None = None
    idempotency_key: Name | None = None
    on_disconnect: str | None = None


class Cancel(msgspec.Struct):
    """Stops a stream, by its id on this connection or by its name."""

    id: Name | None = None
    stream: Name | None = None
    mode: str = "now"


class Resume(msgspec.Struct):
    """Asks for what follows number ``after`` of a stream."""

    stream: Name
    after: Count = 0
    id: Name | None = None


class Ack(msgspec.Struct):
    """Acknowledges all numbers up to ``seq``."""

    id: Name
    seq: Count


class Ping(msgspec.Struct):
    """Asks for a pong with the same ``n``."""

    n: Any = None


class Pong(msgspec.Struct):
    """Answers a ping."""


Message = Hello | Generate | Cancel | Resume | Ack | Ping | Pong
_KINDS: dict[str, type[Message]] = {
    "hello": Hello,
    "generate": Generate,
    "cancel": Cancel,
    "resume": Resume,
    "ack": Ack,
    "ping": Ping,
    "pong": Pong,
}


class _Kind(msgspec.Struct):
    type: str | None = None
    id: Any = None


# Two passes: the type decides which Struct the second one decodes into, and validates against.
_peek = msgspec.json.Decoder(_Kind).decode
_decoders = {name: msgspec.json.Decoder(kind).decode for name, kind in _KINDS.items()}


def read_message(text: str) -> Message:
    """Return a client's message. One without a ``type`` is a prompt.

    Raises:
        UsageError: if it is not a message of this protocol.
    """
    try:
        kind = _peek(text).type
        decode = _decoders.get("generate" if kind is None else kind)
        if decode is None:
            raise UsageError(f"unknown message type {str(kind)[:100]!r}")
        return decode(text)
    except JSON_ERRORS as error:
        raise UsageError(f"not a message of this protocol: {str(error)[:300]}") from error


def id_of(text: str) -> str | None:
    """Return the id of an invalid ``generate``, so that the error can name it."""
    try:
        kind = _peek(text)
    except JSON_ERRORS:
        return None
    return (
        kind.id if kind.type == "generate" and isinstance(kind.id, str) and 0 < len(kind.id) <= MAX_KEY_LENGTH else None
    )


def to_request(message: Generate) -> EngineRequest:
    """Return the request to an engine.

    Raises:
        UsageError: if there is no prompt, or the model or the configuration is invalid.
    """
    model = model_name(message.model or DEFAULT_MODEL)
    contents = _contents(message)
    if not contents:
        raise UsageError("a prompt or contents are needed")
    return EngineRequest(model, msgspec.json.encode({"contents": contents} | _settings(message.config or {})))


def to_header(message: Generate, request: EngineRequest, id: str) -> StreamHeader:
    """Return the header record of the stream."""
    # From the body rather than the config, where the limit may have several spellings.
    tokens = msgspec.json.decode(request.body, type=_Limits).generationConfig.get("maxOutputTokens")
    return StreamHeader("", request.model, id, tokens if isinstance(tokens, int) and tokens > 0 else None)


class _Limits(msgspec.Struct):
    generationConfig: dict[str, Any] = {}  # noqa: N815


def _contents(message: Generate) -> list[Any]:
    contents = message.contents
    turns = list(contents) if isinstance(contents, list) else [] if contents is None else [contents]
    if message.prompt:
        turns.append(message.prompt)
    return [_turn(turn) for turn in turns]


def _turn(turn: Any) -> Any:
    if isinstance(turn, str):
        return {"role": "user", "parts": [{"text": turn}]}
    if not isinstance(turn, dict):
        raise UsageError("contents is a text, a content or a list of them")
    return turn


def _settings(config: dict[str, Any]) -> dict[str, Any]:
    """Distribute a configuration over the fields of the API's body. The SDKs' flat form and the API's own both do."""
    body: dict[str, Any] = {}
    generation: dict[str, Any] = {}
    for name, value in config.items():
        # max_output_tokens, maxOutputTokens and MaxOutputTokens are all accepted, as by the SDKs.
        folded = name.replace("_", "").lower()
        if folded in _NOT_SENT or folded == "contents" or value is None:
            continue
        if folded == "generationconfig":
            generation |= _generation_config(value)
        elif folded in _TOP_LEVEL:
            body[_TOP_LEVEL[folded]] = value
        else:
            generation[_camel(name)] = value
    instruction = body.get("systemInstruction")
    if isinstance(instruction, str):
        body["systemInstruction"] = {"parts": [{"text": instruction}]}
    return body | ({"generationConfig": generation} if generation else {})


def _generation_config(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError("config.generationConfig is an object")
    return {_camel(key): entry for key, entry in value.items()}


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in tail)


#: Fields of the body outside generationConfig, by their folded names. ``generation_output_config`` is the SDK's name.
_TOP_LEVEL = {
    name.lower(): name
    for name in GenerateContentRequest.__struct_encode_fields__
    if name not in ("contents", "generationConfig")
} | {"generationoutputconfig": "outputConfig"}
