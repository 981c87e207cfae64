"""The essayist: articles, guides, essays and explanations of any length about any subject."""

from __future__ import annotations

import random
from collections.abc import Iterator

from headwater.story import sections
from headwater.story.bags import Bags
from headwater.story.fitting import Fitter, size
from headwater.story.texts import capital

_GUIDE = ("Introduction", "What It Means", "Getting Started", "How It Works", "Common Mistakes", "An Example")
_ARTICLE = ("Introduction", "What It Means", "How It Works", "The Key Ideas", "Benefits", "Challenges", "Looking Ahead")
_ALL = tuple(sections.SECTIONS)


class _Writer:
    """Fills the sentences of one text; the setting stays for a section."""

    def __init__(self, topic: str, dice: random.Random) -> None:
        self.bags = Bags(dice)
        self.slots = {"topic": topic, "setting": self.bags.draw("setting", sections.SETTINGS)}

    def move(self) -> str:
        self.slots["setting"] = self.bags.draw("setting", sections.SETTINGS)
        return self.slots["setting"]

    def fill(self, template: str) -> str:
        return capital(template.format_map(self.slots))

    def exact(self, number: int) -> str:
        return Fitter(sections.STEMS, sections.TAILS, self.bags.dice).exact(number, self.slots)


def _endless(writer: _Writer, names: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    """Headings with their sentences: the named sections first, then the subject seen from ever other places."""
    for name in names:
        writer.move()
        yield name, [writer.fill(template) for template in sections.SECTIONS[name]]
    while True:
        setting = writer.move()
        views = [writer.bags.draw("view", sections.VIEWS) for _ in range(7)]
        yield f"The View from {_title(setting)}", [writer.fill(template) for template in views]


def _title(setting: str) -> str:
    return " ".join(
        word if word in ("a", "an", "the", "of", "in", "on", "at", "before") else capital(word)
        for word in setting.split()
    )


def write_article(topic: str, number: int, dice: random.Random, *, guide: bool = False) -> Iterator[str]:
    """Yield a text of about ``number`` words in Markdown: a title, sections with headings, a conclusion."""
    writer = _Writer(topic, dice)
    names = _ALL if number > 900 else _GUIDE if guide else _ARTICLE
    yield f"# {'A Guide to ' if guide else ''}{capital(topic)}\n\n"
    conclusion = " ".join(writer.fill(template) for template in sections.CONCLUSION)
    left = number - size(conclusion) - 8
    for heading, lines in _endless(writer, names):
        if left < 25:
            break
        text = _within(lines, left)
        left -= size(text) + size(heading) + 1
        yield f"## {heading}\n\n{text}\n\n"
        if guide and heading == "Getting Started":
            steps = _steps(topic)
            left -= size(steps)
            yield steps
    yield f"## Conclusion\n\n{conclusion}"


def _steps(topic: str) -> str:
    steps = ("**Look** at one real case", "**Name** the parts that you can see", "**Try** the smallest change "
        "that could help",
             "**Compare** the result with what you expected", "**Share** what you learned")  # fmt: skip
    return (
        "".join(
            f"{place}. {step} of {topic}.\n" if place == 1 else f"{place}. {step}.\n"
            for place, step in enumerate(steps, 1)
        )
        + "\n"
    )


def _within(lines: list[str], most: int) -> str:
    kept = [lines[0]]
    for line in lines[1:]:
        if size(" ".join(kept)) + size(line) > most:
            break
        kept.append(line)
    return " ".join(kept)


def write_essay(topic: str, number: int, dice: random.Random) -> Iterator[str]:
    """Yield prose of exactly ``number`` words in paragraphs, without headings."""
    writer = _Writer(topic, dice)
    ending = [writer.fill(template) for template in sections.CONCLUSION[: 4 if number > 250 else 1]]
    left = number - size(" ".join(ending))
    if left < 5:
        yield writer.exact(number)
        return
    for _, lines in _endless(writer, _ALL):
        paragraph: list[str] = []
        for line in lines:
            if size(line) > left - 4:
                break
            paragraph.append(line)
            left -= size(line)
        whole = len(paragraph) == len(lines)
        if not whole:
            paragraph.append(writer.exact(left))
        yield " ".join(paragraph) + "\n\n"
        if not whole:
            break
    yield " ".join(ending)


def sentences_about(topic: str, number: int, dice: random.Random) -> list[str]:
    """Return exactly ``number`` sentences that explain ``topic``."""
    writer = _Writer(topic, dice)
    bank = [*sections.EXPLAIN, *sections.SECTIONS["What It Means"], *sections.SECTIONS["How It Works"]]
    chosen = [sections.EXPLAIN[0], *(writer.bags.draw("explain", bank[1:]) for _ in range(number - 1))]
    return [writer.fill(template) for template in chosen[:number]]


def explanation(topic: str, dice: random.Random, *, detailed: bool = False) -> Iterator[str]:
    """Yield a few paragraphs that explain ``topic`` as far as that can be done without knowing anything about it."""
    told = sentences_about(topic, 9 if detailed else 5, dice)
    for start in range(0, len(told), 3):
        yield " ".join(told[start : start + 3]) + ("\n\n" if start + 3 < len(told) else "")
