"""The shapes: lists, tables, code, e-mails and counting, made to the size that was asked for."""

from __future__ import annotations

import random
import re

from headwater.story.bags import Bags
from headwater.story.lengths import in_words
from headwater.story.texts import capital, plural
from headwater.story.topics import keywords

_KNOWN_ITEMS = {
    "colors": "red orange yellow green blue indigo violet pink brown black white grey turquoise gold silver",
    "colours": "red orange yellow green blue indigo violet pink brown black white grey turquoise gold silver",
    "fruits": "apple banana cherry grape lemon mango orange peach pear plum raspberry strawberry apricot melon fig",
    "vegetables": "carrot potato tomato cucumber onion spinach broccoli pepper pumpkin celery leek radish beetroot pea",
    "animals": "cat dog horse elephant tiger rabbit penguin dolphin owl fox bear wolf giraffe turtle otter",
    "planets": "Mercury Venus Earth Mars Jupiter Saturn Uranus Neptune",
    "cities": "Paris London Tokyo Cairo Sydney Toronto Lima Nairobi Oslo Mumbai Seoul Rome Lisbon Vienna Dublin",
    "countries": "France Japan Kenya Brazil Canada India Norway Egypt Peru Australia Italy Vietnam Morocco "
    "Chile Poland",
    "languages": "Python JavaScript Rust Go Java Kotlin Swift Ruby Haskell Julia Scala Elixir TypeScript Perl Lua",
    "days": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "months": "January February March April May June July August September October November December",
    "flowers": "rose tulip daisy lily sunflower orchid poppy violet iris lavender dahlia peony",
    "birds": "robin sparrow eagle owl swan heron kingfisher crow finch falcon stork wren",
    "instruments": "piano violin guitar flute drum trumpet cello harp clarinet saxophone",
    "sports": "football tennis swimming basketball rowing cycling fencing volleyball skiing climbing",
}
_IDEAS = (
    "Start a small notebook about {topic} and write one line a day", "Ask somebody older what {topic} meant "
        "when they were young",
    "Make a map of {topic} with the best parts in colour", "Spend one quiet hour on {topic} without a screen",
    "Teach a friend the simplest part of {topic}", "Build the smallest possible version of {topic}",
    "Turn {topic} into a game for a rainy afternoon", "Collect ten questions about {topic} and answer three",
    "Take one photograph a week that says something about {topic}", "Write a letter about {topic} to your future self",
    "Invite neighbours to an evening on {topic}", "Compare two very different views of {topic}",
    "Find the oldest thing you can about {topic}", "Cook or craft something inspired by {topic}",
    "Record a short interview about {topic}", "Set a goal for {topic} that fits into a week",
    "Visit a place that has to do with {topic}", "Read one good book about {topic} and lend it on",
    "Make a poster that explains {topic} at a glance", "Swap tips on {topic} with someone from another town",
)  # fmt: skip
_NAMES = (
    "{Topic} Corner",
    "The Little {Topic}",
    "Bright {Topic}",
    "{Topic} and Friends",
    "Golden {Topic}",
    "The {Topic} House",
    "North Star {Topic}",
    "Wild {Topic}",
    "{Topic} Lane",
    "Hello {Topic}",
    "Blue {Topic}",
    "{Topic} Works",
    "Lantern {Topic}",
    "Royal {Topic}",
    "{Topic} Collective",
    "Morning {Topic}",
)


def items_about(noun: str, topic: str, number: int, dice: random.Random) -> list[str]:
    """Return ``number`` different things: of a kind that is known, names, or ideas about the topic."""
    bags = Bags(dice)
    words = [word.lower() for word in noun.split()]
    known = next((_KNOWN_ITEMS[key] for word in words for key in (word, plural(word)) if key in _KNOWN_ITEMS), "")
    about = topic or noun or "it"
    if known:
        source = known.split()
    elif {"name", "names", "title", "titles", "slogans", "taglines"} & set(words):
        short = " ".join(word.capitalize() for word in keywords(about, 2)) or "Lantern"
        source = [pattern.replace("{Topic}", short) for pattern in _NAMES]
    else:
        source = [pattern.replace("{topic}", about) for pattern in _IDEAS]
    found = (
        source[:number]
        if known and words[-1] in ("days", "months", "planets")
        else [bags.draw("item", source) for _ in range(min(number, len(source)))]
    )
    if known and len(found) < number and words[-1] in ("days", "months", "planets"):
        return found
    return found + [f"{capital(about)}, variation {place}" for place in range(len(found) + 1, number + 1)]


def numbered(items: list[str], *, bullets: bool = False) -> str:
    """Return a Markdown list."""
    return "\n".join(f"- {item}" if bullets else f"{place}. {item}" for place, item in enumerate(items, 1))


def counting(text: str) -> str:
    """Return the numbers that "count from 1 to 10" asks for; empty when ``text`` asks for no counting."""
    found = re.search(
        r"\bcount\w*\b(?:\s+\w+){0,3}?\s*(?:(?:from|between)\s+(\d{1,4})\s*)?(?:up to|down to|to|and|-|"
        r"until)\s*(\d{1,4})\b",
        text,
        re.I,
    )
    if not found:
        return ""
    start, end = int(found[1]) if found[1] is not None else (1 if int(found[2]) > 0 else 10), int(found[2])
    numbers = [*range(start, end + (1 if end >= start else -1), 1 if end >= start else -1)][:5000]
    spelled = re.search(r"\b(?:in words|spelled)\b", text, re.I) is not None
    between = "\n" if re.search(r"\b(?:line|newline|per line)\b", text, re.I) else ", "
    return between.join(in_words(number) if spelled else str(number) for number in numbers)


_ASPECTS = ("Purpose", "Strength", "Weakness", "Learning curve", "Typical use", "Good choice when")
_REMARKS = (
    ("does one thing and does it clearly", "covers a wider field with fewer limits"),
    ("quick to begin with", "rewards long experience"),
    ("can feel narrow in large projects", "can feel heavy in small ones"),
    ("gentle for beginners", "steeper, with a good view from the top"),
    ("everyday work and small experiments", "larger plans with several people"),
    ("simplicity matters most", "reach matters most"),
)


def comparison(first: str, second: str, dice: random.Random) -> str:
    """Return a Markdown table that compares two things, with a word of caution."""
    flip = dice.random() < 0.5
    rows = [f"| | {capital(first)} | {capital(second)} |", "| --- | --- | --- |"]
    for aspect, remarks in zip(_ASPECTS, _REMARKS, strict=True):
        left, right = reversed(remarks) if flip else remarks
        rows.append(f"| {aspect} | {left} | {right} |")
    closing = (
        f"\n\nIn short, {first} and {second} differ less in rank than in temperament. This table was written "
        f"offline, by rule and "
        "without knowledge of either, so please check every cell before you decide."
    )
    return "\n".join(rows) + closing


def email(topic: str, recipient: str, sender: str) -> str:
    """Return a polite e-mail about ``topic``."""
    return (
        f"Subject: {capital(topic)}\n\nDear {recipient or 'Sir or Madam'},\n\n"
        f"I hope this message finds you well. I am writing to you about {topic}.\n\n"
        f"I would be glad to talk about {topic} at a time that suits you, and I am happy to send more details "
        f"in advance. "
        "If anything is unclear, please let me know, and I will answer as soon as I can.\n\n"
        f"Thank you very much for your time.\n\nKind regards,\n{sender or '[Your name]'}"
    )
