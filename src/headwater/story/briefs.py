"""The brief of a tale: who it is about, what it is about and where it happens, read from the prompt."""

from __future__ import annotations

import random
import re

import msgspec

from headwater.story.texts import article, base_form, gerund, is_plural, plural, singular
from headwater.story.topics import clean
from headwater.story.words import ANIMATE, BOYS, FEMALE, GIRL_NAMES, GIRLS, KNOWN_NAMES, MALE, World
from headwater.story.worlds import world_for

_THEMES = ("the lost lantern", "the sleeping clock", "the song of the river", "the hidden garden", "the paper boats")
_LEGENDS = ("the first {}", "the great {} of old", "the old {}")
_GOALS = (
    "learn the whole truth about {theme}", "understand the secret of {theme}", "see the wonder of {theme} with "
        "open eyes",
    "find the place where every tale of {theme} begins",
)  # fmt: skip
_CLAUSE = re.compile(r"\b(?:who|that|which|whose|where|when)\b", re.I)
_JOINT = re.compile(
    r"\s+(?:in|on|at|with|from|under|inside|during|through|across|near|into|after|before|without|against|to|"
    r"for|by|finding|"
    r"learning|meeting|discovering|trying|exploring|who|that|which|where|when|named|called|and|or|of|between|"
    r"learns?|finds?|"
    r"meets?|discovers?|becomes?|gets?|goes|saves?|wants?|loses?|lost in)\s+",
    re.I,
)

_DEEDS = (
    "meets|finds|discovers|becomes|goes|learns|saves|wants|loses|gets|travels|visits|tries|helps|makes|"
    "builds|flies|meet|find"
)


class Brief(msgspec.Struct, frozen=True):
    """What a tale needs to know. ``theme`` and ``phrase`` can stand inside a sentence, ``goal`` after "to"."""

    name: str
    female: bool
    hero: str
    theme: str
    goal: str
    phrase: str
    world: World
    friend: str = ""
    friend_name: str = ""


def make_brief(topic: str, dice: random.Random, name: str = "") -> Brief:
    """Return the brief for a topic as the prompt named it; what the prompt does not say is decided by lot."""
    phrase = re.sub(r"\bmy\b", "your", clean(topic), flags=re.I)
    named = re.findall(r"\b(?:named|called)\s+(\w+)", phrase) or _known_names(phrase) or ([name] if name else [])
    world = world_for(phrase, dice.randrange(3))
    beings = _beings(phrase)
    if named and beings and re.match(rf"{re.escape(named[0])}\b(?! the)", phrase):
        # The prompt speaks of somebody by name and of somebody else by kind: "Anna and her cat".
        beings = ["girl" if named[0].lower() in GIRL_NAMES else "boy", *beings]
    hero = beings[0] if beings else dice.choice(world.people)
    female = _is_female(hero, named, phrase, dice)
    names = [name for name in (GIRLS if female else BOYS) if name not in named]
    theme = _theme(phrase, beings, dice)
    return Brief(
        name=named[0].capitalize() if named and named[0].islower() else (named or [dice.choice(names)])[0],
        female=female,
        hero=hero,
        theme=theme,
        goal=_goal(phrase, theme, dice),
        phrase=_opening_phrase(phrase),
        world=world,
        friend=beings[1] if len(beings) > 1 else ("friend" if len(named) > 1 else ""),
        friend_name=named[1] if len(named) > 1 else "",
    )


def _known_names(phrase: str) -> list[str]:
    return [word for word in phrase.split() if word[:1].isupper() and word.lower() in KNOWN_NAMES]


def _beings(phrase: str) -> list[str]:
    """The living things that the phrase names, in the singular and in order."""
    words = phrase.lower().split()
    found: list[str] = []
    for place, word in enumerate(words):
        one = singular(word)
        if one not in ANIMATE or one in found:
            continue
        if place + 1 < len(words) and singular(words[place + 1]) in ANIMATE and one not in ("robot", "pirate"):
            continue
        follower = words[place + 1] if place + 1 < len(words) else ""
        if follower in ("exploration", "training", "food", "show", "school", "house", "station", "ship", "race"):
            continue
        joined = place > 0 and one in ("keeper", "maker", "driver", "hunter", "guard", "guide", "worker")
        found.append(f"{words[place - 1]} {one}" if joined and words[place - 1] not in ("a", "the", "an") else one)
    return found


def _is_female(hero: str, named: list[str], phrase: str, dice: random.Random) -> bool:
    if hero in FEMALE or hero in MALE:
        return hero in FEMALE
    if named and named[0].lower() in KNOWN_NAMES:
        return named[0].lower() in GIRL_NAMES
    low = f" {phrase.lower()} "
    if " her " in low or " she " in low:
        return True
    if " his " in low or " he " in low:
        return False
    return dice.random() < 0.5


def _theme(phrase: str, beings: list[str], dice: random.Random) -> str:
    if not phrase:
        return dice.choice(_THEMES)
    verb = _wish(phrase)
    if verb:
        return _as_noun(verb)
    words = phrase.split()
    if words[0].lower() in KNOWN_NAMES:
        rest = re.search(r"\b(?:in|and the|at|find|finds|on)\s+(.+)", phrase)
        return rest[1] if rest else dice.choice(_THEMES)
    head = _CLAUSE.split(_JOINT.split(f"{phrase} ", maxsplit=1)[0])[0].strip() or phrase
    head = " ".join(head.split()[:5])
    bare = re.sub(r"^(?:an?|one|two|three|four|five|the|some|your)\s+", "", head, flags=re.I)
    if beings and singular(bare.split()[-1].lower()) in beings:
        return dice.choice(_LEGENDS).format(bare if is_plural(bare) else plural(bare))
    if re.match(r"(?:an?|the)\s", head, re.I):
        return f"the {bare}"
    return head


def _wish(phrase: str) -> str:
    """What the hero wants to do, as a verb in its base form with its object: "paint", "find a key"."""
    found = re.search(r"\b(?:who|that|which)\s+(?:(?:\w+s) to\s+)(.+)", phrase) or re.search(
        r"\b(?:learns?|learning|trying|tries|wants?|wanting|dreams?|hopes?) (?:how )?(?:to|of)\s+(.+)", phrase
    )
    if found and not re.match(r"be\b", found[1]):
        words = found[1].split()[:6]
        return " ".join([words[0], *words[1:]])
    found = re.search(r"\b(?:who|that|which)\s+([a-z]{3,}s)\b((?:\s+\w+){0,5})", phrase)
    if (
        found
        and found[1] not in ("has", "was", "does", "gets", "loses", "always", "sometimes", "fears", "hates")
        and found[1][-2:] != "ss"
    ):
        return f"{base_form(found[1])}{found[2]}"
    return ""


def _as_noun(wish: str) -> str:
    first, _, rest = wish.partition(" ")
    if first.endswith("ing"):
        return wish
    return f"{gerund(first)} {rest}".strip()


def _goal(phrase: str, theme: str, dice: random.Random) -> str:
    wish = _wish(phrase)
    if wish and not wish.split()[0].endswith("ing"):
        return wish
    return dice.choice(_GOALS).format_map({"theme": theme.replace("{", "").replace("}", "")})


def _opening_phrase(phrase: str) -> str:
    """The whole topic where it says more than one or two words, ready for "This is the story of ..."."""
    words = phrase.split()
    if len(words) < 3:
        return ""
    if re.search(rf"^(?:\w+ ){{1,4}}(?:{_DEEDS})\b", phrase) and not _CLAUSE.search(phrase):
        return f"how {phrase}"
    if singular(words[0].lower()) in ANIMATE and not is_plural(words[0]):
        return article(phrase)
    return phrase
