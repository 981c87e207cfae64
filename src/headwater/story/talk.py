"""The conversation: greetings, echoes, and whatever refers to what was said before."""

from __future__ import annotations

import re
from collections.abc import Iterator

from headwater.story.facts import joke, known
from headwater.story.lengths import Length, length_in
from headwater.story.reading import Ask
from headwater.story.styles import language_in
from headwater.story.texts import capital, joined, sentence_list, words
from headwater.story.topics import keywords, subject_of

_ECHO = re.compile(
    r"\b(?:repeat (?:after me|the following(?: \w+)?|this|exactly)|(?:say|reply|respond|answer|output|print|"
    r"write|return)(?: with)?(?: back)?"
    r"(?: exactly| only| just| the words?| the phrase| the text| this| the following| nothing but| literally)+|"
    r"(?:just|only|simply|please) (?:say|reply with|reply|respond with|answer with|output)|^\s*(?:say|echo|repeat)|"
    r"(?:reply|respond|answer) with)\b\s*(?:the words? |the phrase |the text )?[:,]?\s*(.+)",
    re.I | re.S,
)
_GREETING = re.compile(
    r"^\W*(?:hi|hello|hey|hiya|howdy|greetings|good (?:morning|afternoon|evening|day)|hallo|bonjour|hola|ping|"
    r"test(?:ing)?)\b"
    r"(?:[\s,]+(?:there|you|all|everyone|again|gemini|headwater|friend|world|buddy|assistant|how are you(?: "
    r"doing)?(?: today)?))*\W*$",
    re.I,
)


def echo(text: str) -> str:
    """Return what the prompt wants to hear back word for word; empty when it wants nothing of the kind."""
    found = _ECHO.search(text[:20_000])
    if not found or length_in(found[1][:200]).sentences:
        return ""
    wanted = found[1].strip()
    quoted = re.match(
        r"[\"'\u201c\u2018`](.+?)[\"'\u201d\u2019`](?:\W*$|\s+(?:and nothing|without|only|in|\d+ times|back))",
        wanted,
        re.S,
    )
    if quoted:
        return _times(text, quoted[1])
    if re.match(r"(?:hi|hello)\b.{0,40}\b(?:to|in)\b", wanted, re.I):
        return ""
    if re.match(
        r"(?:something|anything|a |an |one|your|me |what|how|why|it |that|some|to |in |with|json|yes or no|"
        r"true or false|the (?:name|number|answer|capital|result|weather))",
        wanted,
        re.I,
    ):
        return ""
    wanted = re.sub(
        r",? (?:and nothing else|and nothing more|without anything else|only|please|verbatim)[.!]*$",
        "",
        wanted,
        flags=re.I,
    )
    return _times(text, wanted)


def _times(text: str, wanted: str) -> str:
    found = re.search(r"\b(\d{1,3}) times\b", text)
    return " ".join([wanted] * int(found[1])) if found else wanted


def greeting(ask: Ask) -> str:
    """Return the answer to a greeting, thanks, a farewell or a question about the storyteller; else an empty text."""
    text, style = ask.text.strip(), ask.style
    me = style.name or "the offline storyteller of headwater"
    if _GREETING.match(text):
        well = " I am well, thank you." if re.search(r"how are you", text, re.I) else ""
        role = f", {_article(style.persona)}" if style.persona and style.name else ""
        return (
            f"Hello!{well} I am {me}{role}. Ask me for a story, a poem, a list or an explanation, and I "
            f"will write it for you right here."
        )
    if re.match(r"^\W*(?:thanks?|thank you|thx|cheers|merci|danke)\b", text, re.I) and len(text) < 80:
        return "You are welcome! I am glad that it helped. Is there anything else that I can write for you?"
    if re.match(r"^\W*(?:bye|goodbye|good night|see you|farewell|ciao)\b", text, re.I) and len(text) < 60:
        return "Goodbye, and thank you for the conversation. Come back whenever you need a story."
    if re.search(r"\bhow are you\b|\bhow do you do\b", text, re.I) and len(text) < 80:
        return f"I am well, thank you for asking. I am {me}, always awake and never online. How can I help you today?"
    return _about_me(text, ask, me)


def _article(persona: str) -> str:
    return f"{'an' if persona[:1].lower() in 'aeiou' else 'a'} {persona}"


def _about_me(text: str, ask: Ask, me: str) -> str:
    if re.search(
        r"\b(?:what(?:'s| is) your name|who are you|introduce yourself|what are you|tell me about yourself)\b",
        text,
        re.I,
    ):
        if ask.style.name or ask.style.persona:
            who = ask.style.name or _article(ask.style.persona)
            role = f", {_article(ask.style.persona)}" if ask.style.name and ask.style.persona else ""
            return f"I am {who}{role}. It is a pleasure to meet you."
        return (
            "I am the offline storyteller of headwater. I am no language model: I write answers by rule, "
            "without a key or a network, "
            "so that you can build and test your application."
        )
    if re.search(r"\b(?:what can you do|help me\W*$|^\W*help\W*$|what do you do)\b", text, re.I):
        return (
            "I can tell stories of any length, write poems that rhyme, make lists and tables, write small "
            "programs, work out sums, look at the "
            "colours of an image, fill JSON schemas and call your functions. I do all of it offline and by "
            "rule, so please do not rely on my facts."
        )
    if re.search(
        r"\bare you (?:a |an )?(?:real|human|ai|gemini|chatgpt|gpt|model|robot|bot|language model|online)\b", text, re.I
    ):
        return f"No, I am {me}. I answer by rule and without a network, so that applications can be tried out offline."
    if re.search(r"\bjokes?\b", text, re.I):
        return joke(ask.dice("joke").randrange(1000))
    return ""


def follow_up(ask: Ask, length: Length) -> Iterator[str] | None:
    """Return the answer to a request that refers to the chat so far; None when this is no such request."""
    text = ask.text[-1500:]
    reply = _about_user(text, ask)
    if reply:
        return iter([reply])
    if re.search(r"\btranslat\w*\b", text, re.I):
        return iter([_translation(ask)])
    if re.search(
        r"\b(?:summari[sz]e|summary|tl;?dr|sum (?:it|this|that) up|recap|in a nutshell|shorten|shorter|"
        r"condense|boil (?:it|this) down|main point|gist)\b",
        text,
        re.I,
    ):
        return iter([summary(source, length, text)]) if (source := _source(ask)) else None
    if ask.last_answer() and re.search(
        r"^\W*(?:please )?(?:in|as|make it|just|only|now in)\s+(?:just )?(?:one|two|three|four|five|a single|"
        r"\d+) (?:\w+ )?(?:sentences?|words?)\W*$",
        text,
        re.I,
    ):
        return iter([summary(ask.last_answer(), length, text)])
    return None


def _source(ask: Ask) -> str:
    """The text to summarise: one that the prompt itself brings, else what was said last."""
    text = ask.text
    own = re.split(r":\s*\n?|\n\n", text, maxsplit=1)
    if len(own) > 1 and len(words(own[1])) >= 12:
        return own[1]
    if re.search(r"\b(?:chat|conversation|we (?:talked|discussed|said))\b", text, re.I) and ask.history:
        return " ".join(turn.text for turn in ask.history)
    return ask.last_answer()


def summary(source: str, length: Length, request: str = "") -> str:
    """Return the gist of ``source`` in as many sentences or words as were asked for, one when nothing was said."""
    found = [
        line
        for line in sentence_list(re.sub(r"\*\*[^*\n]+\*\*\n|^#.*$|```.*?```", "", source, flags=re.M | re.S))
        if '"' not in line
    ]
    found = found or sentence_list(source) or [capital(source.strip().rstrip(".")) + "."]
    number = length.sentences or (3 if length.paragraphs else 0)
    if length.words:
        return _in_words(found, length.words)
    if not number:
        shorter = re.search(r"\bshort(?:er|en)\b|condense", request, re.I)
        number = max(2, len(found) // 3) if shorter else 1 if len(found) < 6 else 2
    if number == 1:
        return _one_sentence(found)
    number = min(number, len(found))
    places = [round(place * (len(found) - 1) / max(1, number - 1)) for place in range(number)]
    return " ".join(found[place] for place in places)


def _one_sentence(found: list[str]) -> str:
    first = found[0].rstrip(".!?")
    names = [name for name in _names(" ".join(found)) if name not in first]
    last = found[-1].rstrip(".!?") if len(found) > 2 else ""
    if (
        last
        and len(words(first)) + len(words(last)) < 45
        and not re.match(r"(?:And|But|So|If|Then|From|Call|It was)\b", last)
    ):
        known_names = set(re.findall(r"(?<=[a-z,] )[A-Z]\w+", " ".join(found)))
        plain = last if last.split()[0].strip(",") in {*known_names, "I"} else last[0].lower() + last[1:]
        return f"{first}, and in the end {plain}."
    return f"{first}{f', together with {joined(names[:2])}' if names and len(words(first)) < 20 else ''}."


def _names(text: str) -> list[str]:
    counts: dict[str, int] = {}
    for name in re.findall(r"(?<=[a-z,] )[A-Z][a-z]{2,}", text):
        counts[name] = counts.get(name, 0) + 1
    return [name for name, number in sorted(counts.items(), key=lambda pair: -pair[1]) if number > 1]


def _in_words(found: list[str], number: int) -> str:
    kept: list[str] = []
    for line in found:
        if len(" ".join([*kept, line]).split()) <= number:
            kept.append(line)
    return " ".join(kept) or " ".join(found[0].split()[:number]).rstrip(".,;:") + "."


def _about_user(text: str, ask: Ask) -> str:
    """What the user said about himself, or asked and heard before."""
    if re.search(r"\bwhat(?:'s| is| was) my name\b|\bdo you (?:know|remember) my name\b|\bwho am i\b", text, re.I):
        name = _said(ask, r"\b(?:my name is|i am called|call me|i'm called|my name's)\s+([A-Z]?\w+)") or _said(
            ask, r"\b(?:I am|I'm|i'm)\s+([A-Z][a-z]+)\b"
        )
        return f"Your name is {capital(name)}." if name else "You have not told me your name yet."
    fact = re.search(r"\bwhat(?:'s| is| was| are| were) my (?:favou?rite )?([\w ]{2,30}?)\s*(?:again)?\?", text, re.I)
    if fact and ask.history:
        value = _said(
            ask, rf"\bmy (?:favou?rite )?{re.escape(fact[1])}\s+(?:is|are|was)\s+(?:called |named )?([^.!?,\n]{{1,60}})"
        )
        return (
            f"You told me that your {fact[0][fact[0].lower().index('my ') + 3 :].rstrip('? ')} is {value.strip()}."
            if value
            else ""
        )
    if re.search(
        r"\bwhat (?:did|have) i (?:just )?(?:say|said|ask|asked|tell|told|write|type)|\bmy (?:last|previous|"
        r"first) (?:question|message|prompt)",
        text,
        re.I,
    ):
        said = [turn.text for turn in ask.history if turn.role == "user" and turn.text.strip()]
        chosen = said[0] if said and re.search(r"\bfirst\b", text, re.I) else said[-1] if said else ""
        return f'You said: "{chosen[:500]}"' if chosen else "This is the first thing that you have said to me."
    if re.search(
        r"\bwhat did you (?:just )?(?:say|answer|write|tell)|\byour (?:last|previous) (?:answer|message|"
        r"reply)\b|\brepeat (?:that|your answer)\b|\bsay (?:that|it) again\b",
        text,
        re.I,
    ):
        return ask.last_answer() or "I have not said anything yet."
    told = re.search(r"\bmy name is\s+(\w+)", text, re.I)
    if told and len(words(text)) < 14 and "?" not in text:
        return f"Nice to meet you, {capital(told[1])}! I will remember your name for as long as this chat lasts."
    return _remembered(text, ask)


def _remembered(text: str, ask: Ask) -> str:
    """The sentence of the chat that shares most words with a question about "I" or "my"."""
    if not ask.history or "?" not in text or not re.search(r"\b(?:i|my|we|our|me)\b", text, re.I):
        return ""
    wanted = {word.lower() for word in keywords(text, 10)} - {"many", "much", "name"}
    best, score = "", 0
    for turn in ask.history:
        for line in sentence_list(turn.text + ".") if turn.role == "user" else []:
            shared = len(wanted & {word.lower() for word in keywords(line, 30)})
            if shared > score and "?" not in line:
                best, score = line, shared
    return f'You told me: "{best.rstrip(".")}."' if best else ""


def _said(ask: Ask, pattern: str) -> str:
    for turn in reversed(ask.history):
        if turn.role == "user" and (found := re.search(pattern, turn.text[:5000])):
            return found[1]
    for turn in reversed(ask.history):
        if turn.role == "user" and (found := re.search(pattern, turn.text[:5000], re.I)):
            return found[1]
    found = re.search(pattern, ask.text[:5000], re.I) if "?" in ask.text and "." in ask.text else None
    return found[1] if found else ""


def _translation(ask: Ask) -> str:
    language = language_in(ask.text) or "another language"
    source = re.search(r"[\"\u201c](.+?)[\"\u201d]", ask.text, re.S) or re.search(r":\s*(.+)", ask.text, re.S)
    said = source[1].strip() if source else ask.last_answer()
    original = f' The original was: "{" ".join(said.split())[:300]}"' if said else ""
    return (
        f"The offline storyteller writes English only, so I can not translate this into {language}. A real "
        f"Gemini model can.{original}"
    )


def honest_answer(ask: Ask) -> Iterator[str]:
    """Yield a helpful answer to a prompt that fits nothing else: what is known, or what it seems to be about."""
    fact = known(ask.text)
    if fact:
        yield fact
        return
    telling = keywords(ask.text, 5)
    if not telling:
        yield (
            "I am not sure what you would like me to do. Try asking for a story, a poem, a list, a table or a "
            "small program, "
            "and say what it should be about."
        )
        return
    subject = subject_of(ask.text)
    yield (
        f"You are asking about {subject}. I am the offline storyteller of headwater and no model, so I can "
        f"not look up facts about {joined(telling[:3])}."
    )
    yield (
        f"\n\nWhat I can offer is a way to begin. First, write down what you already know about {telling[0]} "
        f"and what you want to find out. "
        f"Then choose one small question about {telling[-1]} that can be answered today, and leave the larger "
        f"ones for tomorrow."
    )
    yield (
        f"\n\nIf you like, I can also turn {subject} into a story, a poem, a list or a table. With a real API "
        f"key the same request goes to "
        "a real Gemini model."
    )
