"""Splits text into words for search, the same way for stored texts and for queries. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

#: Longer words are cut, and found by this prefix.
_MAX_WORD = 40
#: How many different words of a chat are indexed.
_MAX_WORDS = 20_000
#: How many words of a query count.
_MAX_QUERY_WORDS = 12
_PLAIN = re.compile(r"[a-z0-9]+")
_ANY = re.compile(r"[^\W_]+")
#: Scripts without spaces between words (Thai, Burmese, Khmer, kana, CJK), indexed by pairs of adjacent characters.
_DENSE = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
)
_MARKS = re.compile(r"[\u0300-\u036f]")


def words(texts: Iterable[str]) -> set[str]:
    """Return the words of texts, in lower case and without accents; pairs of characters for scripts without spaces."""
    distinct: set[str] = set()
    for text in texts:
        for word in _words(text):
            distinct.add(word)
            if len(distinct) >= _MAX_WORDS:
                return distinct
    return distinct


def query_words(query: str) -> list[str]:
    """Return the prefixes that the words of a matching chat have, all of them."""
    return list(dict.fromkeys(_words(query, is_query=True)))[:_MAX_QUERY_WORDS]


def _words(text: str, *, is_query: bool = False) -> Iterator[str]:
    # The fast path for most texts: neither accents nor scripts without spaces.
    if text.isascii():
        for word in _PLAIN.findall(text.lower()):
            yield word[:_MAX_WORD]
        return
    # A run of letters may mix scripts ("Tokyo駅"), so its dense parts are cut out of it.
    for run in _ANY.findall(_plain(text)):
        at = 0
        for dense in _DENSE.finditer(run):
            if at < dense.start():
                yield run[at : dense.start()][:_MAX_WORD]
            yield from _pairs(dense[0], is_query=is_query)
            at = dense.end()
        if at < len(run):
            yield run[at:][:_MAX_WORD]


def _plain(text: str) -> str:
    """Text without case and accents. Decomposing may produce characters that have a case, hence twice."""
    for _ in range(2):
        text = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFKD", text)))


def _pairs(run: str, *, is_query: bool) -> Iterator[str]:
    """Every two adjacent characters. Stored texts also get the last one alone, for queries of one character."""
    yield from (run[at : at + 2] for at in range(len(run) - 1))
    if len(run) == 1 or not is_query:
        yield run[-1]
