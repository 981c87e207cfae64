"""Where text may be cut: between grapheme clusters, which readers see as characters (Unicode, UAX #29).

The standard library does not know clusters, but it knows categories and combining classes. If the two differ, these
rules join more (a virama with every letter after it), so that no cluster is ever cut.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_ZWJ = "\u200d"
#: What joins with the character before it, besides marks: joiners, skin tones, tags, half-width voice marks, SARA AM.
_EXTENDS = frozenset("\u200c\u200d\uff9e\uff9f\u0e33\u0eb3") | {
    chr(code) for codes in (range(0x1F3FB, 0x1F400), range(0xE0020, 0xE0080)) for code in codes
}
#: What joins with the character after it.
_PREPENDS = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\u0d4e"
    "\U000110bd\U000110cd\U000111c2\U000111c3\U000113d1\U0001193f\U00011941\U00011a3a\U00011a84\U00011a85"
    "\U00011a86\U00011a87\U00011a88\U00011a89\U00011d46\U00011f02"
)
_VIRAMA = 9  # a combining class


def is_boundary(text: str, at: int, since: int = 0) -> bool:
    """Return whether ``text`` may be cut before its character ``at``; ``since`` is a boundary before it."""
    if not since < at < len(text):
        return True
    before, after = text[at - 1], text[at]
    if before < "\x80" and after < "\x80":
        return before != "\r" or after != "\n"
    if _is_flag_letter(before) and _is_flag_letter(after):
        return _flag_letters(text, at, since) % 2 == 0
    return not _joins(before, after)


def last_cluster(text: str) -> int:
    """Return where the last cluster of ``text`` begins; 0 if there is only one."""
    at = len(text) - 1
    while at > 0 and not is_boundary(text, at):
        at -= 1
    return max(at, 0)


@lru_cache(maxsize=4096)
def _joins(before: str, after: str) -> bool:
    if before in "\r\n" or after in "\r\n":
        return False
    if after in _EXTENDS or unicodedata.category(after).startswith("M"):
        return True
    if before == _ZWJ:
        return not after.isspace()
    if before in _PREPENDS:
        return unicodedata.category(after) != "Cc"
    if unicodedata.combining(before) == _VIRAMA:
        return unicodedata.category(after) == "Lo"
    return _joins_as_jamo(before, after)


def _joins_as_jamo(before: str, after: str) -> bool:
    """Whether two letters belong to one Hangul syllable that is written in pieces."""
    if "\u1160" <= after <= "\u11ff" or "\ud7b0" <= after <= "\ud7ff":  # vowels and finals
        return "\u1100" <= before <= "\u11ff" or "\ua960" <= before <= "\ua97f" or "\uac00" <= before <= "\ud7ff"
    if "\u1100" <= before <= "\u115f" or "\ua960" <= before <= "\ua97f":  # initials
        return "\u1100" <= after <= "\u115f" or "\ua960" <= after <= "\ua97f" or "\uac00" <= after <= "\ud7a3"
    return False


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flag_letters(text: str, at: int, since: int) -> int:
    """The number of flag letters in a row before ``at``: two are a flag."""
    start = at
    while start > since and _is_flag_letter(text[start - 1]):
        start -= 1
    return at - start
