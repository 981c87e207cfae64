"""The values: a fitting text for a property, going by its name and by the topic of the prompt."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from headwater.story.sections import EXPLAIN
from headwater.story.texts import capital
from headwater.story.topics import keywords, subject_of
from headwater.story.words import BOYS, GIRLS

if TYPE_CHECKING:
    from headwater.story.reading import Ask

_INGREDIENTS = (
    "flour",
    "butter",
    "sugar",
    "eggs",
    "milk",
    "a pinch of salt",
    "vanilla",
    "chocolate",
    "baking powder",
    "honey",
    "cinnamon",
)
_STEPS = (
    "Gather everything that you need.",
    "Mix the dry parts first.",
    "Add the rest slowly.",
    "Let it rest for a while.",
    "Taste, adjust and serve.",
)
_FIXED = {
    "email": "reader@example.com",
    "mail": "reader@example.com",
    "url": "https://example.com",
    "link": "https://example.com",
    "website": "https://example.com",
    "uri": "https://example.com",
    "phone": "+1 555 0100",
    "currency": "EUR",
    "unit": "piece",
    "country": "France",
    "city": "Paris",
    "location": "Paris",
    "language": "English",
    "date": "2025-06-01",
    "time": "09:30",
    "address": "1 Harbour Street, Paris",
    "sentiment": "positive",
    "status": "ready",
    "level": "beginner",
    "difficulty": "easy",
}


def text_for(name: str, ask: Ask, lot: int, description: str = "") -> str:
    """Return a text for the property ``name``; ``lot`` makes neighbours differ."""
    parts = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()) or ["text"]
    subject = subject_of(ask.prompt)
    telling = keywords(ask.prompt, 12) or ["lantern"]
    last = parts[-1]
    if last in ("ingredient", "ingredients"):
        return _INGREDIENTS[lot % len(_INGREDIENTS)]
    if last in ("step", "steps", "instruction", "instructions"):
        return _STEPS[lot % len(_STEPS)]
    if set(parts) & {"id", "key", "slug", "code"}:
        return f"{telling[lot % len(telling)].lower()}_{lot}"
    if fixed := next((_FIXED[part] for part in reversed(parts) if part in _FIXED), ""):
        return fixed
    if set(parts) & {"person", "author", "first", "user", "character", "hero", "owner"} and last in (
        "name",
        "author",
        "hero",
        "character",
    ):
        return (*GIRLS, *BOYS)[lot % (len(GIRLS) + len(BOYS))]
    if set(parts) & {
        "name",
        "title",
        "headline",
        "label",
        "topic",
        "subject",
        "heading",
        "word",
        "tag",
        "tags",
        "category",
        "keyword",
        "keywords",
    }:
        return _title(subject, telling, lot)
    return _long(parts, subject, lot)


def _title(subject: str, telling: list[str], lot: int) -> str:
    word = capital(telling[lot % len(telling)])
    return (f"{word} Classic", f"The Art of {word}", f"{word} Number {lot}", f"Simply {word}", f"Golden {word}")[
        lot % 5
    ]


def _long(parts: list[str], subject: str, lot: int) -> str:
    if set(parts) & {
        "answer",
        "response",
        "reply",
        "result",
        "text",
        "description",
        "summary",
        "content",
        "explanation",
        "reason",
        "body",
        "note",
        "reasoning",
        "overview",
    }:
        return capital(EXPLAIN[lot % len(EXPLAIN)].replace("{topic}", subject[:80]))
    return f"{' '.join(parts)} of {subject[:80]}"
