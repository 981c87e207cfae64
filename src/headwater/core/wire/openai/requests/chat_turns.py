"""``TurnWriter``: the contents of a Gemini request as messages of chat completions."""

# Theory of operation
#
# Both APIs have turns, and they differ in where the results of functions stand. In the Gemini API they are parts of a
# user's turn, in any order, among text; a call and its result belong together by id or, without ids, by name. Chat
# completions want one message for each result, with the call's id, directly after the turn that made the calls, and a
# request that leaves one out is refused.
#
# So the calls of the model's last turn are remembered as open. A result takes the first open call with its id or, if it
# has none, with its name; what is left open when another turn begins is an error here, in words that say which call it
# is. Ids that the client does not have are made from a call's place, which is the same each time the conversation is
# sent, so that prompt caches and retries agree.
#
# Thoughts are never sent as content: the model would take them for what it said. Servers that want them back get them
# in the field of their own, from the signature of the part (``chat_state.py``) or from the thought itself.

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import msgspec

from headwater.core.wire.openai.chat_state import unpack
from headwater.core.wire.openai.requests.chat_media import MediaWriter
from headwater.core.wire.openai.requests.chat_tools import ToolNames, call_id
from headwater.core.wire.openai.requests.server_traits import ServerTraits
from headwater.errors import UsageError
from headwater.types import Content, FunctionCall, FunctionResponse, Part

_USER_ROLES = (None, "", "user", "function", "tool")


class TurnWriter:
    """Writes the messages of one request. ``messages`` are those so far."""

    def __init__(self, traits: ServerTraits, media: MediaWriter, names: ToolNames, engine: str) -> None:
        self.messages: list[dict[str, Any]] = []
        #: What was left out since it only hints.
        self.ignored: set[str] = set()
        self._traits = traits
        self._media = media
        self._names = names
        self._engine = engine
        self._open: dict[str, FunctionCall] = {}  # calls without a result, by their id for the server

    def instruct(self, instruction: Content) -> None:
        """Write the system instruction.

        Raises:
            UsageError: if it has something other than text.
        """
        texts = []
        for part in instruction.parts or ():
            if part.text is None:
                raise UsageError("systemInstruction has a part that is not text, which this engine cannot send")
            texts.append(part.text)
        if any(texts):
            self.messages.append({"role": self._traits.system_role, "content": "\n\n".join(filter(None, texts))})

    def write(self, contents: Sequence[Content]) -> None:
        """Write the turns.

        Raises:
            UsageError: if a turn has something that the server cannot read.
        """
        for number, content in enumerate(contents):
            where = f"contents[{number}]"
            if content.role == "model":
                self._close(where)
                self._model(number, content.parts or [], where)
            elif content.role in _USER_ROLES:
                self._user(content.parts or [], where)
            else:
                raise UsageError(f"{where}.role is 'user' or 'model', not {content.role!r}")
        if contents[-1].role != "model":
            self._close("the end of contents")

    def _close(self, where: str) -> None:
        for call in self._open.values():
            raise UsageError(f"{where}: the call of {call.name!r} before it has no functionResponse")

    def _model(self, number: int, parts: Sequence[Part], where: str) -> None:
        message: dict[str, Any] = {"role": "assistant"}
        texts, thoughts, calls = list[str](), list[str](), list[dict[str, Any]]()
        for part in parts:
            state = self._state(part)
            if part.function_call is not None:
                calls.append(self._call(part.function_call, number, len(calls), state))
            elif part.thought:
                thoughts.append(part.text or "")
            elif (text := _text(part)) is not None:
                texts.append(text)
            else:
                raise UsageError(f"{where}: a turn of the model has text and function calls only with this engine")
            self._give_back(message, state)
        message["content"] = "".join(texts) or None
        if calls:
            message["tool_calls"] = calls
            if self._traits.reasoning_back in ("reasoning", "reasoning_content") and thoughts:
                message.setdefault(self._traits.reasoning_back, "".join(thoughts))
        if calls or texts:
            self.messages.append(message)

    def _call(self, call: FunctionCall, turn: int, number: int, state: dict[str, Any]) -> dict[str, Any]:
        name = call_id(call.id or f"call_{turn}_{number}", self._traits)
        self._open[name] = call
        function = {
            "name": self._names.for_server(call.name or ""),
            "arguments": msgspec.json.encode(call.args or {}).decode(),
        }
        sent: dict[str, Any] = {"id": name, "type": "function", "function": function}
        if "extra_content" in state:
            sent["extra_content"] = state.pop("extra_content")
        return sent

    def _state(self, part: Part) -> dict[str, Any]:
        return unpack(self._engine, part.thought_signature) or {}

    def _give_back(self, message: dict[str, Any], state: dict[str, Any]) -> None:
        """Add what the server wants back: what it said with its earlier answer."""
        if "reasoning" in state and self._traits.reasoning_back in ("reasoning", "reasoning_content"):
            message[self._traits.reasoning_back] = state["reasoning"]
        for name in ("reasoning_details", "extra_content"):
            if name in state:
                message[name] = state[name]

    def _user(self, parts: Sequence[Part], where: str) -> None:
        results = [part.function_response for part in parts if part.function_response is not None]
        content = [entry for result in results for entry in self._result(result, where)]
        if self._open and len(results) < len(parts):
            self._close(where)
        for part in parts:
            if part.function_response is None:
                content.append(self._content_part(part, where))
        if content or not results:
            self._add_user(content)

    def _content_part(self, part: Part, where: str) -> dict[str, Any]:
        text = _text(part)
        if text is not None:
            return {"type": "text", "text": text}
        if part.inline_data is not None or part.file_data is not None:
            return self._media.content_part(part, where)
        kind = next((name for name in part.__struct_fields__ if getattr(part, name) is not None), "nothing")
        raise UsageError(f"{where}: this engine cannot send a part with {kind}")

    def _add_user(self, content: list[dict[str, Any]]) -> None:
        last = self.messages[-1] if self.messages else {}
        if self._traits.merges_turns and last.get("role") == "user":
            content = [*_as_parts(last["content"]), *content]
            self.messages.pop()
        if all(entry["type"] == "text" for entry in content):  # many servers know no lists
            self.messages.append({"role": "user", "content": "\n".join(entry["text"] for entry in content)})
        else:
            self.messages.append({"role": "user", "content": content})

    def _result(self, result: FunctionResponse, where: str) -> list[dict[str, Any]]:
        """Write the message of one result; return its media, which follow in the user's own message."""
        if result.will_continue or result.scheduling is not None:
            raise UsageError(f"{where}: this engine cannot send a result in pieces (willContinue, scheduling)")
        name = self._opened(result)
        if name is None:
            raise UsageError(f"{where}: there is no call of {result.name!r} that this functionResponse answers")
        del self._open[name]
        self.messages.append({"role": "tool", "tool_call_id": name, "content": _result_text(result)})
        media = [Part(inline_data=one.inline_data, file_data=one.file_data) for one in result.parts or ()]
        head = [{"type": "text", "text": f"(from the result of {result.name})"}] if media else []
        return [*head, *(self._media.content_part(part, where) for part in media)]

    def _opened(self, result: FunctionResponse) -> str | None:
        """The id of the call that a result answers; None if it answers no call."""
        if result.id:
            name = call_id(result.id, self._traits)
            return name if name in self._open else None
        return next((name for name, call in self._open.items() if call.name == result.name), None)


def _text(part: Part) -> str | None:
    """What a part says as text, None if it is something else. A thought of the model is not for its eyes again."""
    if part.text is not None:
        return "" if part.thought else part.text
    if part.executable_code is not None:
        return f"\n```{str(part.executable_code.language or '').lower()}\n{part.executable_code.code}\n```\n"
    if part.code_execution_result is not None:
        return f"\n```\n{part.code_execution_result.output or ''}\n```\n"
    return None


def _result_text(result: FunctionResponse) -> str:
    response = result.response or {}
    for name in ("output", "result"):
        if set(response) == {name} and isinstance(response[name], str):
            return str(response[name])
    return msgspec.json.encode(response, enc_hook=_plain).decode()


def _plain(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _as_parts(content: Any) -> list[dict[str, Any]]:
    return content if isinstance(content, list) else [{"type": "text", "text": content}]
