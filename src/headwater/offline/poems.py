"""Writes poems: couplets that rhyme, limericks and haiku about a topic."""

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
    For {theme} I would cross the deep / While all the quiet houses sleep / The secrets that the waters keep
    / Are not for those who only weep / The little clouds are soft as sheep / The road to joy is rarely steep
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
_LIMERICKS = (
    "There once was a dreamer from Rhyme,\nWho thought about {theme} all the time.\nWhen asked for a reason,\n"
    "In every old season,\nThe answer was simply sublime.",
    "A traveller strolling through Spain\nMet {theme} in a shower of rain.\nThey both had to laugh,\n"
    "And shared half a scarf,\nAnd rode home aboard the last train.",
)
_HAIKU_FIVE = (
    "quiet morning light", "a soft wind passes", "evening settles in", "the old pond listens", "one leaf drifts away",
    "silver rain at dawn", "the night holds its breath", "small stars wake above",
)  # fmt: skip
_HAIKU_SEVEN = (
    "the whole garden holds its breath", "somewhere a small bell answers", "the path remembers our steps",
    "and the long day folds its wings", "a lantern sways in the dark", "the world is suddenly new",
)  # fmt: skip
_PADS = ("{}", "still {}", "quiet {}", "silently, {}", "in the soft light, {}", "under a pale moon, {}")


def recite(task: Task, dice: random.Random) -> Iterator[str]:
    """Yield the poem, haiku or limerick that a task asks for."""
    subject = _subject(task.topic)
    if task.kind == "haiku":
        yield _haiku(task.topic, dice)
    elif task.kind == "limerick":
        yield dice.choice(_LIMERICKS).replace("{theme}", subject)
    else:
        length = task.length
        lines = length.lines or round(length.words / _WORDS_PER_LINE) or 4 * length.paragraphs or 2 * length.sentences
        yield from _couplets(subject, max(2, min(lines or _LINES_OF_SIZE[length.size], _MOST_LINES)), dice)


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
            stanza += [
                f"{capital(line)}{',' if place % 2 == 0 and size != 3 else '.'}" for place, line in enumerate(lines)
            ]
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
    """Three lines of about five, seven and five syllables; the topic stands where it fits."""
    subject = re.sub(r"^(?:an?|the|my)\s+", "", topic, flags=re.I) or "morning"
    first = _padded(subject, 5)
    second = dice.choice(_HAIKU_SEVEN) if first else _padded(subject, 7) or subject
    first = first or dice.choice(_HAIKU_FIVE)
    third = dice.choice([line for line in _HAIKU_FIVE if line != first])
    return f"{capital(first)}\n{second}\n{third}"


def _padded(subject: str, target: int) -> str:
    missing = target - sum(_syllables(word) for word in re.findall(r"[a-z]+", subject.lower()))
    return _PADS[missing].format(subject) if 0 <= missing < len(_PADS) else ""


def _syllables(word: str) -> int:
    groups = len(re.findall(r"[aeiouy]+", word))
    is_silent = word.endswith("e") and not word.endswith("le") and groups > 1
    return max(1, groups - is_silent)
