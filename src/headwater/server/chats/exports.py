"""Exports a saved chat as Markdown. Pure.

An answer is Markdown itself and stays so, inside its turn: it cannot forge the heading of another turn, nor swallow
those that follow (``_inside_turn``). Everything else that a model or a client chose, such as names, types and
addresses, is text and escaped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from headwater.server.chats.model import ChatTree, Message, branch

_FENCE = re.compile(r"`{3,}")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
#: ASCII punctuation, all of which a backslash makes text (CommonMark, 2.4).
_PUNCTUATION = re.compile(r"[\\`*_{}\[\]<>()#+!|~&]")
_WEB = re.compile(r"https?://[^\s<>\\]+", re.IGNORECASE)
_FENCE_LINE = re.compile(r" {0,3}(`{3,}|~{3,})([^\n]*)")
_HEADING = re.compile(r" {0,3}(#{1,6})(?=[ \t]|$)")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
#: The starts of HTML that runs on over blank lines, to the end of the document if need be (CommonMark, 4.6, 1 to 5).
_HTML = re.compile(r" {0,3}<(?=script|pre|style|textarea|!|\?)", re.IGNORECASE)


def markdown(chat: ChatTree) -> str:
    """Return the branch that is shown as Markdown, without thoughts."""
    messages = branch({message.id: message for message in chat.messages}, chat.leaf)
    return "\n\n".join([f"# {_escaped(chat.title)}", *map(_section, messages)]) + "\n"


def file_name(chat: ChatTree, ending: str) -> str:
    """Return a file name for a chat: ASCII, so that no header encoding is needed."""
    plain = unicodedata.normalize("NFKD", chat.title).encode("ascii", "ignore").decode()
    words = _UNSAFE.sub("-", plain).strip("-.").lower()[:60].rstrip("-.")
    return f"{words or 'chat'}.{ending}"


def _section(message: Message) -> str:
    head = "You" if message.role == "user" else (message.model or "Answer")
    pieces = [f"## {_escaped(head)}", *_paragraphs(message.parts)]
    if message.state in ("stopped", "running"):
        pieces.append("*(stopped here)*" if message.state == "stopped" else "*(still being written)*")
    if message.error is not None:
        pieces.append(f"*(failed: {_escaped(str(message.error.get('message', '')))})*")
    return "\n\n".join(pieces)


def _paragraphs(parts: Sequence[Mapping[str, Any]]) -> list[str]:
    """One paragraph for each run of text parts, and one for every other part."""
    paragraphs: list[str] = []
    # Chunks cut text anywhere, even inside a word, so adjacent texts are joined without a separator.
    is_open = False
    texts = set[int]()  # the indexes of paragraphs that are a model's or a user's Markdown
    for part in parts:
        if part.get("thought"):
            continue
        if "text" in part:
            text = str(part["text"] or "")
            paragraphs[-1:] = [paragraphs[-1] + text] if is_open else [*paragraphs[-1:], text]
            texts.add(len(paragraphs) - 1)
            is_open = True
        elif other := _other(part):
            paragraphs.append(other)
            is_open = False
    found = [_inside_turn(text) if index in texts else text for index, text in enumerate(paragraphs)]
    return [text.strip("\n") for text in found if text.strip()]


def _inside_turn(text: str) -> str:
    """Return Markdown whose headings are below those of turns, and whose last code block and HTML are closed."""
    lines: list[str] = []
    fence, previous = "", ""
    for line in text.splitlines():
        mark = _FENCE_LINE.match(line)
        if fence:
            # A fence is closed by one that is as long, and has nothing after it (CommonMark, 4.5).
            if mark is not None and mark[1].startswith(fence) and not mark[2].strip():
                fence = ""
        elif mark is not None and not (mark[1][0] == "`" and "`" in mark[2]):
            fence = mark[1]
        else:
            line = _inside_line(line, follows_text=bool(previous.strip()))
        lines.append(line)
        previous = line
    return "\n".join([*lines, fence] if fence else lines)


def _inside_line(line: str, *, follows_text: bool) -> str:
    heading = _HEADING.match(line)
    if heading is not None:  # those of turns have level 2
        start, end = heading.span(1)
        return line[:start] + "#" * min(end - start + 2, 6) + line[end:]
    if follows_text and _UNDERLINE.match(line) is not None:  # it would make a heading of the line above
        return "\\" + line.lstrip(" ")
    html = _HTML.match(line)
    return line if html is None else f"{line[: html.end() - 1]}\\{line[html.end() - 1 :]}"


def _escaped(text: str) -> str:
    """Return text that is nothing but text, on one line."""
    return _PUNCTUATION.sub(r"\\\g<0>", " ".join(text.split()))


def _code(text: str) -> str:
    """Return text as code in a line (CommonMark, 6.1)."""
    text = " ".join(text.split())
    mark = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    return f"{mark}{text}{mark}" if len(mark) == 1 else f"{mark} {text} {mark}"


def _address(address: str) -> str:
    """Return a web address as a link, and any other as text: ``javascript:`` is an address as well."""
    return f"<{address}>" if _WEB.fullmatch(address) else _escaped(address)


def _other(part: Mapping[str, Any]) -> str:
    match part:
        case {"inlineData": {"mimeType": kind}}:
            return f"*({_escaped(str(kind))})*"
        case {"fileData": {"fileUri": address}}:
            return _address(str(address))
        case {"functionCall": {"name": name, **rest}}:
            return f"Call of {_code(str(name))}:\n\n{_fenced(_json(rest.get('args', {})), 'json')}"
        case {"functionResponse": {"name": name, **rest}}:
            return f"Result of {_code(str(name))}:\n\n{_fenced(_json(rest.get('response', {})), 'json')}"
        case {"executableCode": {"code": code, **rest}}:
            return _fenced(str(code), _UNSAFE.sub("", str(rest.get("language", ""))).lower())
        case {"codeExecutionResult": {"output": output}}:
            return _fenced(str(output), "")
    return ""


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _fenced(text: str, language: str) -> str:
    # A fence is longer than any run of backticks inside (CommonMark, 4.5).
    mark = "`" * max(3, *(len(fence) + 1 for fence in _FENCE.findall(text)), 3)
    return f"{mark}{language}\n{text.rstrip()}\n{mark}"
