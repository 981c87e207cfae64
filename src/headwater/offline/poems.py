"""Writes poems: couplets that rhyme, and haiku about a topic."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from headwater.offline.english import capital, plural, singular
from headwater.offline.stories import Bags
from headwater.offline.tasks import Task

_LINES_OF_SIZE = {"tiny": 4, "short": 8, "": 16, "long": 32, "huge": 100}
_WORDS_PER_LINE = 7
_MOST_LINES = 2000
#: Two lines of text are a family: its verses end in words that rhyme and are spelled alike; the first names the topic.
_RHYMES = """
    I dream of {theme} in the night / When stars are small and clear and bright / A window holds a golden light
    / And every worry takes to flight / How soft the moon, how wide the sight / And all that once was wrong feels right
    I think of {theme} every day / As bright and mild as days in May / The wind comes by and wants to play
    / It has a thousand things to say / Oh let the gentle hours stay / And carry all my cares away
    Now hear of {theme}, soft and low / The rivers turn, the gardens grow / There is so much I want to know
    / The lantern has a quiet glow / The winter leaves its coat of snow / And gentle winds begin to blow
    I count on {theme}, rain or shine / Beneath the oak, beneath the pine / The evening pours its amber wine
    / The morning draws a silver line / And every dream I dream is mine / And everything is simply fine
    I wrote of {theme} on a tree / My heart was full of simple glee / The gulls flew up so wild and free
    / We counted clouds, and there were three / And there was nothing else to see / On this the wind and I agree
    With {theme} I will stand my ground / And listen to the smallest sound / For what was lost can still be found
    / The wheel of days goes round and round / A kinder world is all around / By threads of gold our hearts are bound
    Let {theme} lead me by the hand / Across the sea, across the land / We draw our castles in the sand
    / And there are things we understand / Without a rule, without command / And merry is our little band
""".strip().splitlines()
_FAMILIES = [
    f"{first.strip()} {second.strip()}".split(" / ") for first, second in zip(_RHYMES[::2], _RHYMES[1::2], strict=True)
]
_HAIKU_ENDS = ("quiet morning light", "a soft wind passes", "evening settles in", "silver rain at dawn")
_HAIKU_MIDDLES = ("in the soft light, {}", "the old path leads to {}", "somewhere, softly, {}")


def recite(task: Task, dice: random.Random) -> Iterator[str]:
    """Yield the poem or haiku that a task asks for."""
    if task.kind == "haiku":
        yield _haiku(task.topic, dice)
        return
    length = task.length
    lines = length.lines or round(length.words / _WORDS_PER_LINE) or 4 * length.paragraphs or 2 * length.sentences
    yield from _couplets(_subject(task.topic), max(2, min(lines or _LINES_OF_SIZE[length.size], _MOST_LINES)), dice)


def _couplets(subject: str, number: int, dice: random.Random) -> Iterator[str]:
    """Stanzas of four lines in rhyming pairs; an odd number of lines ends in three that rhyme."""
    bags = Bags(dice)
    families = [str(place) for place in range(len(_FAMILIES))]
    written = 0
    while written < number:
        left = number - written
        # Five lines left are a pair and three: a single line would rhyme with nothing.
        sizes = (3,) if left == 3 else (2,) if left in (2, 5) else (2, 2)
        stanza: list[str] = []
        for size in sizes:
            first, *others = _FAMILIES[int(bags.draw("family", families))]
            lines = [first.replace("{theme}", subject)] if written % 8 == 0 and not stanza else []
            lines += [bags.draw(first, others) for _ in range(size - len(lines))]
            marks = "..." if size == 3 else ",."
            stanza += [capital(line) + mark for line, mark in zip(lines, marks, strict=True)]
        written += len(stanza)
        yield "\n".join(stanza) + ("\n\n" if written < number else "")


def _subject(topic: str) -> str:
    """The topic as it stands in a line: what can be counted in the plural, without its article."""
    words = re.sub(r"^my\b", "your", topic).split()[:6]
    if not words:
        return "lanterns"
    if words[0].lower() in ("a", "an", "one") and len(words) in (2, 3) and singular(words[-1]) == words[-1]:
        return plural(" ".join(words[1:]))
    return " ".join(words)


def _haiku(topic: str, dice: random.Random) -> str:
    """Three lines, the topic in the middle one."""
    # Only the first and the last line have five syllables for certain: counting those of any topic takes a dictionary.
    subject = re.sub(r"^(?:an?|the|my)\s+", "", topic, flags=re.I) or "morning"
    first, last = dice.sample(_HAIKU_ENDS, 2)
    return f"{capital(first)}\n{dice.choice(_HAIKU_MIDDLES).replace('{}', subject)}\n{last}"
