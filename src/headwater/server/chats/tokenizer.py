"""Text to the words by which it is found: the same for what is kept and for what is asked. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

#: Longer words are found by how they begin.
_LONGEST = 40
#: So many different words of a chat are kept.
_MOST = 20_000
#: So many words of a question count.
_MOST_ASKED = 12
_PLAIN = re.compile(r"[a-z0-9]+")
_ANY = re.compile(r"[^\W_]+")
#: Scripts that put no spaces between words: they are found by every two characters that stand together.
_DENSE = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
)
_MARKS = re.compile(r"[\u0300-\u036f]")


def words(texts: Iterable[str]) -> set[str]:
    """Return the words of texts: lower case, without accents; of scripts without spaces, the pairs of characters."""
    found: set[str] = set()
    for text in texts:
        for word in _words(text):
            found.add(word)
            if len(found) >= _MOST:
                return found
    return found


def query_words(query: str) -> list[str]:
    """Return how the words begin that a chat must have, all of them."""
    return list(dict.fromkeys(_words(query, is_query=True)))[:_MOST_ASKED]


def _words(text: str, *, is_query: bool = False) -> Iterator[str]:
    if text.isascii():
        for word in _PLAIN.findall(text.lower()):
            yield word[:_LONGEST]
        return
    for run in _ANY.findall(_plain(text)):
        at = 0
        for dense in _DENSE.finditer(run):
            if at < dense.start():
                yield run[at : dense.start()][:_LONGEST]
            yield from _pairs(dense[0], is_query=is_query)
            at = dense.end()
        if at < len(run):
            yield run[at:][:_LONGEST]


def _plain(text: str) -> str:
    """Text without case and accents. Once is not enough: what is taken apart may turn out to have a case."""
    for _ in range(2):
        text = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFKD", text)))


def _pairs(run: str, *, is_query: bool) -> Iterator[str]:
    """Every two characters that stand together; of what is kept the last one by itself, too."""
    yield from (run[at : at + 2] for at in range(len(run) - 1))
    if len(run) == 1 or not is_query:
        yield run[-1]
