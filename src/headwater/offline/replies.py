"""Replies in a sentence or a paragraph: summaries, sums, echoes, and the honest paragraph."""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction

from headwater.offline.english import Length, counted, in_words, joined, sentences_of, words_of
from headwater.offline.media import describe
from headwater.offline.prompt import Prompt
from headwater.offline.tasks import Task

_WHO = (
    "This is the offline engine of headwater: it works by rules, without a language model, and cannot answer questions "
    "or chat."
)
_CAN = (
    "It can write stories, essays and poems of a given length, lists and a few small programs, summarize a text that "
    "you give it, do plain sums, fill a JSON schema and call your functions."
)
_QUOTED_WORDS = 12
_COMMON = words_of(
    "a an the and or but if of in on at to from for with by about as is are was were be been it its this that these "
    "those he she they we you i his her their our your not no do does did has have had will would can could there "
    "then than so"
)
_MOST_SENTENCES = 1_000
_SPOKEN = (("multiplied by", "*"), ("divided by", "/"), ("times", "*"), ("plus", "+"), ("minus", "-"), ("\u00d7", "*"))
_SUM_LEAD = re.compile(r"(?:what is|what's|how much is|calculate|compute|evaluate)\s", re.I)
_SUM = re.compile(r"\d{1,15}(?:\.\d{1,15})?(?:\s*[-+*/]\s*\d{1,15}(?:\.\d{1,15})?){1,20}")
_ECHO = re.compile(
    r"(?:please |just )?(?:repeat (?:after me|this)|say(?: exactly| only| just)?|(?:reply|respond|answer) with(?: only|"
    r" just| exactly)?)\b(?: the words?)?\s*:?\s+(?P<wanted>\S.*)",
    re.I | re.S,
)
_NO_ECHO = re.compile(
    r"(?:something|anything|an?|one|your|my|me|what|how|why|it|that|some|to|in|with|if|json|yes or no|the|hello\b.* "
    r"(?:to|in))\b|.*\b\d+ times\b",
    re.I | re.S,
)
_MY = re.compile(r"what(?:'s| is| was| are) my ([a-z]+(?: [a-z]+){0,3}?)(?: again)?\??", re.I)


def short_reply(prompt: Prompt) -> str:
    """Return the reply to a sum, to "say ..." or to "what is my ..."; empty for other prompts."""
    text = prompt.text if len(prompt.text) <= 2_000 else ""
    return _sum(text) or _echo(text) or _recalled(prompt)


def _sum(text: str) -> str:
    """The result of a plain sum such as "what is 12*7?", computed exactly; empty if the text is anything else."""
    bare = text.strip().rstrip("?=. ")
    asked = _SUM_LEAD.sub("", bare, count=1)
    # Only "+", "*", spaces, a question or "=" make it a sum: the rest are dates, telephone numbers, "24/7".
    if asked == text.strip() and not any(mark in asked for mark in "*+ "):
        return ""
    for words, sign in _SPOKEN:
        asked = asked.replace(words, sign)
    if not _SUM.fullmatch(asked):
        return ""
    found = re.findall(r"[\d.]+|\S", asked)
    try:
        return f"{' '.join(found)} = {_number(_value(found))}"
    except ZeroDivisionError:
        return f"{' '.join(found)} is undefined: nothing can be divided by zero."


def _value(found: list[str]) -> Fraction:
    """The value of numbers with signs between them: a sum of products."""
    terms = [Fraction(found[0])]
    for sign, number in zip(found[1::2], map(Fraction, found[2::2]), strict=True):
        match sign:
            case "*":
                terms[-1] *= number
            case "/":
                terms[-1] /= number
            case _:
                terms.append(number if sign == "+" else -number)
    return sum(terms, Fraction(0))


def _number(value: Fraction) -> str:
    scaled = value * 10**15
    if scaled.denominator > 1:
        return f"{value.numerator}/{value.denominator}, which is about {float(value):.6g}"
    digits = f"{abs(scaled.numerator):016d}"
    return f"{'-' if value < 0 else ''}{digits[:-15]}.{digits[-15:]}".rstrip("0").rstrip(".")


def _echo(text: str) -> str:
    """What the prompt wants to hear word for word."""
    found = _ECHO.match(text.strip())
    if not found:
        return ""
    wanted = found["wanted"].strip()
    if quoted := re.fullmatch(r"[\"'\u201c\u2018`]([^\"\u201c\u201d`]+)[\"'\u201d\u2019`][.!]?", wanted):
        return quoted[1]
    return "" if _NO_ECHO.match(wanted) else wanted if ":" in text else wanted.removesuffix(".")


def _recalled(prompt: Prompt) -> str:
    """What the user said before about "my name" or "my" anything, word for word."""
    asked = _MY.fullmatch(prompt.instruction)
    said = (line for turn in prompt.turns[-40:] if turn.role == "user" for line in sentences_of(turn.text[:2_000]))
    found = next((line for line in said if asked and re.search(rf"\bmy {asked[1]} (?:is|are|was)\b", line, re.I)), "")
    return f"You told me: \u201c{found}\u201d" if found else ""


def summary_of(prompt: Prompt, task: Task) -> str:
    """Return sentences of the text that the prompt brings, or of the chat so far; empty if there is neither."""
    source = prompt.material
    if not source and re.search(r"\b(?:chat|conversation|we (?:talked|discussed|said))\b", prompt.instruction, re.I):
        source = "\n\n".join(turn.text for turn in prompt.turns)[-40_000:]
    found = sentences_of(source or prompt.last_answer())[:_MOST_SENTENCES]
    if not found:
        return ""
    chosen = _chosen(found, task.length, wants_less=re.search(r"\bshort", prompt.instruction, re.I) is not None)
    text = " ".join(line if line.rstrip("\"'\u201d)").endswith((".", "!", "?")) else f"{line}." for line in chosen)
    limit = task.length.words
    return f"{' '.join(text.split()[:limit])} ..." if limit and len(text.split()) > limit else text


def _chosen(found: list[str], length: Length, *, wants_less: bool) -> list[str]:
    """The sentences that say most of what the others say as well, in the order of the text."""
    number = length.sentences or 3 * length.paragraphs or length.lines or (50 if length.words else 0)
    number = number or (max(2, len(found) // 3) if wants_less else 1 if len(found) < 6 else 2)
    words = [{*re.findall(r"\w+", line.lower())} - _COMMON for line in found]
    counts = Counter(word for line in words for word in line)
    scores = [sum(counts[word] for word in line) / (len(line) + 3) for line in words]
    # Direct speech rarely stands for a whole text.
    scores = [score * (0.3 if '"' in line else 1.0) for score, line in zip(scores, found, strict=True)]
    # The first sentence usually says what a text is about.
    scores[0] *= 2.0
    kept: list[int] = []
    left = length.words or 10**6
    for place in sorted(range(len(found)), key=lambda place: -scores[place]):
        size = len(found[place].split())
        if len(kept) < number and (size <= left or not kept):
            kept.append(place)
            left -= size
    return [found[place] for place in sorted(kept)]


def honest_paragraph(prompt: Prompt) -> str:
    """Return what arrived and what this engine can do, for everything that it cannot do itself."""
    said = [f"Your request begins \u201c{_first_words(prompt.text)}\u201d."] if prompt.text else []
    if prompt.media:
        said = [f"It received {describe(prompt.media)}; it reads headers and cannot see or hear what is inside.", *said]
    return " ".join([_WHO, *said, _arrived(prompt), _CAN])


def _first_words(text: str) -> str:
    words = text[:400].split()
    first = " ".join(words[:_QUOTED_WORDS])[:120].rstrip(".")
    return f"{first} ..." if len(words) > _QUOTED_WORDS or len(first) < len(text.rstrip(". ")) - 1 else first


def _arrived(prompt: Prompt) -> str:
    # Long texts are read in part, so their words are not counted.
    is_whole = prompt.size <= len(prompt.text) + 2
    arrived = [counted(len(prompt.text.split()), "word") if is_whole else counted(prompt.size, "character")]
    images = sum((entry.mime_type or "").startswith("image/") for entry in prompt.media)
    counts = {"image": images, "file": len(prompt.media) - images, "tool": len(prompt.request.tools or [])}
    arrived += [counted(number, noun) for noun, number in counts.items() if number]
    if prompt.request.system_instruction is not None:
        arrived.append("a system instruction")
    if prompt.turns:
        noun = "turn" if len(prompt.turns) == 1 else "turns"
        arrived.append(f"{in_words(len(prompt.turns))} earlier {noun}")
    return f"It arrived whole: {joined(arrived)}."
