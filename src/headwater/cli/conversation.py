"""The conversations of ``headwater ask``: one turn, and the last conversation, kept in a file for ``ask --continue``.

A chat is kept here: all its turns are sent again. An interaction is kept by the API, and here is its id alone.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from headwater.errors import UsageError

if TYPE_CHECKING:
    from headwater.cli.options import Options
    from headwater.client.options.call_options import StreamOptions
    from headwater.client.stream.interactions import InteractionStream
    from headwater.genai import Client, Stream
    from headwater.types import Part

_NAME = "last-conversation.json"


class LastConversation(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation as it is kept: what ``Chat.to_json`` returns, and the system instruction, which is not in it.

    Of a conversation that the API keeps, it is the last interaction's id and model.
    """

    system: str | None
    chat: msgspec.Raw = msgspec.Raw(b"null")
    interaction: str | None = None
    model: str | None = None


def load() -> LastConversation:
    """Return the last conversation.

    Raises:
        UsageError: if none is kept.
    """
    path = _folder() / _NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=LastConversation)
    except FileNotFoundError:
        raise UsageError("no conversation to continue: ask something first, without --no-save") from None
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"cannot read the last conversation, {path}: {error}") from error


def save(chat: str, system: str | None) -> None:
    """Keep a conversation in place of the one before.

    Raises:
        OSError: if it cannot be written.
    """
    _write(LastConversation(system=system, chat=msgspec.Raw(chat.encode())))


def save_interaction(interaction: str, model: str, system: str | None) -> None:
    """Keep the end of a conversation that the API keeps.

    Raises:
        OSError: if it cannot be written.
    """
    _write(LastConversation(system=system, interaction=interaction, model=model))


def _write(conversation: LastConversation) -> None:
    """Keep a conversation in place of the one before. Only the user can read it.

    Raises:
        OSError: if it cannot be written.
    """
    folder = _folder()
    # Umask may be generous; prompts and answers are as private as a shell's history.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    data = msgspec.json.encode(conversation)
    # Replaced as a whole: two terminals may ask at once, and the file must be that of one of them. Temporary files
    # have the mode 600.
    handle, name = tempfile.mkstemp(prefix=_NAME, dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(name, folder / _NAME)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _folder() -> Path:
    """The data folder of `headwater serve` too; loading its logs for the name would take longer than the request."""
    if os.name == "nt":
        home = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "headwater"


def last_conversation(*, is_interaction: bool, previous: str | None) -> LastConversation:
    """Return the conversation before.

    Raises:
        UsageError: if no conversation is kept, or the last one cannot be continued with this API.
    """
    if previous is not None:
        raise click.UsageError("--continue and --previous cannot be combined")
    last = load()
    if is_interaction and last.interaction is None:
        raise click.UsageError("the last conversation was not kept by the API: continue it without --interactions")
    return last


class ChatTurn:
    """A turn of a chat: all turns are sent again, and kept in a file of the user."""

    def __init__(self, client: Client, options: Options, last: LastConversation | None, *, keep_model: bool) -> None:
        self._options = options
        if last is None:
            # The user saw the part of a stopped answer that arrived, so the model should know it too.
            self._chat = client.chats.create(model=options.model, keep_partial=True)
        else:
            options.system = options.system if options.system is not None else last.system
            self._chat = client.chats.from_json(bytes(last.chat), model=None if keep_model else options.model)
        self._known = len(self._chat.turns)

    def send(self, contents: Sequence[Any], target: StreamOptions) -> Stream:
        """Return the stream of the answer."""
        return self._chat.send_message_stream(list(contents), self._options.config(), **target)

    def keep(self) -> None:
        """Keep the conversation, if there was an exchange: one that failed leaves the last conversation there.

        Raises:
            OSError: if it cannot be written.
        """
        if len(self._chat.turns) > self._known:
            save(self._chat.to_json(), self._options.system)


class InteractionTurn:
    """A turn of a conversation that the API keeps: only the new input is sent."""

    def __init__(
        self,
        client: Client,
        options: Options,
        last: LastConversation | None,
        *,
        previous: str | None,
        keep_model: bool,
    ) -> None:
        self._client, self._options, self._previous = client, options, previous
        self._stream: InteractionStream | None = None
        if last is not None:
            self._previous = last.interaction
            options.system = options.system if options.system is not None else last.system
            options.model = last.model if keep_model and last.model else options.model
        url = options.url() or os.environ.get("GOOGLE_GEMINI_BASE_URL", "")
        if self._previous is not None and url.startswith("offline:"):
            raise click.UsageError(
                "the offline engine keeps interactions only as long as a command runs: "
                "continue a conversation without --interactions, or use headwater serve"
            )

    def send(self, contents: Sequence[Any], target: StreamOptions) -> InteractionStream:
        """Return the stream of the answer.

        Raises:
            HeadwaterError: if the API refuses it.
        """
        options, schema = self._options, self._options.schema
        settings = {
            "temperature": options.temperature,
            "max_output_tokens": options.max_tokens,
            "thinking_summaries": "auto" if options.thinking else None,
        }
        self._stream = self._client.interactions.create(
            model=options.model,
            input=[_content(part) for part in contents],
            previous_interaction_id=self._previous,
            # The API keeps turns and nothing else: instruction and settings are said each time.
            system_instruction=options.system or None,
            generation_config={name: value for name, value in settings.items() if value is not None} or None,
            response_format={"type": "text", "mime_type": "application/json", "schema": schema} if schema else None,
            stream=True,
            **target,
        )
        return self._stream

    def keep(self) -> None:
        """Keep the id of the answer.

        Raises:
            OSError: if it cannot be written.
        """
        if self._stream is not None and (found := self._stream.interaction_id) is not None:
            save_interaction(found, self._options.model, self._options.system)


def _content(part: str | Part) -> dict[str, Any]:
    """Return a text or a file as a content."""
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if (link := part.file_data) is not None:
        fields = {"uri": link.file_uri, "mime_type": link.mime_type}
        return {"type": _kind(link.mime_type), **{name: value for name, value in fields.items() if value is not None}}
    blob = part.inline_data
    assert blob is not None  # files are one or the other
    assert blob.data is not None
    if _kind(blob.mime_type) == "text":
        return {"type": "text", "text": blob.data.decode()}
    return {"type": _kind(blob.mime_type), "data": blob.data, "mime_type": blob.mime_type}


def _kind(mime_type: str | None) -> str:
    kind = (mime_type or "").partition("/")[0]
    return kind if kind in ("image", "audio", "video", "text") else "document"
