"""Small tools for English text: sentences, words, articles, plurals and the forms of verbs."""

from __future__ import annotations

import re
from collections.abc import Iterator

_SENTENCE = re.compile(r"[^.!?\n]*(?:[.!?](?![\s\"\u201d')]|$)[^.!?\n]*)*[.!?]*[\"\u201d')]*\s*")
_UNUSUAL_PLURALS = {
    "mouse": "mice", "goose": "geese", "child": "children", "man": "men", "woman": "women", "person": "people",
    "wolf": "wolves", "elf": "elves", "leaf": "leaves", "knife": "knives", "thief": "thieves", "foot": "feet",
    "tooth": "teeth", "sheep": "sheep", "fish": "fish", "deer": "deer", "life": "lives", "dwarf": "dwarves",
    "ox": "oxen", "hero": "heroes", "potato": "potatoes", "tomato": "tomatoes", "fireman": "firemen",
    "fisherman": "fishermen", "snowman": "snowmen", "policeman": "policemen",
}  # fmt: skip
_SINGULARS = {plural: single for single, plural in _UNUSUAL_PLURALS.items() if plural != single}
_SILENT_VOWELS = re.compile(r"^(uni|use|usu|eu|one\b|once|ufo)", re.I)
_SPOKEN_VOWELS = re.compile(r"^(hour|honest|heir|honou?r)", re.I)


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of ``text`` with the blanks that follow them; joined they are the text again."""
    start = 0
    for found in re.finditer(r"[.!?]+[\"\u201d')]*(?=\s|$)\s*|\n+", text):
        yield text[start : found.end()]
        start = found.end()
    if start < len(text):
        yield text[start:]


def sentence_list(text: str) -> list[str]:
    """Return the sentences of ``text`` without headings, list marks and the blanks between them."""
    found = (re.sub(r"^(#+|[-*]|\d+[.)])\s+", "", sentence.strip()) for sentence in sentences(text))
    return [sentence for sentence in found if re.search(r"\w.*[.!?][\"\u201d')]*$", sentence, re.DOTALL)]


def listed(text: str) -> tuple[str, ...]:
    """Return the words of a list that is written as one text with blanks between them."""
    return tuple(text.split())


def words(text: str) -> list[str]:
    """Return the words of ``text`` without punctuation."""
    return re.findall(r"\w+(?:['\u2019]\w+)?", text)


def article(phrase: str) -> str:
    """Return ``phrase`` with "a" or "an" before it."""
    vowel = phrase[:1].lower() in ("a", "e", "i", "o", "u") and phrase[:1] != ""
    vowel = (vowel and not _SILENT_VOWELS.match(phrase)) or _SPOKEN_VOWELS.match(phrase) is not None
    return f"{'an' if vowel else 'a'} {phrase}"


def plural(noun: str) -> str:
    """Return the plural of a noun, or of the last word of a phrase."""
    head, _, last = noun.rpartition(" ")
    low = last.lower()
    if low in _UNUSUAL_PLURALS:
        many = _UNUSUAL_PLURALS[low]
    elif re.search(r"(s|x|z|ch|sh)$", low):
        many = last + "es"
    elif re.search(r"[^aeiou]y$", low):
        many = last[:-1] + "ies"
    else:
        many = last + "s"
    return f"{head} {many}".strip()


def singular(noun: str) -> str:
    """Return the singular of a plural noun; a noun that is singular already stays."""
    head, _, last = noun.rpartition(" ")
    low = last.lower()
    one = last
    if low in _SINGULARS:
        one = _SINGULARS[low]
    elif low.endswith("ies") and len(low) > 4:
        one = last[:-3] + "y"
    elif re.search(r"(ss|us|is|ics|news)$", low) or low in _UNUSUAL_PLURALS.values():
        one = last
    elif re.search(r"(x|ch|sh|ss|zz)es$", low):
        one = last[:-2]
    elif low.endswith("s") and len(low) > 2:
        one = last[:-1]
    return f"{head} {one}".strip()


def is_plural(noun: str) -> bool:
    """Whether the last word of a phrase looks like a plural."""
    return singular(noun) != noun


def gerund(verb: str) -> str:
    """Return the -ing form of a verb."""
    if re.search(r"[^aeiou]e$|[aeiou][^aeiou]e$|ue$", verb) and not verb.endswith("ee"):
        return verb[:-1] + "ing"
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if re.fullmatch(r"[^aeiou]*[aeiou][^aeiouwxy]", verb):
        return verb + verb[-1] + "ing"
    return verb + "ing"


def base_form(verb: str) -> str:
    """Return the base form of a verb in the third person: "learns" gives "learn"."""
    unusual = {"is": "be", "has": "have", "does": "do", "goes": "go"}
    if verb in unusual:
        return unusual[verb]
    if verb.endswith("ies") and len(verb) > 4:
        return verb[:-3] + "y"
    if re.search(r"(ch|sh|ss|x|zz)es$", verb):
        return verb[:-2]
    return verb[:-1] if verb.endswith("s") and not verb.endswith("ss") else verb


def capital(text: str) -> str:
    """Return ``text`` with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def joined(items: list[str], last: str = "and") -> str:
    """Return the items as English lists them: "a, b and c"."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"
