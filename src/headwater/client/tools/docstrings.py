"""Parses docstrings in Google, NumPy and reST style into the text and a description of each parameter.

The descriptions move into the schema of the parameters, so they are cut from the text: the model would read them
twice. Sections that are not recognized stay in the text. A heading without entries below is not a section.
"""

from __future__ import annotations

import inspect
import re
from typing import NamedTuple

_GOOGLE = re.compile(r"(?:Args|Arguments|Params|Parameters|Attributes|Keyword Arg(?:ument)?s|Other Parameters):\s*$")
_GOOGLE_ENTRY = re.compile(r"\*{0,2}(\w+)\s*(?:\(.*?\))?\s*:(?:\s+(.*))?$")
_NUMPY = re.compile(r"(?:Parameters|Other Parameters|Attributes)\s*$")
_NUMPY_ENTRY = re.compile(r"(\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?$")
# NumPy underlines its headings.
_RULE = re.compile(r"-{3,}\s*$")
_REST_ENTRY = re.compile(r"[:@]param(?:eter)?\s+(?:[^:]*\s)?\*{0,2}(\w+)\s*:\s*(.*)$")
_REST_TYPE = re.compile(r"[:@]type\s+\w+\s*:")


class ParsedDocstring(NamedTuple):
    """A parsed docstring; ``text`` is the rest without the descriptions of parameters."""

    text: str
    parameters: dict[str, str]


def parse_docstring(docstring: str | None) -> ParsedDocstring:
    """Return the text of a docstring and its descriptions of parameters."""
    lines = inspect.cleandoc(docstring or "").splitlines()
    kept: list[str] = []
    found: dict[str, str] = {}
    at = 0
    while at < len(lines):
        end, entries = _section(lines, at)
        found |= entries
        if end == at:
            kept.append(lines[at])
            end = at + 1
        at = end
    return ParsedDocstring(re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip(), found)


def _section(lines: list[str], at: int) -> tuple[int, dict[str, str]]:
    """Return the end of the parameter section that begins on this line, and its entries; ``at`` if none begins."""
    # reST entries begin with a colon, Google's heading ends with one, NumPy's is underlined: no line is two of these.
    line, following = lines[at], lines[at + 1] if at + 1 < len(lines) else ""
    if _REST_TYPE.match(line):
        return at + 1, {}
    rest = _REST_ENTRY.match(line)
    if rest is not None:
        end = _while_indented(lines, at + 1, blanks=False)
        return end, {rest[1]: _join([rest[2], *lines[at + 1 : end]])}
    if _GOOGLE.match(line):
        end = _while_indented(lines, at + 1)
        entries = _entries(inspect.cleandoc("\n".join(["", *lines[at + 1 : end]])), _GOOGLE_ENTRY)
    elif _NUMPY.match(line) and _RULE.match(following):
        end = _next_title(lines, at + 2)
        entries = _entries("\n".join(lines[at + 2 : end]), _NUMPY_ENTRY)
    else:
        return at, {}
    return (end, entries) if entries else (at, {})


def _while_indented(lines: list[str], at: int, *, blanks: bool = True) -> int:
    while at < len(lines) and (lines[at][:1].isspace() or (blanks and not lines[at])):
        at += 1
    return at


def _next_title(lines: list[str], at: int) -> int:
    """Return the line of the next underlined title, or the end."""
    for place in range(at, len(lines) - 1):
        if lines[place] and _RULE.match(lines[place + 1]):
            return place
    return len(lines)


def _entries(body: str, entry: re.Pattern[str]) -> dict[str, str]:
    """Return the entries of a section: each begins at the margin, indented lines continue it."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in body.splitlines():
        begins = None if line[:1].isspace() else entry.match(line)
        if begins is None:
            current.append(line)
            continue
        current = [begins[2] or ""] if entry.groups > 1 else []
        found |= dict.fromkeys((name.strip(" *") for name in begins[1].split(",")), current)
    return {name: text for name, lines in found.items() if (text := _join(lines))}


def _join(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())
