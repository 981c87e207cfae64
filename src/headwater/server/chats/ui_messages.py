"""Between the messages of ``useChat`` (npm ``ai``) and those of a saved chat, in both directions. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from headwater.contract.defaults import DEFAULT_MODEL
from headwater.errors import UsageError
from headwater.protocols.ai_sdk.messages import read_messages
from headwater.protocols.ai_sdk.saved import ui_parts
from headwater.protocols.parsing import convert_json, parse_json
from headwater.server.chats.model import ChatTree, Message, branch, checked_id, contents_for_model, new_id, now
from headwater.types import Content
from headwater.types.base import salvage

#: What of a request of the Gemini API may stand in the body beside the messages.
_FIELDS = ("generationConfig", "systemInstruction", "tools", "toolConfig", "safetySettings", "cachedContent")
_NO_MESSAGE = "send the messages of useChat, or the last one as message"


class UiRequest(msgspec.Struct):
    """The body of a ``useChat`` request. ``messages`` are all of them, or the last one; other fields are the caller's.

    ``message_id`` names the one that is to be answered anew.
    """

    id: str
    messages: list[dict[str, Any]] = []
    message: dict[str, Any] | None = None
    trigger: Literal["submit-message", "regenerate-message"] = "submit-message"
    message_id: str | None = msgspec.field(name="messageId", default=None)
    model: str = DEFAULT_MODEL
    engine: str = ""


class ReadMessages(msgspec.Struct):
    """What a ``useChat`` request asks of a chat: the messages that are new to it, and the one to be answered.

    ``contents`` are what the model is shown. ``going_on`` is an answer that goes on, since its functions were run.
    """

    new: list[Message]
    parent: str | None
    contents: list[dict[str, Any]]
    going_on: Message | None = None


def read_request(body: bytes) -> tuple[UiRequest, dict[str, Any]]:
    """Return what the body of a request says, and the fields of a request to Gemini that are in it.

    Raises:
        UsageError: it is no such body.
    """
    what = "that of useChat of the AI SDK 5 or later"
    document = parse_json(body, what)
    ask = convert_json(document, UiRequest, what)
    checked_id(ask.id, "chat")
    request = {name: document[name] for name in _FIELDS if document.get(name) is not None}
    return ask, request


def read(ask: UiRequest, chat: ChatTree | None, request: dict[str, Any]) -> ReadMessages:
    """Return what is asked of a chat, which may not be there yet; a system message goes into ``request``.

    Raises:
        UsageError: the messages say nothing, or not what they can say.
    """
    known = {message.id: message for message in chat.messages} if chat is not None else {}
    given = ask.messages or ([] if ask.message is None else [ask.message])
    if not given:
        return _anew(ask, known)
    conversation = read_messages(given)
    if conversation.system_instruction is not None:
        request["systemInstruction"] = msgspec.to_builtins(conversation.system_instruction)
    given = [message for message in given if message.get("role") != "system"]
    messages = _chained(given, known, None if chat is None else chat.leaf)
    first, last = messages[0], messages[-1]
    before = contents_for_model(branch(known, first.parent))
    contents = [*before, *msgspec.to_builtins(conversation.contents)]
    if last.role == "model":
        said = msgspec.to_builtins(read_messages(given[-1:]).contents)
        return ReadMessages(messages, last.parent, contents, msgspec.structs.replace(last, contents=said))
    return ReadMessages(messages, last.id, contents)


def replayed(chat: ChatTree, after: str) -> Message | None:
    """Return the last answer of a chat, for a page whose last message is ``after``; None where it has that already."""
    last = next((message for message in chat.messages if message.id == chat.leaf), None)
    return last if last is not None and last.role == "model" and last.id != after else None


def ui_chat(chat: ChatTree) -> list[dict[str, Any]]:
    """Return the branch of a chat that is shown, as ``useChat`` has it.

    An answer that runs is left out, and comes with the resumed stream; so are messages that say nothing.
    """
    shown = branch({message.id: message for message in chat.messages}, chat.leaf)
    found = [_ui_message(message) for message in shown if message.state != "running"]
    return [message for message in found if message["parts"]]


def _anew(ask: UiRequest, known: Mapping[str, Message]) -> ReadMessages:
    """Another answer, without the messages: the chat has them."""
    message = known.get(ask.message_id or "")
    if ask.trigger != "regenerate-message" or message is None:
        raise UsageError(_NO_MESSAGE)
    parent = message.parent if message.role == "model" else message.id
    return ReadMessages([], parent, contents_for_model(branch(known, parent)))


def _chained(given: Sequence[dict[str, Any]], known: Mapping[str, Message], leaf: str | None) -> list[Message]:
    """Messages of the chat, each after the one before it; one that comes alone and is new goes to the leaf."""
    parent = leaf if len(given) == 1 else None
    found: list[Message] = []
    for message in given:
        one = _message(message, known, parent)
        found.append(one)
        parent = one.id
    if not found:
        raise UsageError(_NO_MESSAGE)
    return found


def _message(given: Mapping[str, Any], known: Mapping[str, Message], parent: str | None) -> Message:
    """A message of the chat that is known, or a new one. What the user has edited is a new one beside the old."""
    name = _id(given)
    role: Literal["user", "model"] = "model" if given.get("role") == "assistant" else "user"
    there = known.get(name)
    if there is not None and role == "model":
        return there
    contents = msgspec.to_builtins(_contents([dict(given)]))
    if there is not None and there.contents != contents:
        name, parent = _edited(name, contents), there.parent
        there = known.get(name)
    return there or Message(id=name, role=role, parent=parent, created=now(), contents=contents)


def _edited(id: str, contents: Any) -> str:
    """The id of a message whose page still has the old one for it: the same for the same words."""
    return f"{id[:100]}-{hashlib.sha256(msgspec.json.encode(contents)).hexdigest()[:12]}"


def _contents(messages: Sequence[dict[str, Any]]) -> list[Content]:
    """What messages say, which may be nothing."""
    try:
        return read_messages(messages).contents
    except UsageError:
        return []


def _id(message: Mapping[str, Any]) -> str:
    name = message.get("id")
    return checked_id(name, "message") if isinstance(name, str) and name else new_id()


def _ui_message(message: Message) -> dict[str, Any]:
    contents = [salvage(content, Content) for content in message.contents]
    role = "user" if message.role == "user" else "assistant"
    told: dict[str, Any] = {"id": message.id, "role": role, "parts": ui_parts(contents, seed=message.id)}
    return told | ({"metadata": {"model": message.model}} if message.model else {})
