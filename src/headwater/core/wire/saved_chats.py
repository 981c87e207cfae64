"""The dialect of chats that a headwater server keeps: trees of messages, of which one branch is shown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from headwater.core.wire.gemini import Gemini, R
from headwater.core.wire.server_streams import explain_missing
from headwater.errors import APIError, HeadwaterError, NotFoundError, api_error
from headwater.types import Content, FinishReason, HttpOptions, UsageMetadata
from headwater.types.base import ApiModel
from headwater.types.response import ApiResponse

#: The reason in the error of a message that follows one which is not there.
_UNKNOWN = b'"UNKNOWN_MESSAGE"'
_NOT_HERE = "there are no saved chats at this address: it has to be a headwater server (headwater serve)"


class SavedMessage(ApiModel, rename={}):
    """One message. ``parent`` is the message before it; several with the same parent are branches.

    ``contents`` are all that happened in the turn. ``state`` is ``"done"``, ``"running"``, ``"stopped"`` or
    ``"failed"``, with the ``error`` as Google writes it.
    """

    id: str = ""
    role: str = ""
    parent: str | None = None
    state: str = "done"
    contents: list[Content] = msgspec.field(default_factory=list)
    model: str | None = None
    finish_reason: FinishReason | None = None
    usage: UsageMetadata | None = None
    metrics: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


class SavedChatInfo(ApiResponse, rename={}):
    """What is known of a chat. ``leaf`` is the last message of the branch that is shown.

    ``running`` says whether a model is answering in it.
    """

    id: str = ""
    title: str = ""
    model: str | None = None
    created: datetime | None = None
    updated: datetime | None = None
    leaf: str | None = None
    running: bool = False


class SavedChat(SavedChatInfo, rename={}):
    """A chat with its messages, in the order in which they came."""

    messages: list[SavedMessage] = msgspec.field(default_factory=list)

    @property
    def branch(self) -> list[SavedMessage]:
        """The messages of the branch that is shown, from the first one on."""
        known = {message.id: message for message in self.messages}
        found: list[SavedMessage] = []
        message = known.get(self.leaf or "")
        while message is not None:
            found.append(message)
            message = known.pop(message.parent or "", None)  # once each, or a circle would have no end
        return found[::-1]


class SavedChatPage(ApiResponse):
    """One page of the list of chats."""

    chats: list[SavedChatInfo] | None = None
    next_page_token: str | None = None

    @property
    def items(self) -> list[SavedChatInfo]:
        """The chats of this page."""
        return self.chats or []


class ListChatsConfig(ApiModel):
    """Which page of the list is asked for, how large it is, and which words its chats have."""

    http_options: HttpOptions | None = None
    query: str | None = None
    page_size: int | None = None
    page_token: str | None = None


class ChatExport(ApiModel):
    """A chat in another form."""

    text: str


class Empty(ApiResponse):
    """What an answer without a body says."""


class SavedChatDialect(Gemini[R]):
    """The dialect of answers of one kind. ``missing`` are the words for a chat that is not there, else the server's."""

    def __init__(self, kind: type[R], *, missing: str | None = None) -> None:
        super().__init__(kind)
        self._missing = missing

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> APIError:
        """Return the error that an answer with a bad status means."""
        error = super().refusal(status, headers, body)
        told = explain_missing(error, _NOT_HERE)
        if told is error and self._missing is not None and isinstance(error, NotFoundError):
            return api_error(404, self._missing, status=error.status, details=error.details, headers=headers)
        return told


class SavedChatWriteDialect(SavedChatDialect[SavedChatInfo]):
    """The dialect of what is written into a chat."""

    def __init__(self) -> None:
        super().__init__(SavedChatInfo)

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> APIError:
        """Return the error that an answer with a bad status means."""
        error = super().refusal(status, headers, body)
        if error.code == 400 and _UNKNOWN in body:
            words = f"{error.message}. Was it deleted? client.chats.from_json(chat.to_json()).save() saves a new one"
            return api_error(400, words, status=error.status, details=error.details, headers=headers)
        return error


class ChatExportDialect(SavedChatDialect[ChatExport]):
    """The dialect of exports: whatever they are, they are text."""

    def __init__(self) -> None:
        super().__init__(ChatExport)

    def decode(self, data: bytes, headers: Mapping[str, str]) -> tuple[ChatExport, ...]:
        """Return the text."""
        return (ChatExport(text=data.decode("utf-8", "replace")),)


class ChatDeletionDialect(SavedChatDialect[Empty]):
    """The dialect of what is answered with a head alone."""

    def __init__(self) -> None:
        super().__init__(Empty)

    def decode(self, data: bytes, headers: Mapping[str, str]) -> tuple[Empty | HeadwaterError, ...]:
        """Return nothing, as something."""
        return super().decode(data or b"{}", headers)
