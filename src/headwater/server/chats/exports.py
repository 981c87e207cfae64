"""A saved chat as a text to be read elsewhere: Markdown. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from headwater.server.chats.model import ChatTree, Message, branch

_FENCE = re.compile(r"`{3,}")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def markdown(chat: ChatTree) -> str:
    """Return the branch of a chat that is shown, as Markdown; thoughts are left out."""
    messages = branch({message.id: message for message in chat.messages}, chat.leaf)
    return "\n\n".join([f"# {chat.title}", *map(_section, messages)]) + "\n"


def file_name(chat: ChatTree, ending: str) -> str:
    """Return what a chat is called as a file."""
    plain = unicodedata.normalize("NFKD", chat.title).encode("ascii", "ignore").decode()
    words = _UNSAFE.sub("-", plain).strip("-.").lower()[:60].rstrip("-.")
    return f"{words or 'chat'}.{ending}"


def _section(message: Message) -> str:
    head = "You" if message.role == "user" else (message.model or "Answer")
    pieces = [f"## {head}", *_paragraphs(message.parts)]
    if message.state in ("stopped", "running"):
        pieces.append("*(stopped here)*" if message.state == "stopped" else "*(still being written)*")
    if message.error is not None:
        pieces.append(f"*(failed: {message.error.get('message', '')})*")
    return "\n\n".join(pieces)


def _paragraphs(parts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Text that was cut into parts is one text again; everything else is a paragraph of its own."""
    found: list[str] = []
    is_open = False
    for part in parts:
        if part.get("thought"):
            continue
        if "text" in part:
            text = str(part["text"] or "")
            found[-1:] = [found[-1] + text] if is_open else [*found[-1:], text]
            is_open = True
        elif other := _other(part):
            found.append(other)
            is_open = False
    return [text.strip("\n") for text in found if text.strip()]


def _other(part: Mapping[str, Any]) -> str:
    match part:
        case {"inlineData": {"mimeType": kind}}:
            return f"*({kind})*"
        case {"fileData": {"fileUri": address}}:
            return f"<{address}>"
        case {"functionCall": {"name": name, **more}}:
            return f"Call of `{name}`:\n\n{_fenced(_json(more.get('args', {})), 'json')}"
        case {"functionResponse": {"name": name, **more}}:
            return f"Result of `{name}`:\n\n{_fenced(_json(more.get('response', {})), 'json')}"
        case {"executableCode": {"code": code, **more}}:
            return _fenced(str(code), str(more.get("language", "")).lower())
        case {"codeExecutionResult": {"output": output}}:
            return _fenced(str(output), "")
    return ""


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _fenced(text: str, language: str) -> str:
    mark = "`" * max(3, *(len(found) + 1 for found in _FENCE.findall(text)), 3)
    return f"{mark}{language}\n{text.rstrip()}\n{mark}"
