"""Saved chats: requests, and the map from turns of a conversation to messages of the server. No I/O.

A save must be repeatable: after an error the client does not know whether the server has it. So ids are chosen here. A
message keeps its id until a response confirms it, and the server ignores messages that it has. The order is: ``write``
makes messages of new turns and returns the request; the shell sends it; ``confirm`` drops what was in that request,
and only that, since another thread may have added turns meanwhile.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec

from headwater.client.groups.history import Turn, TurnState, is_message
from headwater.client.request.settings import Settings
from headwater.contract.chats import (
    ID,
    ExportFormat,
    SavedChat,
    SavedChatInfo,
    SavedChatPage,
    SavedMessage,
)
from headwater.contract.paths import CHATS
from headwater.core.answer.metrics import Metrics
from headwater.core.wire.request import HttpRequest
from headwater.core.wire.saved_chats import (
    ChatDeletionDialect,
    ChatExportDialect,
    ListChatsConfig,
    SavedChatDialect,
    SavedChatWriteDialect,
)
from headwater.errors import UsageError, WireError
from headwater.types import Content, FinishReason, GenerateContentResponse, UsageMetadata
from headwater.types.dump import plain_model

CHAT = SavedChatDialect(
    SavedChat, missing="there is no such chat, and no file of that name: client.chats.list() lists the chats"
)
CHAT_INFO = SavedChatDialect(SavedChatInfo)
PAGES = SavedChatDialect(SavedChatPage)
WRITES = SavedChatWriteDialect()
DELETIONS = ChatDeletionDialect()
EXPORTS = ChatExportDialect()

_NO_SERVER = (
    "saved chats need a headwater server: "
    "run `headwater serve` and pass its address (http_options.base_url, --base-url)"
)
# A running answer is partial for its reader: what it has may go to the model, but is not the end.
_TURN_STATES = {
    "done": TurnState.WHOLE,
    "running": TurnState.PARTIAL,
    "stopped": TurnState.PARTIAL,
    "failed": TurnState.FAILED,
}
_MESSAGE_STATES = {TurnState.WHOLE: "done", TurnState.PARTIAL: "stopped", TurnState.FAILED: "failed"}


class AnswerInfo(NamedTuple):
    """The details of an answer besides its contents."""

    model: str
    finish_reason: FinishReason | None = None
    block_reason: str | None = None
    usage: UsageMetadata | None = None
    metrics: dict[str, Any] | None = None


class ChatWrite(NamedTuple):
    """One save: the request, the ids of its messages, and the leaf of the selected branch."""

    request: HttpRequest
    messages: frozenset[str]
    leaf: str | None


class MessageMap:
    """Maps turns of a conversation to messages of a saved chat. Lives as long as the conversation.

    ``id`` and ``title`` are None until the server has confirmed the chat.
    """

    def __init__(self, chat: SavedChat | None = None) -> None:
        self.id = chat.id if chat is not None else None
        self.title = chat.title if chat is not None else None
        self._new_id = ""  # of a chat that is not confirmed yet
        self._shown = chat.leaf if chat is not None else None
        self._known: list[tuple[int, str]] = []  # the messages so far, each with the number of turns up to its end
        self._waiting: list[SavedMessage] = []  # not confirmed yet
        self._answer_infos: dict[int, AnswerInfo] = {}
        self._lock = Lock()  # so that two threads that save at once make each message once

    def add(self, message: str, turns: int) -> None:
        """Add a message of the server that ends after ``turns`` turns."""
        self._known.append((turns, message))

    def add_info(self, answer_info: AnswerInfo, turns: int) -> None:
        """Keep the details of an answer that ends after ``turns`` turns until it is saved."""
        self._answer_infos[turns] = answer_info

    def write(self, settings: Settings, model: str, turns: Sequence[Turn]) -> ChatWrite | None:
        """Return the request that saves everything unconfirmed; None if there is nothing.

        Raises:
            UsageError: if there is no server, or no message yet.
        """
        with self._lock:
            self._add_turns(turns)
            self._new_id = self.id or self._new_id or _new_id()
            leaf, waiting = self._last, list(self._waiting)
        # With nothing to send there can still be a new leaf: the conversation has branched off at an older message.
        if self.id is not None and not waiting and leaf == self._shown:
            return None
        if leaf is None:
            raise UsageError("there is nothing to save yet: send a message first")
        body = {"id": self._new_id, "model": model, "leaf": leaf, "messages": waiting}
        request = HttpRequest(
            "POST", _url(settings), settings.headers(), msgspec.json.encode(body, enc_hook=plain_model)
        )
        return ChatWrite(request, frozenset(message.id for message in waiting), leaf)

    def confirm(self, write: ChatWrite, chat: SavedChatInfo) -> None:
        """Record that the server has saved ``write``.

        Raises:
            WireError: if the response names another chat.
        """
        if chat.id != self._new_id:
            raise WireError("the response is not from a headwater server; the chat may not be saved")
        # Only what was in this request is confirmed: another thread may have added messages since it was built.
        with self._lock:
            self.id, self.title, self._shown = chat.id, chat.title, write.leaf
            self._waiting = [message for message in self._waiting if message.id not in write.messages]

    def branch(self, turns: Sequence[Turn], end: int) -> MessageMap:
        """Return the map of a conversation of the first ``end`` turns: a branch of the same chat if it is saved."""
        # A chat that was never saved has nothing to branch from: the two become chats of their own, with their own ids.
        other = MessageMap()
        if self.id is None:
            other._answer_infos = {
                number: answer_info for number, answer_info in self._answer_infos.items() if number <= end
            }
            return other
        with self._lock:
            self._add_turns(turns)  # before they part, so that shared turns have shared messages
        other.id, other.title, other._shown = self.id, self.title, self._shown
        other._known = [(number, message) for number, message in self._known if number <= end]
        # Both maps send the shared messages that are not confirmed; the server ignores the second copy.
        shared = {message for _, message in other._known}
        other._waiting = [message for message in self._waiting if message.id in shared]
        return other

    @property
    def _last(self) -> str | None:
        return self._known[-1][1] if self._known else None

    def _add_turns(self, turns: Sequence[Turn]) -> None:
        """Make messages of the turns that have none yet."""
        end = self._known[-1][0] if self._known else 0
        for piece in _group_turns(turns[end:]):
            end += len(piece)
            message = _message(piece, self._last, self._answer_infos.pop(end, None))
            self._waiting.append(message)
            self._known.append((end, message.id))


def turns_of(chat: SavedChat) -> tuple[list[Turn], MessageMap]:
    """Return the turns of the selected branch, and their message map."""
    # The state belongs to the exchange, so a question has that of the answer to it.
    turns: list[Turn] = []
    message_map, messages = MessageMap(chat), chat.branch
    for message, following in zip(messages, [*messages[1:], None], strict=False):
        answer = following if following is not None and (message.role, following.role) == ("user", "model") else message
        state = _turn_state(answer)
        turns += [Turn(content, state) for content in _contents(message)]
        message_map.add(message.id, len(turns))
    return turns, message_map


def answer_info(
    model: str,
    answer: GenerateContentResponse,
    *,
    usage: UsageMetadata | None = None,
    metrics: Metrics | None = None,
) -> AnswerInfo:
    """Return the details of an answer; ``usage`` and ``metrics`` are those of its stream."""
    feedback = answer.prompt_feedback
    # The names that /v1/chats uses, rounded to milliseconds.
    times = {} if metrics is None else {"first_chunk": metrics.first_chunk, "seconds": metrics.total}
    measured = {name: round(value, 3) for name, value in times.items() if value is not None}
    return AnswerInfo(
        model=model,
        finish_reason=answer.finish_reason,
        block_reason=feedback.block_reason if feedback is not None else None,
        usage=usage or answer.usage_metadata or None,
        metrics=measured or None,
    )


def model_of(chat: SavedChat) -> str:
    """Return the model that answers in a chat; empty if unknown."""
    return chat.model or next((message.model for message in reversed(chat.branch) if message.model), "")


def id_of(place: object) -> str | None:
    """Return ``place`` if it is the id of a chat; None if it is a file, or cannot be an id."""
    if not isinstance(place, str) or not ID.fullmatch(place) or Path(place).is_file():
        return None
    return place


def load(settings: Settings, id: str) -> HttpRequest:
    """Return the request for a chat with its messages.

    Raises:
        UsageError: if there is no server, and no file of that name.
    """
    return _get(settings, f"/{id}", otherwise=f"there is no file {id!r}, and {_NO_SERVER}")


def page(settings: Settings, config: ListChatsConfig) -> HttpRequest:
    """Return the request for a page of the list."""
    query = {"q": config.query, "pageSize": config.page_size, "pageToken": config.page_token}
    return _get(settings, "", {name: value for name, value in query.items() if value is not None})


def rename(settings: Settings, id: str, title: str) -> HttpRequest:
    """Return the request that renames a chat."""
    url = _url(settings, _path(id))
    return HttpRequest("PATCH", url, settings.headers(), msgspec.json.encode({"title": title}))


def delete(settings: Settings, id: str) -> HttpRequest:
    """Return the request that deletes a chat."""
    return HttpRequest("DELETE", _url(settings, _path(id)), settings.headers())


def export(settings: Settings, id: str, format: ExportFormat) -> HttpRequest:
    """Return the request for a chat in another form."""
    return _get(settings, f"{_path(id)}/export", {"format": format})


def _group_turns(turns: Iterable[Turn]) -> list[list[Turn]]:
    """Group turns into messages: each turn of the user alone, and all turns of the answer to it together.

    The answer begins a group of its own after the question, and wherever the state changes.
    """
    found: list[list[Turn]] = []
    for turn in turns:
        last = found[-1] if found else []
        is_first_answer = len(last) == 1 and last[0].content.role == "user"
        if not last or is_first_answer or is_message(turn.content) or turn.state is not last[-1].state:
            found.append([turn])
        else:
            last.append(turn)
    return found


def _message(turns: Sequence[Turn], parent: str | None, answer_info: AnswerInfo | None) -> SavedMessage:
    role, state = turns[0].content.role or "user", turns[0].state
    contents = [turn.content for turn in turns if turn.content.parts]
    # Only messages of the model have a state; a question is complete when it is asked.
    if role == "user":
        return SavedMessage(id=_new_id(), role=role, parent=parent, contents=contents)
    return SavedMessage(
        id=_new_id(),
        role=role,
        parent=parent,
        contents=contents,
        state=_MESSAGE_STATES[state],
        model=answer_info and answer_info.model,
        finish_reason=answer_info and answer_info.finish_reason,
        usage=answer_info and answer_info.usage,
        metrics=answer_info and answer_info.metrics,
        error=_error(answer_info) if state is TurnState.FAILED else None,
    )


def _error(answer_info: AnswerInfo | None) -> dict[str, Any]:
    """Return the reason of a failure as Google's error object."""
    reason = answer_info and (answer_info.block_reason or answer_info.finish_reason)
    message = f"the answer was blocked or unusable: {reason}" if reason else "the answer failed"
    return {"code": 400, "status": "FAILED_PRECONDITION", "message": message}


def _turn_state(message: SavedMessage) -> TurnState:
    """Return the state of a message's turns; an empty answer counts as failed, since the API refuses empty turns."""
    state = _TURN_STATES.get(message.state, TurnState.FAILED)
    if message.role == "model" and not any(content.parts for content in message.contents):
        return TurnState.FAILED
    return state


def _contents(message: SavedMessage) -> list[Content]:
    contents = [
        content if content.role else content.model_copy(update={"role": message.role}) for content in message.contents
    ]
    return contents or ([Content(role="model", parts=[])] if message.role == "model" else [])


def _path(id: str) -> str:
    if not isinstance(id, str) or not ID.fullmatch(id):
        raise UsageError(f"{id!r} is not the id of a chat: chat.id has it, and client.chats.list()")
    return f"/{id}"


def _get(
    settings: Settings, path: str, query: dict[str, Any] | None = None, *, otherwise: str = _NO_SERVER
) -> HttpRequest:
    url = _url(settings, path, otherwise=otherwise)
    return HttpRequest("GET", f"{url}?{urlencode(query)}" if query else url, settings.headers())


def _url(settings: Settings, path: str = "", *, otherwise: str = _NO_SERVER) -> str:
    return settings.server_url(CHATS.removeprefix("/") + path, otherwise=otherwise)


def _new_id() -> str:
    return secrets.token_hex(16)
