"""Numbers in words and the lengths that a prompt asks for."""

from __future__ import annotations

import re

import msgspec

from headwater.story.texts import listed

_UNITS = listed(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = listed("_ _ twenty thirty forty fifty sixty seventy eighty ninety")
_SCALES = {"hundred": 100, "thousand": 1000}
_VALUES = {word: value for value, word in enumerate(_UNITS)} | {
    word: 10 * value for value, word in enumerate(_TENS) if word != "_"
}
_NUMBER_WORD = "|".join([*sorted(_VALUES, key=len, reverse=True), *_SCALES])
#: A number as digits or in words: "300", "1,000", "2k", "three hundred", "a thousand".
NUMBER = (
    r"(?:\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?k\b|\d+|(?:an? |half a )?(?:couple of |dozen|"
    + rf"(?:{_NUMBER_WORD})\b(?:[ -](?:and )?(?:{_NUMBER_WORD})\b)*))"
)


def number_of(text: str) -> int | None:
    """Return the whole number that ``text`` spells, in digits or in words; None when it is none."""
    low = text.lower().strip().replace(",", "")
    if re.fullmatch(r"\d{1,12}", low):
        return int(low)
    if re.fullmatch(r"\d{1,6}(\.\d+)?k", low):
        return int(float(low[:-1]) * 1000)
    if low in ("a dozen", "dozen"):
        return 12
    if low.startswith("half a "):
        whole = number_of(low.removeprefix("half a "))
        return None if whole is None else whole // 2
    if "couple" in low:
        return 2
    return _spelled(re.findall(r"[a-z]+", low))


def _spelled(words: list[str]) -> int | None:
    total, current, seen = 0, 0, False
    for word in words:
        if word in ("a", "an", "and"):
            continue
        if word in _VALUES:
            current += _VALUES[word]
        elif word in _SCALES:
            current = max(1, current) * _SCALES[word]
            total, current = (total + current, 0) if word == "thousand" else (total, current)
        else:
            return None
        seen = True
    return total + current if seen else None


def in_words(number: int) -> str:
    """Return a number below one million in words."""
    if number < 20:
        return _UNITS[number]
    if number < 100:
        return _TENS[number // 10] + (f" {_UNITS[number % 10]}" if number % 10 else "")
    for name, size in (("thousand", 1000), ("hundred", 100)):
        if number >= size:
            rest = f" {in_words(number % size)}" if number % size else ""
            return f"{in_words(number // size)} {name}{rest}"
    return str(number)


class Length(msgspec.Struct, frozen=True):
    """How long an answer should be: one of these, or none when the prompt does not say."""

    words: int = 0
    sentences: int = 0
    paragraphs: int = 0
    lines: int = 0
    size: str = ""  # "tiny", "short", "long" or "huge"

    def __bool__(self) -> bool:
        return bool(self.words or self.sentences or self.paragraphs or self.lines or self.size)


_QUALIFIER = (
    r"(?:(?:in|within|of|with|using|about|around|approximately|approx\.?|roughly|exactly|at most|at least|"
    r"under|below|over|"
    r"up to|no more than|not more than|no less than|less than|fewer than|more than|maximum(?: of)?|max\.?|"
    r"minimum(?: of)?|"
    r"min\.?|limit(?:ed)? (?:it )?to|limit:?|length:?|only|just|precisely|circa|ca\.?|~|between|and|to|is|be|"
    r"it|should|long)\s*)*"
)
_UNIT = r"(words?|sentences?|paragraphs?|lines?|pages?|stanzas?|verses?)"
_SPAN = re.compile(
    rf"[(,;]?\s*(?<!\w)(?P<lead>{_QUALIFIER})(?P<low>{NUMBER})(?:\s*(?:-|–|to|and|or)\s*(?P<high>{NUMBER}))?"
    rf"(?P<plus>\+)?[\s-]*(?:short |full |single |simple |complete )?{_UNIT}\b"
    r"(?:[\s-]*(?:long|in length|or (?:less|fewer|more)|maximum|max|minimum|total|each)\b)*\)?",
    re.I,
)
_SINGLE = re.compile(
    r"\b(?:in|as|with|of|into|to|just|only)?\s*(?:an?|one|a single)[ -](?:short |single )?(sentence|paragraph|page)\b",
    re.I,
)
_SIZES = (
    (
        "huge",
        r"\b(?:very|really|extremely|super|incredibly|extra)[ -](?:very )?(?:long|lengthy)\b|\bvery detailed\b|"
        r"\bepic\b|\bnovella\b",
    ),
    ("tiny", r"\b(?:very|really|extremely|super) (?:short|brief)\b|\btiny\b|\bmicro\b|\bflash fiction\b"),
    ("long", r"\b(?:long|lengthy|longer)\b"),
    ("short", r"\b(?:short|brief|quick|little|shorter)\b"),
)


def length_in(text: str) -> Length:
    """Return the length that ``text`` asks for."""
    for found in _SPAN.finditer(text):
        low = number_of(found["low"])
        if low is not None and low > 0:
            return _length(found, min(low, 50_000))
    found_single = _SINGLE.search(text)
    if found_single:
        unit = found_single[1].lower()
        if unit == "page":
            return Length(words=400)
        return Length(sentences=1) if unit == "sentence" else Length(paragraphs=1)
    return next((Length(size=size) for size, pattern in _SIZES if re.search(pattern, text, re.I)), Length())


def _length(found: re.Match[str], low: int) -> Length:
    unit = found[4 if found.re.groups == 4 else found.re.groups].lower().rstrip("s")
    high = number_of(found["high"]) if found["high"] else None
    amount = (low + min(high, 50_000)) // 2 if high and high > low else low
    if unit == "word":
        return Length(words=_nudged(amount, found[0].lower()))
    if unit == "page":
        return Length(words=400 * min(amount, 100))
    if unit in ("line", "verse", "stanza"):
        return Length(lines=min(amount * (4 if unit == "stanza" else 1), 2000))
    return Length(sentences=min(amount, 2000)) if unit == "sentence" else Length(paragraphs=min(amount, 500))


def _nudged(amount: int, phrase: str) -> int:
    """A little less for "under", a little more for "over": both stay close to the number that was named."""
    margin = max(1, amount * 3 // 100)
    if re.search(r"\b(under|below|less than|fewer than)\b", phrase) and "no less" not in phrase:
        return max(1, amount - margin)
    return (
        amount + margin
        if re.search(r"\b(over|more than|at least|minimum|min)\b|\+", phrase)
        and "no more" not in phrase
        and "not more" not in phrase
        else amount
    )


def without_length(text: str) -> str:
    """Return ``text`` without the words that say how long the answer should be."""
    return _SINGLE.sub(" ", _SPAN.sub(" ", text))
