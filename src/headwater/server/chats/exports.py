"""Exports a saved chat as Markdown. Pure."""

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
    """Return the branch that is shown as Markdown, without thoughts."""
    messages = branch({message.id: message for message in chat.messages}, chat.leaf)
    return "\n\n".join([f"# {chat.title}", *map(_section, messages)]) + "\n"


def file_name(chat: ChatTree, ending: str) -> str:
    """Return a file name for a chat: ASCII, so that no header encoding is needed."""
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
    """One paragraph for each run of text parts, and one for every other part."""
    paragraphs: list[str] = []
    # Chunks cut text anywhere, even inside a word, so adjacent texts are joined without a separator.
    is_open = False
    for part in parts:
        if part.get("thought"):
            continue
        if "text" in part:
            text = str(part["text"] or "")
            paragraphs[-1:] = [paragraphs[-1] + text] if is_open else [*paragraphs[-1:], text]
            is_open = True
        elif other := _other(part):
            paragraphs.append(other)
            is_open = False
    return [text.strip("\n") for text in paragraphs if text.strip()]


def _other(part: Mapping[str, Any]) -> str:
    match part:
        case {"inlineData": {"mimeType": kind}}:
            return f"*({kind})*"
        case {"fileData": {"fileUri": address}}:
            return f"<{address}>"
        case {"functionCall": {"name": name, **rest}}:
            return f"Call of `{name}`:\n\n{_fenced(_json(rest.get('args', {})), 'json')}"
        case {"functionResponse": {"name": name, **rest}}:
            return f"Result of `{name}`:\n\n{_fenced(_json(rest.get('response', {})), 'json')}"
        case {"executableCode": {"code": code, **rest}}:
            return _fenced(str(code), str(rest.get("language", "")).lower())
        case {"codeExecutionResult": {"output": output}}:
            return _fenced(str(output), "")
    return ""


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _fenced(text: str, language: str) -> str:
    # A fence is longer than any run of backticks inside (CommonMark, 4.5).
    mark = "`" * max(3, *(len(fence) + 1 for fence in _FENCE.findall(text)), 3)
    return f"{mark}{language}\n{text.rstrip()}\n{mark}"
