"""What kind of answer an instruction asks for, and what it should be about.

Only what is recognised for certain becomes a task: the sentence begins with a verb such as "write", or with the noun
phrase itself ("A poem about rain"), and the last noun of that phrase names the kind. Everything else has no kind, and
is answered honestly instead of wrongly.
"""

from __future__ import annotations

import re

import msgspec

from headwater.offline.english import Length, length_in, number_of, plain_words, singular, without_length, words_of
from headwater.offline.prompt import Prompt
from headwater.offline.scenes import BEINGS

_NOUNS = (
    "story tale fable fairytale legend/poem verse rhyme ballad ode song lyrics/essay article post/guide tutorial manual"
    "/code function program script snippet class algorithm/haiku"
)
_KINDS = {noun: nouns.split()[0] for nouns in _NOUNS.split("/") for noun in nouns.split()}
#: What can be listed; ``prose`` has the items.
LISTED = words_of("tip advice hint idea suggestion reason name fruit")
_POLITE = words_of("please can could would will you now so ok okay hi hello hey i i'd want need like to and then me")
_VERBS = words_of(
    "tell write create make give compose generate invent narrate draft produce show list name suggest recommend "
    "implement code provide share build need want"
)
_OPENERS = words_of("a an one another some top short cute little funny quick long bedtime")
_STOPS = words_of(
    "about on of for in to with from that which who whose where when how why what is are was if by regarding "
    "featuring using based summarizing reviewing"
)
_FOLLOW_UP = re.compile(
    r"(?:and |now |ok |okay |please |so )*(?P<more>continue|go on|keep going|and then|then|what happens next|more)|"
    r"(?:(?:and |now |ok |okay |please |tell me |write |give me |let's have )*(?:another(?: \w+)?|again|one more|"
    r"a different \w+|the next one))",
    re.I,
)
_SUMMARY = re.compile(
    r"\b(?:summari[sz]e|summary|tl;?dr|recap|gist|shorten|shorter|condense|sum (?:it|this|that) up)\b", re.I
)
_SHORT_AGAIN = re.compile(r"\W*(?:please )?(?:in|as|just|only) (?:just )?\w+ (?:sentences?|words?)\W*", re.I)
_ABOUT = re.compile(
    r"\b(?:about|regarding|featuring|starring|involving|on the (?:topic|subject) of)\s+(\S.*)", re.I | re.S
)
_TOPIC_END = re.compile(
    r"[.?!;:\n,(]| - |\b(?:that (?:rhymes?|is|has|have|uses?|makes?|should|ends?)|which|using|written|please|suitable|"
    r"in (?:the (?:style|form|voice)|rhymes?|verse|english|french|german|markdown|json|detail|simple|plain|depth)|"
    r"for (?:my|the|kids|children|beginners|adults|everyone)|with (?:a|an|the|no|lots|many|at|rhymes?|thoughts)|"
    r"as (?:a|an|if|markdown)|like (?:a|an|i)|and (?:make|keep|include|use|add|explain|end|give|write|tell))\b",
    re.I,
)
_PRONOUNS = words_of("it this that them these those him her something anything nothing me you us here there whatever")
_EXPLAIN = re.compile(
    r"(?:explain|describe|introduce|outline|teach me|tell me (?:more )?about)\s+(?:(?:to )?me |about |the (?:idea|"
    r"concept|meaning) of )?(?:briefly |in (?:detail|simple terms|depth) )?(?P<topic>\S.*)",
    re.I | re.S,
)
_MOST_TOPIC_WORDS = 9


class Task(msgspec.Struct, frozen=True):
    """A recognised request; ``kind`` is one of ``_KINDS``, "list", "explanation", "summary", or empty."""

    kind: str = ""
    topic: str = ""
    noun: str = ""
    number: int = 0
    length: Length = Length()
    is_continued: bool = False  # the second part of what was told before


def task_of(prompt: Prompt) -> Task:
    """Return what a prompt asks for."""
    task = _task_in(prompt.instruction)
    # "Hi!", and the wish itself in the next line.
    if not task.kind and prompt.material:
        task = _task_in(prompt.text[:1000])
    return task if task.kind else _follow_up(prompt)


def _task_in(instruction: str) -> Task:
    length = length_in(instruction)
    rest = without_length(instruction)
    for sentence in re.split(r"(?<=[.!?])\s+|\n+", rest)[:8]:
        is_summary = _SUMMARY.search(sentence) is not None
        task = Task("summary", length=length) if is_summary else _task_of_sentence(sentence, rest, length)
        if task.kind:
            return task
    return Task()


def _task_of_sentence(sentence: str, rest: str, length: Length) -> Task:
    words = re.findall(r"[\w'+#-]+", sentence.lower())[:40]
    while words and words[0] in _POLITE:
        words.pop(0)
    if not words:
        return Task()
    if explained := _EXPLAIN.match(sentence[sentence.lower().find(words[0]) :]):
        topic = _topic(explained["topic"])
        return Task("explanation" if topic else "", topic, length=length)
    noun = _kind_noun(words)
    # "Write 200 words about rivers."
    if not noun and words[0] in _VERBS and _ABOUT.search(sentence):
        noun = "essay" if length.words or length.paragraphs or length.sentences else ""
    number = next((number for word in words[:6] if (number := number_of(word))), 0)
    # "Name a fruit."
    if noun in LISTED and re.search(rf"\ban? {noun}\b", sentence, re.I):
        number = 1
    # "A name is only a name."
    if noun in LISTED and words[0] not in _VERBS and number < 2:
        return Task()
    kind = _KINDS.get(noun, "list") if noun else ""
    return Task(kind, _topic_of(kind, noun, sentence, rest) if noun else "", noun, number, length)


def _kind_noun(words: list[str]) -> str:
    """The last noun of the leading noun phrase that names a kind of answer; empty for sentences of other forms."""
    opens = words[0] in _VERBS or words[0] in _OPENERS or number_of(words[0]) is not None or _named(words[0])
    found = ""
    for word in words[:12] if opens else ():
        if word in _STOPS and not (found == "" and word in ("of", "for")):
            break
        name = _named(word)
        found = found if found == "haiku" or not name else name
    return found


def _named(word: str) -> str:
    one = singular(word)
    return one if one in _KINDS or one in LISTED else ""


def _topic_of(kind: str, noun: str, sentence: str, rest: str) -> str:
    about = _ABOUT.search(sentence)
    if about and (topic := _topic(about[1])):
        return topic
    joints = "of|on|in which|where" if kind == "story" else "of|on|for|to|when|why"
    after = re.search(rf"\b{noun}(?:s|es)?\s*(?:(?:{joints})\s+|:\s*)(\S.*)", rest, re.I | re.S)
    if after and (topic := _topic(after[1])):
        return topic
    # "a pirate story": of the words before the noun only a known being is a topic, since the others are adjectives.
    before = [singular(word) for word in re.findall(r"\w+", sentence.lower().partition(noun)[0])[-2:]]
    return next((word for word in before if word in BEINGS), "")


def _topic(phrase: str) -> str:
    """A phrase up to where the instruction speaks of something else; empty if it names no topic."""
    kept = _TOPIC_END.split(phrase.strip(" \"'\u201c\u201d*_`(")[:300], maxsplit=1)[0]
    words = plain_words(kept).split()[:_MOST_TOPIC_WORDS]
    while words and words[-1].lower() in ("in", "of", "with", "for", "and", "or", "the", "a", "to"):
        words.pop()
    is_topic = any(letter.isalpha() for word in words for letter in word) and words[0].lower() not in _PRONOUNS
    return " ".join(words) if is_topic else ""


def _follow_up(prompt: Prompt) -> Task:
    """What "another one", "continue" or "in one sentence" mean after the turns before."""
    if prompt.last_answer() and _SHORT_AGAIN.fullmatch(prompt.instruction):
        return Task("summary", length=length_in(prompt.instruction))
    found = _FOLLOW_UP.fullmatch(" ".join(plain_words(prompt.instruction).split()))
    if found is None or len(prompt.instruction) > 60:
        return Task()
    for turn in reversed(prompt.turns[-40:]):
        if turn.role == "user":
            task = _task_in(turn.text[:500])
            if task.kind in ("story", "poem", "haiku", "essay", "explanation"):
                return msgspec.structs.replace(task, is_continued=found["more"] is not None)
    return Task()
