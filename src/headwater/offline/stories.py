"""Tells stories: puts sentences into scenes until exactly as many words are told as were asked for.

A story has an opening, a trouble, any number of episodes, a finale and an ending. Each scene has a budget of words: its
essential sentences come first, then as many others as fit. The ending and the finale are made before the episodes, so
their length is known, and the last words of the budget go into sentences made to measure.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from typing import Any

from headwater.offline import scenes
from headwater.offline.english import capital, in_words, plural, singular, with_article, words_of
from headwater.offline.tasks import Task

_WORDS_OF_SIZE = {"tiny": 50, "short": 100, "": 250, "long": 900, "huge": 3600}
_MINIATURE_FROM = 30
_WHOLE_FROM = 230  # words from which a story has a title, paragraphs and episodes
_CHAPTERS_FROM = 900
_EPISODE = 118  # words of an episode with all its sentences
_SMALL_EPISODE = 48  # words of the essential sentences of an episode
_LONGEST_FILLER = 14

_NO_WISHES = words_of("is was has had can could never always lost does")

Line = tuple[str, tuple[str, ...]]  # the mark ("" is essential), and the alternatives


def _lines(sentences: Sequence[str]) -> list[Line]:
    """The sentences of a scene as ``scenes`` writes them."""
    marked = ((text[0], text[2:]) if text[:2] in ("- ", "? ") else ("", text) for text in sentences)
    return [(mark, tuple(text.split(" / "))) for mark, text in marked]


class Bags:
    """Hands things out at random, and none a second time before all the others had their turn."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self._bags: dict[str, list[str]] = {}

    def draw(self, kind: str, source: Sequence[str]) -> str:
        """Return the next thing of ``kind``; ``source`` is what its bag is filled with."""
        bag = self._bags.get(kind)
        if not bag:
            bag = self._bags[kind] = list(source)
            self.dice.shuffle(bag)
        return bag.pop()


class Scene:
    """What the slots of a sentence stand for; some are drawn each time, the others stay for an episode or a story."""

    def __init__(self, topic: str, bags: Bags) -> None:
        self.bags = bags
        self.fixed = _characters(topic, bags.dice)
        for kind in ("home", "thing"):
            self.fixed[kind] = bags.draw(kind, scenes.WORDS[kind])
        what, broke, mended = bags.dice.choice(scenes.QUESTS)
        thing = self.fixed["thing"]
        self.fixed |= {"what": what, "broke": broke, "mended": mended, "a_thing": with_article(thing)}
        self.fixed["Thing"] = thing.title().replace(" Of ", " of ")
        self.fixed["Hero"], self.fixed["a_hero"] = capital(self["hero"]), with_article(self["hero"])
        self.move()

    def move(self, places: Sequence[str] = ("the hill of wind and thistles", "the bridge of seven arches")) -> None:
        """Go to another place, with another friend."""
        self.fixed["place"] = self.bags.draw(places[0], places)
        self.fixed["friend"] = self.bags.draw("friend", scenes.WORDS["friend"])
        self.fixed["fname"] = self.bags.draw("fname", scenes.WORDS["elders"])

    def __getitem__(self, slot: str) -> str:
        if slot in self.fixed:
            return self.fixed[slot]
        return with_article(self["trait"]) if slot == "a_trait" else self.bags.draw(slot, scenes.WORDS[slot])


def _characters(topic: str, dice: random.Random) -> dict[str, str]:
    """Who the story is about, what they care about, and what they wish."""
    words = topic.lower().split()
    beings = list(dict.fromkeys(one for word in words if (one := singular(word)) in scenes.BEINGS))
    pronoun = next((word for word in words if word in ("she", "her", "he", "his")), "")
    # "Anna and her cat": the cat is not the hero.
    lead = re.match(r"([A-Z][a-z]+) (?:and (?:her|his)|who|the)\b", topic)
    named = lead or re.search(r"\b(?:named|called) (\w+)", topic)
    named = named or re.search(rf"\b(?:{'|'.join(beings) or '-'}) ([A-Z]\w+)", topic)  # "my dog Rex"
    people = ["girl" if pronoun in ("she", "her") else "boy"] if lead and pronoun else []
    hero = next(iter((*people, *beings)), "") or dice.choice(scenes.WORDS["heroes"])
    guess = pronoun in ("she", "her") or (not pronoun and dice.random() < 0.5)
    is_female = hero in scenes.WORDS["female"] or (hero not in scenes.WORDS["male"] and guess)
    name = capital(named[1]) if named else dice.choice(scenes.WORDS["girls" if is_female else "boys"])
    he, him, his = ("she", "her", "her") if is_female else ("he", "him", "his")
    theme = _theme(topic, beings, dice)
    return {
        "name": name, "hero": hero, "he": he, "him": him, "his": his, "He": capital(he), "theme": theme,
        "wish": _wish(topic) or f"learn everything there is to know about {theme}",
        "phrase": _phrase(topic),
    }  # fmt: skip


def _theme(topic: str, beings: list[str], dice: random.Random) -> str:
    if not topic:
        return dice.choice(scenes.WORDS["themes"])
    if not beings:
        bare = re.sub(r"^(?:an?|one)\s+", "", topic, flags=re.I)
        return f"the {bare}" if bare != topic else re.sub(r"^my\b", "your", topic, flags=re.I)
    creature = next((being for being in beings if being in scenes.WORDS["creatures"]), "")
    return dice.choice(scenes.WORDS["legends" if creature else "themes"]).format(plural(creature))


def _wish(topic: str) -> str:
    """What the hero wants to do, if the topic says so: "a robot who learns to paint" gives "learn to paint"."""
    found = re.search(r"\b(?:who|that) (?:(?:wants|wishes|dreams|hopes|longs|tries) (?:to|of) )?([a-z]+)( .*)?$", topic)
    if found is None or found[1].endswith("ing") or found[1] in _NO_WISHES:
        return ""
    # The third person ends like a plural.
    return singular(found[1]) + (found[2] or "")


def _phrase(topic: str) -> str:
    """The topic where it says more than a word or two, ready for "This is the story of ..."."""
    words = topic.split()
    if len(words) < 3:
        return ""
    if singular(words[0].lower()) in scenes.BEINGS and singular(words[0]) == words[0]:
        return with_article(topic)
    return re.sub(r"^my\b", "your", topic, flags=re.I)


def size(text: str) -> int:
    """Return the number of words of ``text``."""
    return len(text.split())


def sentences_of_size(number: int, stems: Sequence[str], tails: Sequence[str], slots: Any) -> list[str]:
    """Return the sentences of ``number`` words that stems and tails make; one word is always the same."""
    made = [f"{stem} {tail}".strip().format_map(slots) + "." for stem in stems for tail in ("", *tails)]
    return [text for text in made if size(text) == number] or ["Listen."]


class Teller:
    """Makes the sentences of one story; none is told twice as long as there are others."""

    def __init__(self, topic: str, dice: random.Random) -> None:
        self.bags = Bags(dice)
        self.scene = Scene(topic, self.bags)
        self.told: set[str] = set()

    def sentence(self, alternatives: tuple[str, ...]) -> str:
        """Return a sentence, a new one if there is one."""
        text = ""
        # Twice through the bag: the slots are drawn each time, so an alternative that was told can still come out new.
        for _ in range(2 * len(alternatives)):
            text = capital(self.bags.draw(alternatives[0], alternatives).format_map(self.scene))
            if text not in self.told:
                break
        return text

    def scene_of(self, sentences: Sequence[str], budget: int = 500) -> list[str]:
        """Return the sentences of a scene: the essential ones, and others up to ``budget`` words."""
        lines = [(mark, entry) for mark, entry in _lines(sentences) if mark != "?" or self.scene["phrase"]]
        made = [(mark, self.sentence(entry)) for mark, entry in lines]
        left = budget - sum(size(text) for mark, text in made if mark != "-")
        kept: list[str] = []
        for mark, sentence in made:
            if mark != "-" or (size(sentence) <= left and sentence not in self.told):
                left -= size(sentence) if mark == "-" else 0
                kept.append(sentence)
        self.told.update(kept)
        return kept

    def episode(self) -> tuple[str, Sequence[str]]:
        """Return the title and the sentences of the next episode; the story moves to its place."""
        title = self.bags.draw("episode", tuple(scenes.EPISODES))
        places, *sentences = scenes.EPISODES[title]
        self.scene.move(places.split(", "))
        return title, sentences

    def exact(self, number: int) -> list[str]:
        """Return sentences of exactly ``number`` words."""
        made: list[str] = []
        for _, alternatives in _lines(scenes.SCENES["quiet"]):
            text = self.sentence(alternatives)
            if size(text) <= number - 2 and number > _LONGEST_FILLER and text not in self.told:
                made.append(text)
                number -= size(text)
        while number > 0:
            made.append(self._filler(number if number <= _LONGEST_FILLER else 12))
            number -= size(made[-1])
        self.told.update(made)
        return made

    def _filler(self, number: int) -> str:
        options = sentences_of_size(number, scenes.STEMS, scenes.WORDS["tail"], self.scene)
        return self.bags.dice.choice([text for text in options if text not in self.told] or options)


def tell(task: Task, dice: random.Random) -> Iterator[str]:
    """Yield a story, paragraph by paragraph."""
    teller, length = Teller(task.topic, dice), task.length
    number = length.words or 130 * length.paragraphs or 12 * length.lines or _WORDS_OF_SIZE[length.size]
    if length.sentences:
        yield " ".join(_in_sentences(teller, length.sentences))
    elif number < _MINIATURE_FROM:
        yield " ".join(_tiny(teller, number))
    elif number < _WHOLE_FROM:
        yield _miniature(teller, number)
    else:
        yield from _whole(teller, number, scenes.SCENES["sequel"] if task.is_continued else scenes.SCENES["opening"])


def _whole(teller: Teller, number: int, opening: Sequence[str]) -> Iterator[str]:
    title = f"**{teller.scene_of(scenes.SCENES['title'])[0]}**"
    # The order of making is not the order of telling: the ends come first, so that what is left between them is known.
    ending = teller.scene_of(scenes.SCENES["ending"], number // 6)
    left = number - size(title) - size(" ".join(ending))
    yield title + "\n\n"
    for part, share in ((opening, 5), (scenes.SCENES["trouble"], 4)):
        told = teller.scene_of(part, min(left // share, 110))
        left -= size(" ".join(told))
        yield " ".join(told) + "\n\n"
    finale = teller.scene_of(scenes.SCENES["finale"], min(left // 3, 110))
    left -= size(" ".join(finale))
    for paragraph in _episodes(teller, left, has_chapters=number >= _CHAPTERS_FROM):
        left -= size(paragraph)
        yield paragraph + "\n\n"
    # One short sentence would look lost as a paragraph: it opens the finale.
    rest = teller.exact(left)
    yield " ".join(rest) + ("\n\n" if len(rest) > 1 else " " if rest else "")
    yield " ".join(finale) + "\n\n"
    yield " ".join(ending)


def _episodes(teller: Teller, left: int, *, has_chapters: bool) -> Iterator[str]:
    """The paragraphs of as many episodes as there is room for, two of them in each chapter."""
    number = 0
    while left >= (_EPISODE if number else _SMALL_EPISODE):
        title, lines = teller.episode()
        heading = f"**Chapter {in_words(number // 2 + 1)}: {title}**" if has_chapters and number % 2 == 0 else ""
        sentences = teller.scene_of(lines, (left if left < 2 * _EPISODE - 30 else _EPISODE) - size(heading))
        left -= size(f"{heading} {' '.join(sentences)}")
        if left < 0:
            return
        half = len(sentences) // 2 if len(sentences) > 6 else 0
        yield from filter(None, (heading, " ".join(sentences[:half]), " ".join(sentences[half:])))
        number += 1


def _miniature(teller: Teller, number: int) -> str:
    """A story of a few sentences: as many of the bones as fit, and one sentence made to measure before the last."""
    lines = _lines(scenes.SCENES["miniature"])
    chosen: dict[int, str] = {}
    for place in scenes.MINIATURE_ORDER:
        mark, alternatives = lines[place]
        text = teller.sentence(alternatives) if mark != "?" or teller.scene["phrase"] else ""
        # What is left is filled with sentences of two words and more, so one word must not be left.
        if text and number - size(text) not in (1, *range(-50, 0)):
            chosen[place] = text
            number -= size(text)
    *told, last = [text for _, text in sorted(chosen.items())]
    return " ".join([*told, *teller.exact(number), last])


def _tiny(teller: Teller, number: int) -> list[str]:
    """A story of a sentence or two."""
    for start in ("{name} was {a_trait} {hero} who dreamed of {theme}.", "{name} the {hero} dreamed of {theme}."):
        text = start.format_map(teller.scene)
        if size(text) == number or size(text) <= number - 2:
            return [text, *teller.exact(number - size(text))]
    return teller.exact(number)


def _in_sentences(teller: Teller, number: int) -> list[str]:
    """A story of exactly ``number`` sentences."""
    lines = _lines(scenes.SCENES["miniature"])
    if number == 1:
        return [scenes.ONE_SENTENCE.format_map(teller.scene)]
    if number < len(lines):
        order = [place for place in scenes.MINIATURE_ORDER if lines[place][0] != "?"]
        return [teller.sentence(lines[place][1]) for place in sorted(order[:number])]
    told = [*teller.scene_of(scenes.SCENES["opening"]), *teller.scene_of(scenes.SCENES["trouble"])]
    ending = [*teller.scene_of(scenes.SCENES["finale"]), *teller.scene_of(scenes.SCENES["ending"])]
    while len(told) + len(ending) < number:
        told += teller.scene_of(teller.episode()[1])
    return [*told[: number - len(ending)], *ending]
