"""The last conversation of ``headwater ask``, kept in a file of the user, for ``ask --continue``."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import msgspec

from headwater.errors import UsageError

_NAME = "last-conversation.json"


class LastConversation(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation as it is kept: what ``Chat.to_json`` returns, and the system instruction, which is not in it."""

    system: str | None
    chat: msgspec.Raw


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
    """Keep a conversation in place of the one before. Only the user can read it.

    Raises:
        OSError: if it cannot be written.
    """
    folder = _folder()
    # Umask may be generous; prompts and answers are as private as a shell's history.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    data = msgspec.json.encode(LastConversation(system=system, chat=msgspec.Raw(chat.encode())))
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
