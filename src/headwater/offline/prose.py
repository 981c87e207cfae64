"""Writes essays, outlines of explanations and lists, without claiming a fact that would have to be known."""

from __future__ import annotations

import random
from collections.abc import Iterator

from headwater.offline.english import capital, in_words, plural
from headwater.offline.scenes import vocabulary
from headwater.offline.stories import Bags, sentences_of_size, size
from headwater.offline.tasks import Task

_WORDS_OF_SIZE = {"tiny": 60, "short": 150, "": 400, "long": 900, "huge": 3600}
_HEADINGS_FROM = 350
_NOTE_FROM = 60
_PARAGRAPH = 70
_NOTE = "(Written by the rules of the offline engine, which knows no facts about {topic}.)"
#: Sentences that hold for almost anything, by what they are for; items of lists, and things that can simply be named.
_TEXTS = vocabulary(
    """
intro: Few of us remember the moment when we first heard of {topic}. | It was simply there, a word among other words,
    until one day it began to mean something. | This text does not try to settle anything, but it tries to look closely.
    | Looking closely is slower than having an opinion, and it is also more rewarding.
outro: In the end each of us decides what to make of {topic}, one careful step after another. | Nobody has to finish the
    whole road to enjoy the part that lies ahead. | It is enough to begin, to keep notes, and to stay friendly.
more: To {view} the {aspect} of {topic} look different again. | It takes {view} to notice what the {aspect} leave out. |
    There is a question about the {aspect} that only {view} would dare to ask. | If {view} were to write this page, the
    {aspect} would come first. | Perhaps {view} would say that the {aspect} matter less than the company one keeps. |
    For {view} the {aspect} are a door, and it is never quite closed.
stem: Attention helps | Practice matters | Small steps count | Questions remain | Patience pays
tail: here | a lot | in the end | more than talent | and they always will | on most days of the year | even when nobody
    seems to be looking | and that is a cheerful thing to know | which is easy to say and hard to remember | because a
    good start is only half of the way there
beginnings: Everything has a beginning, and the beginnings of {topic} are worth a second look. | First attempts are
    rarely elegant, and that is exactly why they teach so much. | Whoever wants to understand where something is going
    should ask what it was first meant for. | Often the answer is smaller and more human than the legend that grew
    around it.
practice: What is said about {topic} and what is done with it are two different things. | Practice is full of small
    decisions that no book mentions, because they seem too plain to be written down. | It is in these decisions that
    experience shows, quietly and without applause. | One honest hour of trying is worth an evening of reading, provided
    that the reading follows.
mistakes: There is no learning about {topic} without mistakes. | The useful ones are small, early and easy to see, and
    they can be arranged for. | The costly ones hide behind success, because nobody examines what appears to work. | A
    notebook of errors may be the most valuable thing that a careful person owns.
limits: To know what something cannot do is a form of respect, and it holds for {topic} too. | Limits are not failures,
    for they give a thing its shape. | Whoever promises that there are none is usually selling something. | The
    interesting work begins near the edge, where the rules are still being written.
outline: **What it is**: one sentence that someone who has never heard of it would understand. | **Why it matters**:
    the problem that it solves, or the question that it answers. | **How it works**: three or four steps, in the
    order in which they happen. | **An example**: one small case, followed from beginning to end. | **What is often
    misunderstood**: the first wrong idea that people have of it. | **Where to read on**: one good source for
    beginners, and one for the curious.
tip: Decide what a good result looks like before you start. | Begin with the smallest version that is any use. | Write
    down what you assume, and check the riskiest point first. | Ask someone who has done it before. | Set a limit for
    time and for money. | Do the hardest part while you are fresh. | Keep notes, so that you can repeat what worked. |
    Leave a margin for what you did not expect. | Change one thing at a time. | Look back afterwards, and keep one
    lesson.
idea: The simplest version: take away everything that is not needed. | The opposite of what everyone does. | One that
    uses only what is already there. | One that takes ten minutes. | One that friends can join. | One with a theme from
    a favourite book. | One that needs no money at all. | One that happens outdoors.
reason: It saves time, if it is set up once and used often. | It shows problems early, while they are still small. | It
    lets people react before everything is finished. | It is easy to try and easy to stop. | It works in small steps. |
    It teaches something even if it fails.
view: a beginner | an expert | a sceptic | a child | a visitor | a teacher | a neighbour | an old friend
name: Luna | Milo | Juno | Otto | Hazel | Pip | Willow | Jasper | Poppy | Felix | Ruby | Theo | Clover | Bruno | Olive |
    Finn | Maple | Hugo | Ivy | Leo
fruit: Apple | Banana | Cherry | Date | Fig | Grape | Kiwi | Lemon | Mango | Orange | Peach | Pear | Plum | Pineapple |
    Strawberry
""",
    " | ",
)
#: The sections of an essay, in their order; later sections look at the same things with other eyes.
_ASPECTS = ("beginnings", "practice", "mistakes", "limits")
_NAMED = ("name", "fruit")
_SAME = {"advice": "tip", "hint": "tip", "suggestion": "idea"}
_OUTLINE_LEAD = (
    "This is the offline engine: it works by rules and knows no facts, so it cannot explain {topic}. "
    "Here is an outline for an explanation:"
)
_OUTLINE_END = "With an API key, the same request goes to a Gemini model, which can fill it in."


def essay(task: Task, dice: random.Random) -> Iterator[str]:
    """Yield an essay of exactly as many words as were asked for, paragraph by paragraph."""
    length = task.length
    number = length.words or _PARAGRAPH * length.paragraphs or 16 * length.sentences or 12 * length.lines
    number = number or _WORDS_OF_SIZE[length.size or ("long" if task.kind == "guide" else "")]
    topic = task.topic or "learning something new"
    note = _NOTE.format(topic=topic)
    outro = " ".join(_TEXTS["outro"] if number >= _HEADINGS_FROM else _TEXTS["outro"][:1]).format(topic=topic)
    if number < _NOTE_FROM + size(note):
        yield " ".join(_rest((*_TEXTS["intro"][:3], _TEXTS["outro"][0]), topic, number, dice))
        return
    title = f"# {capital(topic)}" if number >= _HEADINGS_FROM else ""
    left = number - size(title) - size(outro) - size(note)
    if title:
        yield f"{title}\n\n"
    for paragraph in _paragraphs(topic, left, dice, has_headings=bool(title)):
        yield f"{paragraph}\n\n"
    yield f"{outro}\n\n{note}"


def _paragraphs(topic: str, left: int, dice: random.Random, *, has_headings: bool) -> Iterator[str]:
    """Paragraphs of exactly ``left`` words in all, headings included."""
    bags = Bags(dice)
    for aspect, templates in _sections(bags):
        heading = f"## {capital(aspect)}\n\n" if has_headings and aspect else ""
        view = bags.draw("view", _TEXTS["view"])
        text = heading + " ".join(capital(one.format(topic=topic, aspect=aspect, view=view)) for one in templates)
        if size(text) > left:
            break
        left -= size(text)
        yield text
    if left:
        yield " ".join(_rest(_TEXTS["outro"][1:] + _TEXTS["intro"][2:], topic, left, dice))


def _sections(bags: Bags) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "", _TEXTS["intro"]
    yield from ((aspect, _TEXTS[aspect]) for aspect in _ASPECTS)
    # A very long essay looks at the same things with other eyes.
    while True:
        aspect = bags.draw("aspect", [name for name in _ASPECTS if name.endswith("s")])
        yield aspect, tuple(bags.draw("more", _TEXTS["more"]) for _ in range(4))


def _rest(templates: tuple[str, ...], topic: str, left: int, dice: random.Random) -> list[str]:
    """As many of some sentences as fit, and others that make up exactly ``left`` words."""
    told: list[str] = []
    for template in templates:
        text = template.format(topic=topic)
        if size(text) <= left - 2 or size(text) == left:
            told.append(text)
            left -= size(text)
    while left > 0:
        fitting = sentences_of_size(left if left <= 11 else 9, _TEXTS["stem"], _TEXTS["tail"], {})
        told.append(dice.choice([text for text in fitting if text not in told] or fitting))
        left -= size(told[-1])
    return told


def outline(task: Task) -> Iterator[str]:
    """Yield the outline of an explanation; it says that the facts are missing."""
    lead = _OUTLINE_LEAD.format(topic=task.topic)
    if task.length.sentences == 1:
        yield lead.partition(". ")[0] + "."
        return
    yield lead + "\n\n"
    left = (task.length.words or 1000) - size(lead) - size(_OUTLINE_END)
    for number, line in enumerate(_TEXTS["outline"], 1):
        left -= size(line)
        if left >= 0 or number < 3:
            yield f"{number}. {line}\n"
    yield f"\n{_OUTLINE_END}"


def listing(task: Task, dice: random.Random) -> Iterator[str]:
    """Yield a list with as many items as were asked for, or as there are."""
    noun = _SAME.get(task.noun, task.noun)
    wanted = task.number or 5
    items = list(_TEXTS[noun])
    lead = f"The offline engine knows no facts about {task.topic or 'your case'}, but these hold for most things:"
    dice.shuffle(items)
    yield f"{'From the word lists of the offline engine:' if noun in _NAMED else lead}\n\n"
    for number, item in enumerate(items[:wanted], 1):
        yield f"{number}. {item}\n" if number < min(wanted, len(items)) else f"{number}. {item}"
    if wanted > len(items):
        yield f"\n\nThe offline engine has {in_words(len(items))} {plural(noun)}, not {wanted}."
