"""The resource ``/v1/chats``: a saved chat as JSON, a tree of messages of which one branch is shown."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Literal, get_args

import msgspec

from headwater.contract.limits import MAX_ID_LENGTH
from headwater.types import Content, FinishReason, UsageMetadata
from headwater.types.base import ApiModel
from headwater.types.response import ApiResponse

Role = Literal["user", "model"]
#: The state of a message: ``"stopped"`` on request, ``"failed"`` with an error. Either way its contents so far stay.
MessageState = Literal["done", "running", "stopped", "failed"]
#: ``"markdown"`` has the branch that is shown, ``"json"`` the whole chat, ``"ai-sdk"`` what useChat takes.
ExportFormat = Literal["markdown", "json", "ai-sdk"]
EXPORT_FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)

#: The ids of chats and messages, which clients may choose.
ID = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_ID_LENGTH}}}")
#: The reason in the error of a message whose parent the server does not have.
UNKNOWN_MESSAGE = "UNKNOWN_MESSAGE"


class SavedMessage(ApiModel, rename={}):
    """One message. ``parent`` is the message before it; several with the same parent are branches.

    ``contents`` are all that happened in the turn. ``state`` is a ``MessageState``; a message that failed has its
    ``error`` as Google writes it.
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
    """A chat without its messages. ``leaf`` is the last message of the branch that is shown.

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
    """A chat with its messages, in the order in which they were added."""

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
