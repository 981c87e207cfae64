"""The writers' desk: looks at the prompt, and hands it to the writer of stories, poems, lists, articles and so on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from headwater.story import code, essay, shapes, talk, verse
from headwater.story.briefs import make_brief
from headwater.story.facts import known
from headwater.story.lengths import NUMBER, Length, number_of
from headwater.story.reading import Ask
from headwater.story.story import story_in_sentences, write_story
from headwater.story.styles import dress
from headwater.story.sums import sum_in
from headwater.story.texts import capital, sentence_list
from headwater.story.topics import keywords, subject_of, topic_in
from headwater.story.vision import describe_media

Text = Iterable[str]
_STORY_WORDS = {"tiny": 50, "short": 180, "long": 1000, "huge": 3500}
_ESSAY_WORDS = {"tiny": 60, "short": 150, "long": 1200, "huge": 3600}
_STORY = r"stor(?:y|ies)|tales?|fable|fairytale|fairy tale|adventure|narrative|saga|myth|legend|novella"
_POEM = r"poems?|poetry|verses?|ode|sonnet|ballad|song|lyrics|rhymes?|couplets?|nursery rhyme|lullaby"
_ARTICLE = (
    r"guide|tutorial|article|blog ?post|white ?paper|handbook|manual|documentation|report|how-to|overview|walkthrough"
)
_ESSAY = r"essays?|paragraphs?|text|speech|introduction|review|description|words|sentences?|monologue|dialogue"


def write(ask: Ask, length: Length) -> Iterator[str]:
    """Yield the text of the answer in the style that was asked for."""
    for writer, greet in _WRITERS:
        text = writer(ask, length)
        if text is not None:
            return dress(ask.style, _in_language(ask, text), greet=greet)
    return dress(ask.style, _in_language(ask, talk.honest_answer(ask)))


def _in_language(ask: Ask, text: Text) -> Iterator[str]:
    if ask.style.language and ask.style.language != "English":
        yield f"(The offline storyteller writes English only; a real model would answer in {ask.style.language}.) "
    yield from text


def _has(ask: Ask, pattern: str) -> bool:
    return re.search(rf"\b(?:{pattern})\b", ask.prompt, re.I) is not None


def _echo(ask: Ask, length: Length) -> Text | None:
    wanted = talk.echo(ask.text)
    return [wanted] if wanted else None


def _follow_up(ask: Ask, length: Length) -> Text | None:
    return talk.follow_up(ask, length) or _continued(ask, length)


def _continued(ask: Ask, length: Length) -> Text | None:
    """More of what was told before: another chapter, or the same again longer."""
    before = ask.last_answer()
    if not before or not re.search(
        r"^\W*(?:please )?(?:continue|go on|more|keep going|and then|what happens next|next chapter|tell me "
        r"more|another one|again|one more)\b"
        r"|\b(?:continue|longer|another (?:one|story|poem)|what happen(?:s|ed) next|sequel)\b",
        ask.prompt,
        re.I,
    ):
        return None
    earlier = next((turn.text for turn in reversed(ask.history) if turn.role == "user" and turn.text), "")
    topic = topic_in(earlier, _STORY) or subject_of(earlier)
    if re.search(_POEM, earlier, re.I):
        return verse.poem(topic, length.lines or 8, ask.dice("more"))
    names = re.findall(r"(?:named|called|name of|called (?:her|him)) ([A-Z][a-z]+)", before)
    if re.search(_STORY, earlier, re.I) or names:
        brief = make_brief(topic, ask.dice("more"), names[0] if names else "")
        return write_story(brief, length.words or 220, ask.dice("more"))
    return essay.write_essay(topic, length.words or 180, ask.dice("more"))


def _sum(ask: Ask, length: Length) -> Text | None:
    if re.search(rf"\b(?:{_STORY}|{_POEM}|{_ARTICLE}|function|code)\b", ask.prompt, re.I) or len(ask.text) > 400:
        return None
    found = sum_in(ask.prompt)
    if found is None:
        return None
    bare = (
        re.search(r"\b(?:only|just)\b.*\b(?:number|result|answer)\b|\bnumber only\b", ask.prompt, re.I)
        or ask.style.one_word
    )
    return [found[1]] if bare else [f"{found[0]} = {found[1]}"]


def _counting(ask: Ask, length: Length) -> Text | None:
    numbers = shapes.counting(ask.prompt)
    return [numbers] if numbers else None


def _poem(ask: Ask, length: Length) -> Text | None:
    dice = ask.dice("poem")
    if _has(ask, "haikus?") or (ask.style.haiku and not _has(ask, _STORY)):
        return [verse.haiku(topic_in(ask.prompt, "haikus?") or _noun(ask), dice)]
    if _has(ask, "limericks?"):
        return [verse.limerick(topic_in(ask.prompt, "limericks?"), dice)]
    if _has(ask, _POEM) and not _has(ask, _STORY) and not _has(ask, "explain|what is|difference|function|code"):
        topic = topic_in(ask.prompt, _POEM)
        lines = length.lines or (2 * length.sentences) or (4 * length.paragraphs) or _poem_lines(length)
        return verse.poem(topic or ("" if not keywords(ask.prompt) else _noun(ask)), lines, dice)
    if ask.style.rhyme:
        return verse.reply_in_verse(topic_in(ask.prompt, _STORY) or subject_of(ask.prompt), dice)
    return None


def _poem_lines(length: Length) -> int:
    sizes = {"tiny": 2, "short": 8, "long": 32, "huge": 120}
    return max(2, round(length.words / 6)) if length.words else sizes.get(length.size, 0)


def _noun(ask: Ask) -> str:
    telling = keywords(re.sub(rf"\b(?:{_POEM}|haiku|line)\b", " ", ask.prompt, flags=re.I), 2)
    return " ".join(telling)


def _code(ask: Ask, length: Length) -> Text | None:
    return [code.program(ask.prompt)] if code.wants_code(ask.prompt) and not _has(ask, _STORY) else None


def _email(ask: Ask, length: Length) -> Text | None:
    found = re.search(
        r"\b(?:write|draft|compose|create|send|need)\b.{0,50}\b(?:e-?mail|letter|message)\b", ask.prompt, re.I
    )
    if not found:
        return None
    to = re.search(
        r"\bto (?:my |the |an? )?([A-Za-z][\w ]{1,25}?)(?=\s+(?:about|regarding|asking|for|to|that|on|"
        r"requesting|explaining|in|saying|and|who)\b|[.,!?\n]|$)",
        ask.prompt,
    )
    topic = topic_in(ask.prompt) or " ".join(keywords(ask.prompt, 4))
    purpose = re.search(
        r"\b(?:asking|requesting|explaining|thanking|apologi[sz]ing|inviting|saying|complaining)\b[^.\n]{3,80}",
        ask.prompt,
        re.I,
    )
    subject = topic if re.search(r"\babout\b", ask.prompt, re.I) else purpose[0] if purpose else topic
    return [shapes.email(subject or "our plans", capital(to[1]) if to else "", ask.style.name)]


def _comparison(ask: Ask, length: Length) -> Text | None:
    found = re.search(
        r"\b(?:compare|comparison (?:of|between)|differences? between|contrast|versus between)\s+(?:the "
        r")?(.{2,60}?)\s+(?:and|with|to|vs\.?|versus)\s+(?:the )?(.{2,60}?)(?=[.?!,;\n]|\s+(?:in|as|using|"
        r"with|for|by)\b|$)"
        r"|\b([\w+#]{2,30}(?: [\w+#]{2,20})?) (?:vs\.?|versus) ([\w+#]{2,30}(?: [\w+#]{2,20})?)",
        ask.prompt,
        re.I,
    )
    if not found:
        return None
    first, second = (found[1], found[2]) if found[1] else (found[3], found[4])
    return [shapes.comparison(first.strip().replace("|", " "), second.strip().replace("|", " "), ask.dice("table"))]


_LIST = re.compile(
    rf"\b(?:list|give|name|suggest|tell|write|provide|what are|show|generate|brainstorm|share|recommend|create|"
    rf"propose|need|find|top)\b"
    rf"(?:\s+(?:me|us|of|a|the|out|with|list|top|best|some|about|exactly|"
    rf"just))*\s+({NUMBER})\s+(?P<noun>(?:[\w'-]+\s+){{0,3}}?[\w'-]+s)\b",
    re.I,
)
_ITEMS = (
    r"ideas|tips|ways|facts|reasons|examples|names|things|suggestions|steps|recommendations|questions|"
    r"benefits|titles|items|advantages|rules|hints|points"
)


def _list(ask: Ask, length: Length) -> Text | None:
    found = _LIST.search(ask.prompt) or re.search(
        rf"\b({NUMBER})\s+(?P<noun>(?:[\w'-]+ ){{0,3}}(?:{_ITEMS}))\b", ask.prompt, re.I
    )
    number = number_of(found[1]) if found else None
    noun = found["noun"] if found else ""
    if re.fullmatch(
        r"(?:\w+ )*(?:words|sentences|paragraphs|lines|pages|poems|stories|haikus|limericks|times|minutes|"
        r"hours|days ago|years)",
        noun,
        re.I,
    ):
        return None
    if number is None:
        plain = re.search(
            rf"\b(?:list|brainstorm|give me|suggest|name|what are)\s+(?:some |a few |me |several |of |the |a "
            rf"list of |good )*(?P<noun>(?:[\w'-]+ ){{0,3}}?(?:{_ITEMS}|\w+s))\b",
            ask.prompt,
            re.I,
        )
        if not plain or not _has(ask, "list|brainstorm|suggest|ideas|tips|some|a few|several"):
            return None
        noun = plain["noun"]
        number = 12 if re.search(r"\b(?:months|planets|days)\b", noun, re.I) else 5
    topic = _after(ask.prompt, noun) or topic_in(ask.prompt) or noun
    items = shapes.items_about(noun, topic, max(1, min(number, 500)), ask.dice("list"))
    if _has(ask, "comma|commas|comma-separated"):
        return [", ".join(items)]
    return [shapes.numbered(items, bullets=_has(ask, "bullets?|bulleted|bullet points?"))]


def _after(prompt: str, noun: str) -> str:
    rest = prompt[prompt.find(noun) + len(noun) :]
    found = re.match(r"\s*(?:for|to|about|of|on|in|why|that|against|with)\s+([^.?!,;:\n]{2,60})", rest)
    return found[1].strip() if found else ""


def _story(ask: Ask, length: Length) -> Text | None:
    if not _has(ask, _STORY) or re.search(r"^\W*(?:explain|what is|who wrote|summari[sz]e|define)\b", ask.prompt, re.I):
        return None
    topic = topic_in(ask.prompt, _STORY)
    if not topic and (ask.media or ask.history):
        topic = ""
    dice = ask.dice("story")
    brief = make_brief(topic, dice)
    if length.sentences:
        return [" ".join(story_in_sentences(brief, length.sentences, dice))]
    number = length.words or 75 * length.paragraphs or 12 * length.lines or _STORY_WORDS.get(length.size, 260)
    story = write_story(brief, number, dice)
    return _regrouped(story, length.paragraphs) if length.paragraphs else story


def _regrouped(text: Text, number: int) -> Iterator[str]:
    """The same sentences in exactly ``number`` paragraphs."""
    lines = sentence_list(re.sub(r"\*\*[^*\n]+\*\*\n", "", "".join(text)))
    for place in range(number):
        start, end = len(lines) * place // number, len(lines) * (place + 1) // number
        yield " ".join(lines[start:end]) + ("\n\n" if place + 1 < number else "")


def _article(ask: Ask, length: Length) -> Text | None:
    detailed = _has(ask, "comprehensive|in-depth|detailed|technical|complete|thorough|extensive|everything about")
    if not _has(ask, _ARTICLE) and not (detailed and _has(ask, "write|create|explain everything")):
        return None
    topic = topic_in(ask.prompt, _ARTICLE) or subject_of(ask.prompt)
    number = (
        length.words
        or 120 * length.paragraphs
        or {"tiny": 120, "short": 250, "long": 1500, "huge": 3600}.get(length.size, 800 if detailed else 600)
    )
    return essay.write_article(
        topic, number, ask.dice("article"), guide=_has(ask, "guide|tutorial|handbook|manual|how-to")
    )


def _essay(ask: Ask, length: Length) -> Text | None:
    if not _has(ask, _ESSAY) or not _has(ask, "write|compose|create|draft|generate|give|essay|tell|in"):
        return None
    if not (length or _has(ask, "essays?|speech")) or ask.media:
        return None
    topic, dice = topic_in(ask.prompt, _ESSAY) or subject_of(ask.prompt), ask.dice("essay")
    if length.sentences:
        return [_known_first(ask, essay.sentences_about(topic, length.sentences, dice), length.sentences)]
    number = length.words or 80 * length.paragraphs or 10 * length.lines or _ESSAY_WORDS.get(length.size, 400)
    text = essay.write_essay(topic, number, dice)
    return _regrouped(text, length.paragraphs) if length.paragraphs else text


def _known_first(ask: Ask, lines: list[str], number: int) -> str:
    return " ".join([*sentence_list(known(ask.prompt)), *lines][:number])


def _media(ask: Ask, length: Length) -> Text | None:
    return [describe_media(ask.media, ask.prompt)] if ask.media else None


def _greeting(ask: Ask, length: Length) -> Text | None:
    reply = talk.greeting(ask)
    return [reply] if reply else None


def _explanation(ask: Ask, length: Length) -> Text | None:
    fact = known(ask.prompt)
    asked = re.search(
        r"\b(?:explain|describe|define|teach|how (?:do|does|to|can|are|is)|why|what (?:is|are|does)|discuss|"
        r"tell me (?:more |something )?about|introduce)\b",
        ask.prompt,
        re.I,
    )
    if not asked:
        return None
    topic, dice = subject_of(ask.prompt), ask.dice("explain")
    detailed = _has(ask, "in detail|detailed|thoroughly|in depth|step by step") or length.size in ("long", "huge")
    if length.size == "huge":
        return essay.write_essay(topic, _ESSAY_WORDS["huge"], dice)
    if fact:
        more = ["\n\n", *essay.explanation(topic, dice, detailed=True)] if detailed else []
        return [fact, *more]
    note = (
        "\n\nThis was written offline and by rule, without any knowledge of the subject, so please check it "
        "before you rely on it."
    )
    return _followed(
        essay.explanation(topic, dice, detailed=detailed), "" if length.size in ("tiny", "short") else note
    )


def _yes_or_no(ask: Ask, length: Length) -> Text | None:
    if not re.search(r"\b(?:yes or no|yes/no)\b", ask.prompt, re.I):
        return None
    return [ask.dice("yes").choice(("Yes.", "No."))]


def _piece(ask: Ask, length: Length) -> Text | None:
    """Any other text that is to be written: a tweet, a caption, a toast."""
    topic = topic_in(ask.prompt)
    if not topic or not re.match(
        r"\W*(?:please )?(?:write|create|compose|draft|generate|make|give)\b", ask.prompt, re.I
    ):
        return None
    return [
        " ".join(
            essay.sentences_about(
                topic, 1 if _has(ask, "tweet|caption|slogan|headline|toast") else 4, ask.dice("piece")
            )
        )
    ]


def _followed(text: Text, last: str) -> Iterator[str]:
    yield from text
    yield last


#: In this order the writers are asked; the flag says whether a manner may add its calls at the beginning and the end.
_WRITERS: tuple[tuple[Callable[[Ask, Length], Text | None], bool], ...] = (
    (_echo, False),
    (_follow_up, False),
    (_counting, False),
    (_poem, False),
    (_code, False),
    (_sum, True),
    (_email, False),
    (_comparison, False),
    (_list, False),
    (_story, True),
    (_article, False),
    (_media, True),
    (_essay, True),
    (_greeting, True),
    (_yes_or_no, False),
    (_explanation, True),
    (_piece, True),
)
