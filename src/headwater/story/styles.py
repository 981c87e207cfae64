"""The manners: what a system instruction asks of the way to answer, and how an answer is given that way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from headwater.story.texts import article, listed, sentence_list, sentences

_QUOTED = r"[\"'\u201c\u2018`]([^\"\u201c\u201d\n]{1,200}?)[\"'\u201d\u2019`](?!\w)"
_LANGUAGES = listed(
    "french german spanish italian portuguese dutch polish russian ukrainian japanese chinese korean arabic hindi "
    "turkish swedish norwegian danish finnish greek hebrew latin czech hungarian romanian thai vietnamese indonesian "
    "esperanto klingon bengali urdu persian mandarin cantonese catalan"
)
_LANGUAGE = "|".join(_LANGUAGES)
_PLAIN_ROLES = re.compile(r"assistant|chatbot|\bbot\b|\bai\b|model|helper|helpful", re.I)
_NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "a single": 1, "a": 1}


class Style(msgspec.Struct, frozen=True):
    """How to answer. Every field that is empty leaves the answer as it is."""

    name: str = ""
    persona: str = ""
    manner: str = ""  # a voice that is known: pirate, cat, dog, robot, shakespeare, ...
    rhyme: bool = False
    haiku: bool = False
    most_sentences: int = 0
    one_word: bool = False
    case: str = ""
    bullets: bool = False
    emoji: bool = False
    language: str = ""
    start: str = ""
    end: str = ""
    json: bool = False


def read_style(system: str, prompt: str) -> Style:
    """Return the style that a system instruction asks for; a few wishes are read from the prompt as well."""
    persona, name = _persona(system), _name(system)
    both = f"{system}\n{prompt[-2000:]}"
    return Style(
        name=name,
        persona=persona,
        manner=_manner(system, persona, prompt),
        rhyme=_has(system, r"\b(rhym\w*|in verse|couplets?|poet|bard)\b"),
        haiku=_has(system, r"\bhaikus?\b"),
        most_sentences=_most_sentences(system),
        one_word=_has(
            both, r"\b(in|with|using|only) (exactly |only |just )?(one|a single|1)[ -]word\b|one[ -]word answer"
        ),
        case=_case(system) or _case(prompt[-2000:]),
        bullets=_has(system, r"\bbullet(ed)?( points?| lists?|s)?\b"),
        emoji=_has(both, r"\b(use|with|add|include|using|in) (\w+ )?emojis?\b"),
        language=_language(system),
        start=_fixed(system, r"(?:start|begin|prefix)"),
        end=_fixed(system, r"(?:end|finish|close|sign off)"),
        json=_has(system, r"\b(answer|reply|respond|output|return)\b[^.\n]{0,40}\bjson\b"),
    )


def _has(text: str, pattern: str) -> bool:
    return re.search(pattern, text, re.I) is not None


def _persona(system: str) -> str:
    pattern = (
        r"\b(?:you are|you're|act as|behave like|pretend (?:to be|you are)|speak (?:like|as)|talk like|"
        r"as)\s+(?:an? |the )([^.,;:!?\n]{2,60})"
    )
    found = re.search(pattern, system, re.I)
    if not found:
        return ""
    role = re.split(r"\b(?:named|called|who|that|which|and|from|with|whose)\b", found[1], flags=re.I)[0].strip()
    return "" if not role or _PLAIN_ROLES.search(role) else role


def _name(system: str) -> str:
    found = re.search(
        r"(?:[Yy]our name is|[Yy]ou are (?:called|named)|[Cc]all yourself|named|[Yy]ou go by|known "
        r"as)\s+[\"'\u201c]?([A-Z][\w]*(?: [A-Z]\w*)*)",
        system,
    ) or re.search(r"\b(?:You are|You're)\s+([A-Z]\w+(?: [A-Z]\w+)?)(?=[,.]|\s+(?:an?|the)\b|$)", system)
    return found[1] if found else ""


_MANNERS = (
    ("pirate", r"pirate"),
    ("shakespeare", r"shakespear\w*|elizabethan"),
    ("cat", r"\b(cat|kitten)\b"),
    ("dog", r"\b(dog|puppy)\b"),
    ("robot", r"\brobot\b"),
    ("yoda", r"\byoda\b"),
    ("cowboy", r"\bcow(boy|girl)\b"),
    ("wizard", r"\b(wizard|witch|mage)\b"),
    ("santa", r"\bsanta\b"),
    ("teacher", r"\b(teacher|professor|tutor)\b"),
    ("chef", r"\b(chef|cook)\b"),
    ("detective", r"\bdetective\b"),
    ("formal", r"\bformal(ly)?\b"),
    ("cheerful", r"\b(cheerful|enthusiastic|excited|upbeat|friendly)\b"),
    ("child", r"\b(five|5)[ -]year[ -]old\b"),
)


def _manner(system: str, persona: str, prompt: str) -> str:
    asked = re.search(r"\b(?:like|as) an? (?:old |real |true )?(\w+)(?: would)?[.!?]?\s*$", prompt[-200:], re.I)
    spoken = asked[1] if asked and re.search(r"\b(talk|speak|answer|reply|say|write|respond)\b", prompt, re.I) else ""
    for subject in (persona, spoken):
        for name, pattern in _MANNERS:
            if subject and _has(subject, pattern):
                return name
    for name in ("pirate", "shakespeare", "yoda", "formal", "cheerful"):
        if _has(system, dict(_MANNERS)[name]):
            return name
    return ""


def _most_sentences(system: str) -> int:
    found = re.search(
        r"\b(one|two|three|four|five|a single|\d{1,2})(?: short| full| complete)? sentences?\b", system, re.I
    )
    if found:
        number = _NUMBERS.get(found[1].lower())
        return number if number is not None else max(1, int(found[1]))
    if _has(system, r"\b(very brief\w*|extremely (short|concise)|as short as possible|one[- ]liners?)\b"):
        return 1
    return (
        2
        if _has(system, r"\b(brief(ly)?|concise(ly)?|terse|short (answers?|replies|responses)|succinct\w*|laconic)\b")
        else 0
    )


def _case(text: str) -> str:
    if re.search(r"\b(upper[ -]?case|all[ -]caps|capital letters|capitals only|ALL CAPS)\b", text, re.I):
        return "upper"
    return "lower" if re.search(r"\b(lower[ -]?case|no capital letters|small letters)\b", text, re.I) else ""


def _language(system: str) -> str:
    found = re.search(rf"\b(?:in|speaks?|to|into|use|only)\s+(?:only )?({_LANGUAGE})\b", system, re.I)
    return found[1].capitalize() if found else ""


def language_in(text: str) -> str:
    """Return the foreign language that ``text`` asks for; empty when it names none."""
    found = re.search(rf"\b(?:in|to|into)\s+({_LANGUAGE})\b", text, re.I)
    return found[1].capitalize() if found else ""


def _fixed(system: str, verb: str) -> str:
    """The words that every answer begins or ends with, when they are quoted or said to be a word or phrase."""
    pattern = (
        rf"\b{verb}\w*\b[^.\n\"'\u201c]{{0,60}}?\b(?:with|by saying|in)\s*:?\s*(?:the (?:words?|phrase|"
        rf"text|sentence)\s+)?"
    )
    found = re.search(pattern + _QUOTED, system, re.I)
    if found:
        return found[1]
    found = re.search(pattern + r"([A-Z]\w*[!.?]?)(?:\s*$|[.\n])", system)
    return found[1] if found else ""


_OPENINGS = {
    "pirate": "Ahoy, matey!",
    "shakespeare": "Hark, good friend!",
    "cat": "Meow!",
    "dog": "Woof!",
    "robot": "Beep. Request received.",
    "yoda": "Hmm. Answer you, I will.",
    "cowboy": "Howdy, partner!",
    "wizard": "By star and staff!",
    "santa": "Ho, ho, ho!",
    "teacher": "Good question, let us look at it together.",
    "chef": "Welcome to my kitchen!",
    "detective": "Let us look at the evidence.",
    "formal": "Thank you for your enquiry.",
    "cheerful": "What a lovely question!",
    "child": "Guess what!",
}
_CLOSINGS = {
    "pirate": "Arr, that be all I know, me hearty.",
    "shakespeare": "Fare thee well.",
    "cat": "Purr.",
    "dog": "Wag, wag.",
    "robot": "End of transmission.",
    "yoda": "Wise now, you are.",
    "cowboy": "Happy trails.",
    "wizard": "May your lantern never go out.",
    "santa": "Merry wishes to you.",
    "chef": "Enjoy every bite.",
    "detective": "Case closed.",
    "formal": "Please do not hesitate to ask further questions.",
}
_SWAPS = {
    "pirate": (
        (r"\bmy\b", "me"), (r"\bMy\b", "Me"), (r"\byou\b", "ye"), (r"\bYou\b", "Ye"), (r"\byour\b", "yer"),
        (r"\bYour\b", "Yer"), (r"\bis\b", "be"), (r"\bare\b", "be"), (r"\bam\b", "be"), (r"\bfriends?\b", "matey"),
        (r"\bHello\b", "Ahoy"), (r"\byes\b", "aye"), (r"\bYes\b", "Aye"),
    ),
    "shakespeare": (
        (r"\byou are\b", "thou art"), (r"\byour\b", "thy"), (r"\bYour\b", "Thy"), (r"\bHello\b", "Good morrow"),
        (r"\bhas\b", "hath"), (r"\bdoes\b", "doth"), (r"\bperhaps\b", "perchance"), (r"\bPerhaps\b", "Perchance"),
    ),
    "cowboy": ((r"\bHello\b", "Howdy"), (r"\bfriends?\b", "partner"), (r"\byou\b", "ya"), (r"\bYou\b", "Ya")),
}  # fmt: skip


def dress(style: Style, pieces: Iterable[str], *, greet: bool = True) -> Iterator[str]:
    """Yield the text in the given style; ``greet=False`` leaves out opening and closing calls (for code and lists)."""
    if style.one_word:
        pieces, greet = [_one_word(first_lines(pieces))], False
    elif style.most_sentences:
        pieces = [" ".join(sentence_list(first_lines(pieces))[: style.most_sentences])]
    elif style.bullets:
        pieces = _bulleted(pieces)
    yield from (_recase(style, piece) for piece in _framed(style, _spoken(style, pieces), greet))


def first_lines(pieces: Iterable[str]) -> str:
    """Return the beginning of a text, long enough for a few sentences."""
    kept = ""
    for piece in pieces:
        kept += piece
        if len(kept) > 4000:
            break
    return kept.strip()


def _one_word(text: str) -> str:
    """The word that says most: the first, unless that is a small one; then the longest of the first sentence."""
    found = [word.strip("*_`.,;:!?()\"'#|") for word in next(sentences(text), text).split()]
    telling = [word for word in found if word]
    if not telling:
        return "Yes."
    small = len(telling[0]) < 4 and telling[0].lower() not in ("yes", "no") and not telling[0][0].isdigit()
    best = max(telling, key=len) if small else telling[0]
    return f"{best[:1].upper()}{best[1:]}."


def _bulleted(pieces: Iterable[str]) -> Iterator[str]:
    for piece in pieces:
        if piece.lstrip().startswith(("-", "*", "#", "|", "`", "1")):
            yield piece
            continue
        yield "".join(f"- {sentence.strip()}\n" for sentence in sentences(piece) if sentence.strip())


def _spoken(style: Style, pieces: Iterable[str]) -> Iterator[str]:
    swaps = _SWAPS.get(style.manner, ())
    for piece in pieces:
        changed = piece
        if "```" not in piece:
            for pattern, new in swaps:
                changed = re.sub(pattern, new, changed)
        yield changed


def _framed(style: Style, pieces: Iterable[str], greet: bool) -> Iterator[str]:
    lead = _lead(style) if greet else ""
    if lead:
        yield lead + " "
    if style.start:
        yield style.start + " "
    last = ""
    for piece in pieces:
        if last:
            yield last
        last = piece
    yield last.rstrip() if style.end or greet else last
    if greet and style.manner in _CLOSINGS and not style.most_sentences:
        yield "\n\n" + _CLOSINGS[style.manner]
    if style.emoji:
        yield " \U0001f31f"
    if style.end:
        yield " " + style.end


def _lead(style: Style) -> str:
    opening = _OPENINGS.get(style.manner, "")
    if not opening and style.persona and not style.rhyme:
        opening = f"As {article(style.persona)}, I would put it like this."
    return opening


def _recase(style: Style, piece: str) -> str:
    if style.case == "upper":
        return piece.upper()
    return piece.lower() if style.case == "lower" else piece
