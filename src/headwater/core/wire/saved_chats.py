"""The dialects of saved chats, which a headwater server stores as trees of messages."""

from __future__ import annotations

from collections.abc import Mapping

from headwater.contract.chats import UNKNOWN_MESSAGE, SavedChatInfo
from headwater.core.wire.gemini import Gemini, R
from headwater.core.wire.server_streams import explain_missing
from headwater.errors import APIError, HeadwaterError, NotFoundError, api_error
from headwater.types import HttpOptions
from headwater.types.base import ApiModel
from headwater.types.response import ApiResponse

#: The reason in the error of a message whose parent does not exist.
_UNKNOWN = f'"{UNKNOWN_MESSAGE}"'.encode()
_NOT_HERE = "this address has no saved chats: it must be a headwater server (headwater serve)"


class ListChatsConfig(ApiModel):
    """Which page of the list to return, its size, and the words that its chats contain."""

    http_options: HttpOptions | None = None
    query: str | None = None
    page_size: int | None = None
    page_token: str | None = None


class ChatExport(ApiModel):
    """A chat as text: Markdown or JSON."""

    text: str


class Empty(ApiResponse):
    """A response without a body."""


class SavedChatDialect(Gemini[R]):
    """The dialect of answers of one type. ``missing`` replaces the server's message for a chat that does not exist."""

    api_name = "the headwater server"

    def __init__(self, kind: type[R], *, missing: str | None = None) -> None:
        super().__init__(kind)
        self._missing = missing

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> APIError:
        """Return the error that a response with an error status means."""
        error = super().refusal(status, headers, body)
        explained = explain_missing(error, _NOT_HERE)
        if explained is error and self._missing is not None and isinstance(error, NotFoundError):
            return api_error(404, self._missing, status=error.status, details=error.details, headers=headers)
        return explained


class SavedChatWriteDialect(SavedChatDialect[SavedChatInfo]):
    """The dialect of writes to a chat."""

    def __init__(self) -> None:
        super().__init__(SavedChatInfo)

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> APIError:
        """Return the error that a response with an error status means."""
        error = super().refusal(status, headers, body)
        if error.code == 400 and _UNKNOWN in body:
            words = f"{error.message}. Was it deleted? client.chats.from_json(chat.to_json()).save() saves a new one"
            return api_error(400, words, status=error.status, details=error.details, headers=headers)
        return error


class ChatExportDialect(SavedChatDialect[ChatExport]):
    """The dialect of exports, which are text whatever their format."""

    def __init__(self) -> None:
        super().__init__(ChatExport)

    def decode(self, data: bytes, headers: Mapping[str, str]) -> tuple[ChatExport, ...]:
        """Return the text."""
        return (ChatExport(text=data.decode("utf-8", "replace")),)


class ChatDeletionDialect(SavedChatDialect[Empty]):
    """The dialect of deletions, whose responses have no body."""

    def __init__(self) -> None:
        super().__init__(Empty)

    def decode(self, data: bytes, headers: Mapping[str, str]) -> tuple[Empty | HeadwaterError, ...]:
        """Return an empty result for an empty body."""
        return super().decode(data or b"{}", headers)
