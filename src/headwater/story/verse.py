"""The poet: couplets that rhyme, limericks and haiku about the topic of the prompt."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from headwater.story import rhymes
from headwater.story.bags import Bags
from headwater.story.texts import article, capital, is_plural, plural

_LINES = 16


def poem(theme: str, lines: int, dice: random.Random) -> Iterator[str]:
    """Yield a poem of rhyming couplets, a stanza of four lines at a time; ``lines`` 0 means as many as feel right."""
    number = lines or _LINES
    bags = Bags(dice)
    subject = _subject(theme)
    written = 0
    while written < number:
        stanza: list[str] = []
        size = min(4, number - written) if number - written != 5 else 2
        while len(stanza) < size:
            rest = size - len(stanza)
            stanza += _rhymed(bags, subject, 3 if rest == 3 else min(2, rest), named=not stanza and written % 8 == 0)
        written += len(stanza)
        yield "\n".join(_punctuated(stanza)) + ("\n\n" if written < number else "")


def _rhymed(bags: Bags, subject: str, lines: int, named: bool) -> list[str]:
    """Lines of one family; the one that names the topic comes first where it should."""
    family = rhymes.FAMILIES[int(bags.draw("family", [str(place) for place in range(len(rhymes.FAMILIES))]))]
    first = [family[0].replace("{theme}", subject)] if named or bags.dice.random() < 0.4 else []
    return first + [bags.draw(f"line {family[0]}", family[1:]) for _ in range(lines - len(first))]


def _punctuated(lines: list[str]) -> list[str]:
    return [
        capital(line) + ("," if place % 2 == 0 and place + 1 < len(lines) else ".") for place, line in enumerate(lines)
    ]


def _subject(theme: str) -> str:
    """The topic as it stands in a line: without a leading "a", in the plural where it can be counted."""
    if theme in ("", "this"):
        return "lanterns"
    bare = re.sub(r"^(?:an?|one)\s+", "", theme, flags=re.I)
    if bare != theme and not is_plural(bare) and len(bare.split()) <= 2:
        return plural(bare)
    return theme if len(theme.split()) <= 6 else " ".join(theme.split()[:6])


def limerick(theme: str, dice: random.Random) -> str:
    """Return a limerick."""
    lines = dice.choice(rhymes.LIMERICKS)
    return "\n".join(_ended([line.replace("{theme}", _subject(theme)) for line in lines]))


def _ended(lines: list[str]) -> list[str]:
    return [line + mark for line, mark in zip(lines, (",", ".", ",", ",", "."), strict=True)]


def syllables(text: str) -> int:
    """Return about how many syllables ``text`` has."""
    total = 0
    for word in re.findall(r"[a-z]+", text.lower()):
        groups = len(re.findall(r"[aeiouy]+", word))
        silent = word.endswith("e") and not word.endswith("le") and groups > 1
        total += max(1, groups - silent)
    return total


def haiku(theme: str, dice: random.Random) -> str:
    """Return three lines of five, seven and five syllables; the topic stands in the first or second where it fits."""
    subject = re.sub(r"^(?:an?|the)\s+", "", theme, flags=re.I) or "morning"
    first = _padded(subject, 5) or dice.choice(rhymes.HAIKU_FIVE)
    second = dice.choice(rhymes.HAIKU_SEVEN)
    if not _padded(subject, 5):
        second = _padded(subject, 7) or f"{subject}, and silence"
    return "\n".join((capital(first), second, dice.choice([line for line in rhymes.HAIKU_FIVE if line != first])))


_PADS = {0: "", 1: "still {}", 2: "quiet {}", 3: "silently, {}", 4: "in the soft light, {}", 5: "under a pale moon, {}",
         6: "in the early morning, {}"}  # fmt: skip


def _padded(subject: str, target: int) -> str:
    missing = target - syllables(subject)
    if missing not in _PADS:
        return ""
    return (_PADS[missing] or "{}").replace("{}", subject)


def reply_in_verse(theme: str, dice: random.Random) -> Iterator[str]:
    """Yield a short answer in rhyme, for a storyteller who was told to rhyme."""
    about = _subject(theme)
    yield f"You ask of {about}, I hear you say,\nAnd so I will rhyme for you today.\n"
    yield from poem(theme, 4, dice)


def ode_title(theme: str) -> str:
    """Return the title of a poem."""
    return f"**{capital(_subject(theme))}**" if theme else f"**{capital(article('small song'))}**"
