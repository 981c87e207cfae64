"""The tale writer: puts sentences into scenes and chapters until exactly as many words are told as were asked for."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping

from headwater.story import tales, words
from headwater.story.bags import Bags
from headwater.story.briefs import Brief
from headwater.story.fitting import Fitter, size
from headwater.story.lengths import in_words
from headwater.story.texts import article, capital, listed, sentence_list

_CHAPTERS_FROM = 900
_TITLE_FROM = 150
_SEVERAL_FROM = 600  # words from which there is more than one adventure
_SHORT_EPISODE = listed("TRAVEL MEET | TROUBLE IDEA TURN")
_EPISODE = listed("TRAVEL MEET TALK | TROUBLE TRY IDEA TURN")
_MIDDLE_EPISODE = listed("TRAVEL SIGHT MEET TALK TALK | TROUBLE TRY THOUGHT TRY | THOUGHT IDEA TURN TURN")
_LONG_EPISODE = listed(
    "TRAVEL SIGHT SIGHT MEET TALK TALK | TROUBLE TRY THOUGHT TRY | THOUGHT TALK IDEA | TURN TURN GIFT GIFT"
)
_OPENING = listed("INTRO CLAUSE WISH HABIT HABIT HABIT SIGHT")
_CALL = listed("PROBLEM DECIDE THOUGHT DECIDE")
_FINALE = listed("FACE BREAK GIFT THOUGHT TURN | GIFT")
_FINALE_WORDS = 90


class Scene(Mapping[str, str]):
    """What the slots of a sentence stand for; some are drawn anew each time, the rest stays for a chapter."""

    def __init__(self, brief: Brief, bags: Bags) -> None:
        self.brief = brief
        self.bags = bags
        self.fixed: dict[str, str] = {}
        self.home = bags.draw("home", brief.world.homes)
        self.fixed = self._hero()
        self.move()

    def _hero(self) -> dict[str, str]:
        brief = self.brief
        he, him, his = ("she", "her", "her") if brief.female else ("he", "him", "his")
        return {
            "name": brief.name, "hero": brief.hero, "Hero": _title(brief.hero), "a_hero": article(brief.hero),
            "theme": brief.theme, "Theme": capital(brief.theme), "goal": brief.goal, "phrase": brief.phrase,
            "he": he, "him": him, "his": his, "He": capital(he), "he_cap": capital(he), "home": self.home,
        }  # fmt: skip

    def move(self) -> None:
        """Go to another place, with another friend and another thing."""
        self.met = False  # nobody speaks of the friend before the hero has met him
        world, bags = self.brief.world, self.bags
        place = bags.draw("place", world.places)
        thing = bags.draw("thing", world.things)
        friend = bags.draw("friend", world.friends)
        name = bags.draw("friend name", [name for name in words.ELDERS if name != self.brief.name])
        if self.brief.friend and "friend" not in self.fixed:
            friend = article(self.brief.friend)
            name = self.brief.friend_name or name
        self.fixed |= {
            "place": place, "Place": _title(place), "thing": thing, "Thing": _title(thing), "a_thing": article(thing),
            "friend": friend, "fname": name,
        }  # fmt: skip

    def __getitem__(self, slot: str) -> str:
        if slot in self.fixed:
            return self.fixed[slot]
        if slot == "a_trait":
            return article(f"{self.bags.draw('trait', words.TRAITS)}")
        if slot == "sky_cap":
            return capital(self["sky"])
        return self.bags.draw(slot, _DRAWN[slot])

    def __iter__(self) -> Iterator[str]:
        return iter((*self.fixed, *_DRAWN))

    def __len__(self) -> int:
        return len(self.fixed) + len(_DRAWN)


_DRAWN = {
    "sky": words.SKIES, "sound": words.SOUNDS, "smell": words.SMELLS, "hour": words.HOURS, "act": words.ACTS,
    "lesson": words.LESSONS, "fact": tales.FACTS,
}  # fmt: skip


def _title(place: str) -> str:
    return " ".join(
        word if word in ("of", "the", "and", "with", "a", "an") else capital(word) for word in place.split()
    )


class Teller:
    """Writes the sentences of one tale; no sentence is told twice."""

    def __init__(self, brief: Brief, dice: random.Random) -> None:
        self.bags = Bags(dice)
        self.scene = Scene(brief, self.bags)
        self.told: set[str] = set()
        self.chapters = 0
        self.words = 0  # told so far, without title and ending

    def sentence(self, role: str) -> str:
        """Return a new sentence that plays ``role``; one that was told before only where nothing else is left."""
        source: tuple[str, ...] = getattr(tales, role)
        text = ""
        for _ in range(9):
            template = self.bags.draw(role, source)
            if "{fname}" in template and not self.scene.met and role != "MEET":
                continue
            text = capital(template.replace("a {trait} {hero}", "{a_trait} {hero}").format_map(self.scene))
            if role == "INTRO":
                text = re.sub(r"\b[Aa] ([aeiou])", r"an \1", text)
            if text not in self.told:
                break
        text = text or self.exact(8)
        self.told.add(text)
        self.scene.met = self.scene.met or role == "MEET"
        return text

    def heading(self) -> str:
        """Return the heading of the next chapter."""
        self.chapters += 1
        count = capital(in_words(self.chapters))
        return f"**Chapter {count}: {self.bags.draw('chapter', tales.CHAPTERS).format_map(self.scene)}**"

    def exact(self, number: int) -> str:
        """Return sentences of exactly ``number`` words."""
        text = Fitter(tales.STEMS, tales.TAILS, self.bags.dice).exact(number, self.scene, self.told)
        self.told.add(text)
        return text


def write_story(brief: Brief, number: int, dice: random.Random) -> Iterator[str]:
    """Yield a tale of exactly ``number`` words, paragraph by paragraph."""
    teller = Teller(brief, dice)
    if number < 110:
        yield _miniature(teller, number)
        return
    title = f"**{teller.bags.draw('title', tales.TITLES).format_map(teller.scene)}**" if number >= _TITLE_FROM else ""
    ending = _ending(teller, number)
    left = number - size(title) - size(" ".join(ending))
    if title:
        yield title + "\n\n"
    yield from _body(teller, left, number)
    yield " ".join(ending)


def _ending(teller: Teller, number: int) -> list[str]:
    roles = "DONE END" if number < 220 else "DONE RETURN END" if number < 600 else "DONE RETURN RETURN END END"
    return [teller.sentence(role) for role in roles.split()]


def _body(teller: Teller, whole: int, number: int) -> Iterator[str]:
    """The tale up to its ending, in exactly ``whole`` words."""
    told = 0
    paragraph: list[str] = []
    for role in _plan(teller, number, lambda: teller.words / whole):
        if role in ("|", "#"):
            if paragraph:
                yield " ".join(paragraph) + "\n\n"
                paragraph = []
            if role == "|":
                continue
        text = teller.heading() if role == "#" else teller.sentence(role)
        if told + size(text) > whole - 4:
            break
        told += size(text)
        teller.words = told
        if role == "#":
            yield text + "\n\n"
        else:
            paragraph.append(text)
    if whole > told:
        paragraph.append(teller.exact(whole - told))
    if paragraph:
        yield " ".join(paragraph) + "\n\n"


def _plan(teller: Teller, number: int, progress: Callable[[], float]) -> Iterator[str]:
    """The roles in the order in which they are told; "|" ends a paragraph, "#" begins a chapter."""
    chapters = number >= _CHAPTERS_FROM
    opening = (role for role in _OPENING if role != "CLAUSE" or teller.scene.brief.phrase)
    yield from _until(0.22, opening, progress)
    yield "|"
    yield from _until(0.33, iter(_CALL), progress)
    yield "|"
    finale = max(0.84, 1 - _FINALE_WORDS / number)
    episode, again = _episode(number), False
    while progress() < finale and not (again and number < _SEVERAL_FROM):
        if chapters or again:
            teller.scene.move()
        if chapters:
            yield "#"
        yield from _until(finale, iter(episode), progress)
        yield "|"
        again = True
    if chapters:
        yield "#"
    yield from _FINALE
    while True:
        yield from ("THOUGHT", "TALK", "SIGHT", "GIFT")


def _episode(number: int) -> tuple[str, ...]:
    """The roles of one adventure; short tales have room for the bones of it only."""
    if number < 240:
        return _SHORT_EPISODE
    return _EPISODE if number < 400 else _MIDDLE_EPISODE if number < _SEVERAL_FROM else _LONG_EPISODE


def _until(end: float, roles: Iterator[str], progress: Callable[[], float]) -> Iterator[str]:
    for role in roles:
        if progress() >= end:
            return
        yield role


def _miniature(teller: Teller, number: int) -> str:
    """A tale in a few sentences: the bones of an adventure, with one sentence made to measure before the last."""
    left = number
    start = _start(teller, number)
    left -= size(start)
    end = _fitting(teller, "END", left - 14) if number > 35 else ""
    left -= size(end)
    middle: list[str] = []
    longer = (("CLAUSE", "WISH") if teller.scene.brief.phrase else ("WISH",)) if number > 50 else ()
    for role in (*longer, "PROBLEM", "DECIDE", "TROUBLE", "IDEA", "TURN"):
        text = _fitting(teller, role, left - 2)
        middle += [text] if text else []
        left -= size(text)
    fill = [teller.exact(left)] if left else []
    return " ".join(part for part in (start, *middle, *fill, end) if part)


def _start(teller: Teller, number: int) -> str:
    """The first sentence of a very short tale: the longest that leaves room for a second one."""
    scene = teller.scene
    name, hero, theme = scene["name"], scene["hero"], scene["theme"]
    if number > 30:
        return teller.sentence("INTRO")
    starts = (
        f"{name} was {article(scene.bags.draw('trait', words.TRAITS))} {hero} who dreamed of {theme}.",
        f"{name} the {hero} dreamed of {theme}.",
        f"The {hero} dreamed of {theme}.",
        f"The {hero} smiled.",
    )
    return next((start for start in starts if size(start) <= number - 2 or size(start) == number), "")


def _fitting(teller: Teller, role: str, most: int) -> str:
    """A sentence of at most ``most`` words that speaks of nobody but the hero; empty when none was found."""
    for _ in range(8 if most > 5 else 0):
        text = teller.sentence(role)
        if size(text) <= most and teller.scene["fname"] not in text:
            return text
    return ""


def story_in_sentences(brief: Brief, number: int, dice: random.Random) -> list[str]:
    """Return a tale of exactly ``number`` sentences."""
    teller = Teller(brief, dice)
    arc = [
        "INTRO",
        "WISH",
        "PROBLEM",
        "DECIDE",
        "TRAVEL",
        "MEET",
        "TALK",
        "TROUBLE",
        "TRY",
        "IDEA",
        "TURN",
        "RETURN",
        "END",
    ]
    if number == 1:
        scene = teller.scene
        return [
            f"In {scene['home']}, {article(scene['hero'])} named {scene['name']} followed a dream of "
            f"{scene['theme']} all the way "
            f"to {scene['place']} and learned that {scene['lesson']}."
        ]
    chosen = [arc[round(place * (len(arc) - 1) / (number - 1))] for place in range(number)]
    told = [teller.sentence(role) for role in chosen]
    return [sentence_list(text)[0] if sentence_list(text) else text for text in told]
