"""English in small rules: numbers in words, requested lengths, sentences, articles and plurals.

Every pattern here is applied to an instruction, which is short by construction (see ``prompt``), or is linear.
"""

from __future__ import annotations

import re
from itertools import pairwise

import msgspec


def words_of(text: str) -> frozenset[str]:
    """Return the words of a set that is written as one text."""
    return frozenset(text.split())


_UNITS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = {"dozen": 12, "hundred": 100, "thousand": 1000}
_VALUES = {word: value for value, word in enumerate(_UNITS)} | {word: 10 * value for value, word in enumerate(_TENS, 2)}
_NUMBER_WORD = "|".join(sorted([*_VALUES, *_SCALES], key=len, reverse=True))
_NUMBER = (
    r"(?:\d{1,3}(?:,\d{3})+|\d{1,7}(?:\.\d{1,3})?k?\b|(?:an? )?"
    rf"(?:{_NUMBER_WORD})\b(?:[ -](?:and )?(?:{_NUMBER_WORD})\b){{0,6}})"
)
_SPAN = re.compile(
    rf"(?<![\w.])(?P<low>{_NUMBER})(?:\s?(?:-|\u2013|to|and|or)\s?(?P<high>{_NUMBER}))?(?P<plus>\+)?[ -]?"
    r"(?:short |full |single |simple |complete |rhyming )?(?P<unit>word|sentence|paragraph|line|verse|stanza|page)s?\b"
    r"(?: (?:long|in length|in total|or (?:less|fewer|more)|max(?:imum)?|min(?:imum)?|at most|each)\b)?\)?",
    re.I,
)
_SINGLE = re.compile(r"\b(?:an?|one)[ -](?:short |single |brief )?(?P<unit>sentence|line|paragraph|page)\b", re.I)
_QUALIFIER = re.compile(
    r"(?:[(,;]?\s?\b(?:in|within|of|with|using|about|around|approximately|roughly|exactly|at|most|least|under|below|"
    r"over|up|to|no|not|more|less|fewer|than|maximum|max|minimum|limited|only|just|between|is|be|it|should)\b)+\s?$",
    re.I,
)
_SIZES = (
    ("huge", r"\b(?:very|really|extremely|super|extra)[ -](?:long|lengthy|detailed)\b|\bepic\b|\bnovella\b"),
    ("tiny", r"\b(?:very|really|extremely) (?:short|brief)\b|\btiny\b"),
    ("long", r"\b(?:long|lengthy|longer|detailed|comprehensive|in detail)\b"),
    ("short", r"\b(?:short|brief|briefly|quick|little|shorter)\b"),
)
#: Larger than any answer that is useful, and small enough to finish.
_MOST_WORDS = 50_000

_UNUSUAL_PLURALS = {
    "mouse": "mice", "goose": "geese", "child": "children", "man": "men", "woman": "women", "wolf": "wolves",
    "elf": "elves", "thief": "thieves", "sheep": "sheep", "fish": "fish", "deer": "deer", "hero": "heroes",
}  # fmt: skip
_SINGULARS = {many: one for one, many in _UNUSUAL_PLURALS.items()}
_VOWEL_SOUND = re.compile(r"(?:hour|honest|heir)|(?!uni|use|usu|eu|one\b|once)[aeiou]", re.I)
# Possessive, and only at the start of a run of marks: linear on a text of a million dots.
_SENTENCE_END = re.compile(r"(?<![.!?])[.!?]++[\"\u201d')]*+(?=\s|$)")


class Length(msgspec.Struct, frozen=True):
    """How long an answer should be: at most one field is set."""

    words: int = 0
    sentences: int = 0
    paragraphs: int = 0
    lines: int = 0
    size: str = ""  # "tiny", "short", "long" or "huge"


def number_of(text: str) -> int | None:
    """Return the whole number that ``text`` spells in digits or in words, or None."""
    low = text.lower().strip().replace(",", "")
    if re.fullmatch(r"\d{1,7}(?:\.\d{1,3})?k|\d{1,7}", low):
        return int(float(low[:-1]) * 1000) if low.endswith("k") else int(low)
    words = [word for word in re.findall(r"[a-z]+", low) if word not in ("a", "an", "and")]
    total = current = 0
    for word in words:
        if word in _SCALES:
            total, current = total + max(1, current) * _SCALES[word], 0
        elif word in _VALUES:
            current += _VALUES[word]
        else:
            return None
    return total + current if words else None


def in_words(number: int) -> str:
    """Return a number in words; digits from one hundred on."""
    if number < 20:
        return _UNITS[number]
    tens, units = divmod(number, 10)
    return str(number) if number > 99 else _TENS[tens - 2] + (f" {_UNITS[units]}" if units else "")


def length_in(instruction: str) -> Length:
    """Return the length that an instruction asks for."""
    for found in _SPAN.finditer(instruction):
        lead = _QUALIFIER.search(instruction[max(0, found.start() - 60) : found.start()])
        low, high = number_of(found["low"]), number_of(found["high"] or "")
        if low:
            amount = min((low + high) // 2 if high and high > low else low, _MOST_WORDS)
            return _length(found["unit"].lower(), amount, f"{lead[0] if lead else ''} {found[0]}".lower())
    if single := _SINGLE.search(instruction):
        return _length(single["unit"].lower(), 1, "")
    return next((Length(size=size) for size, pattern in _SIZES if re.search(pattern, instruction, re.I)), Length())


def _length(unit: str, amount: int, phrase: str) -> Length:
    match unit:
        case "word" if re.search(r"\b(?:under|below|less than|fewer than)\b", phrase):
            return Length(words=amount - amount * 3 // 100)
        case "word" if re.search(r"\b(?:over|more than|at least)\b|\+", phrase) and "no more" not in phrase:
            return Length(words=amount + amount * 3 // 100)
        case "word" | "page":
            return Length(words=amount if unit == "word" else 400 * min(amount, 100))
        case "line" | "verse" | "stanza":
            return Length(lines=min(amount, 500) * (4 if unit == "stanza" else 1))
        case "sentence":
            return Length(sentences=min(amount, 2000))
    return Length(paragraphs=min(amount, 500))


def without_length(instruction: str) -> str:
    """Return an instruction without the words that say how long the answer should be."""
    ends = [0, *(found.end() for found in _SPAN.finditer(instruction))]
    starts = [*(found.start() for found in _SPAN.finditer(instruction)), len(instruction)]
    pieces = [instruction[end:start] for end, start in zip(ends, starts, strict=True)]
    return " ".join([*(piece[:-60] + _QUALIFIER.sub("", piece[-60:]) for piece in pieces[:-1]), pieces[-1]])


def capital(text: str) -> str:
    """Return ``text`` with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def with_article(phrase: str) -> str:
    """Return ``phrase`` with "a" or "an" before it."""
    return f"{'an' if _VOWEL_SOUND.match(phrase) else 'a'} {phrase}"


def joined(items: list[str]) -> str:
    """Return the items as English lists them: "a, b and c"."""
    return f"{', '.join(items[:-1])} and {items[-1]}" if len(items) > 1 else "".join(items)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: "1 word", "3 words"."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """Return the plural of a noun, or of the last word of a phrase."""
    head, space, last = noun.rpartition(" ")
    low = last.lower()
    if low in _UNUSUAL_PLURALS:
        return head + space + _UNUSUAL_PLURALS[low]
    if low.endswith("y") and low[-2:-1] not in ("a", "e", "i", "o", "u"):
        return noun[:-1] + "ies"
    return noun + ("es" if low.endswith(("s", "x", "z", "ch", "sh")) else "s")


def singular(noun: str) -> str:
    """Return the singular of one plural noun; a noun that is singular already stays."""
    low = noun.lower()
    if low in _SINGULARS:
        return _SINGULARS[low]
    if len(low) < 4 or low.endswith(("ss", "us", "is", "ics", "news")):
        return noun
    if low.endswith("ies") and len(low) > 4:
        return noun[:-3] + "y"
    if low.endswith(("xes", "ches", "shes", "sses", "zzes")):
        return noun[:-2]
    return noun[:-1] if low.endswith("s") else noun


def plain_words(phrase: str) -> str:
    """Return a phrase as plain words: no quotes, marks or possessive endings, so that all ways to count agree."""
    return " ".join(re.sub(r"['\u2019]s\b|[^\w\s'\u2019]|_", " ", phrase).translate({39: "", 0x2019: ""}).split())


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a text without headings, code and list marks; a line of a list counts as a sentence."""
    found: list[str] = []
    for block in _blocks(text):
        ends = [0, *(end.end() for end in _SENTENCE_END.finditer(block)), len(block)]
        found += [block[start:end].strip() for start, end in pairwise(ends)]
    return [sentence for sentence in found if any(letter.isalpha() for letter in sentence)]


def _blocks(text: str) -> list[str]:
    """Paragraphs, their wrapped lines joined, and the lines of lists; headings, tables and code are left out."""
    blocks: list[list[str]] = [[]]
    fenced = False
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith("```"):
            fenced = not fenced
        elif not bare or fenced or bare.startswith(("#", "|", ">>>")) or re.fullmatch(r"\*\*[^*]{1,200}\*\*", bare):
            blocks.append([])
        elif mark := re.match(r"(?:[-*+\u2022]|\d{1,3}[.)])\s+", bare):
            blocks.append([bare[mark.end() :]])
        else:
            blocks[-1].append(bare)
    return [" ".join(block) for block in blocks if block]
