"""The topic finder: what a prompt is about, as phrases that can stand inside a sentence."""

from __future__ import annotations

import re

from headwater.story.lengths import without_length
from headwater.story.texts import gerund, listed

_STOP = frozenset(
    listed(
        "a an the and or but if then else of in on at to from for with by about as is are was were be been "
        "being am do does did "
        "doing have has had having will would shall should can could may might must i you he she it we they me "
        "him her us them "
        "my your his its our their mine yours this that these those there here what which who whom whose when "
        "where why how "
        "all any both each few more most other some such no nor not only own same so than too very just also "
        "please tell write "
        "give make create generate show explain describe say answer reply respond using use want need like "
        "know let get think "
        "word words sentence sentences paragraph paragraphs story tale poem essay article short long brief "
        "detailed simple "
        "hi hello hey thanks thank ok okay yes one two three into out up down over under again once ever s t "
        "don ll re ve d m "
        "something anything everything nothing thing things really good great nice new best better help look "
        "see way go come "
        "image picture photo file document attached following text above below prompt question request"
    )
)
_CUT = re.compile(
    r"[.?!;\n\u2014]|,? (?:that is|which is|and (?:make|keep|include|use|write|tell|add|give|end|explain|then)|"
    r"but (?:make|keep)|"
    r"with a (?:twist|happy|sad|moral|surprise|good)|for (?:my|a|an|the|children|kids|beginners|adults|young|"
    r"small|little|"
    r"toddlers|students|everyone|anyone|someone)\b|using\b|suitable|aimed|written|please|step by step|as (?:a|"
    r"an|if|json|html|"
    r"markdown)\b|like (?:a|an|i)\b|to (?:a|an|my|me)\b|in (?:detail|depth|simple|plain|english|french|german|"
    r"spanish|italian|"
    r"json|markdown|html|python|java\b|javascript|style|the (?:style|form|voice)|rhym|verse|layman|short|great|"
    r"a (?:few|nutshell|"
    r"funny|simple|table|list|way|tone|style|bulleted|numbered|single|friendly)))|, (?:in|with|please|make|"
    r"using|include|keep|and)\b| - |\.\.\.",
    re.I,
)
_LEADS = (
    r"\b(?:about|regarding|concerning|involving|featuring|starring|on the (?:topic|subject) of|on how|on the)\s+(.+)",
    r"\b(?:story|tale|poem|song|haiku|limerick|fable|essay|article|guide|tutorial|report|post|verse|ode|lyrics|"
    r"rhyme|email|"
    r"letter|introduction|overview|summary|history|list|paragraph|text|sonnet|ballad)\s+(?:on|of|to|for|in "
    r"which|where|with)\s+(.+)",
    r"\b(?:story|tale|poem|essay|article|topic|subject|guide)\s*:\s*(.+)",
    r"\b(?:explain|describe|define|introduce|discuss|outline|teach me|summari[sz]e|analy[sz]e)\s+(?:to me |me "
    r")?(?:in (?:detail|depth|\w+ terms) )?"
    r"(?:how|why|what|when|the (?:concept|idea|term|meaning|basics|theory|difference between) (?:of )?|about)?\s*(.+)",
    r"\b(?:what|who)(?:'s| is| are| was| were)\s+(?:the (?:meaning|concept|point|purpose|definition) of )?(.+)",
    r"\b(?:why|how|when|where)\s+(?:is|are|was|were|do|does|did|can|could|would|should)\s+(?:i |you |we |one )?(.+)",
    r"\b(?:how to)\s+(.+)",
    r"\b(?:tell|teach|show) me (?:more |something |everything )?(?:about )?(.+)",
)
_KIND_WORDS = re.compile(
    r"\b(?:please|short|long|brief|cute|funny|sad|happy|scary|silly|nice|good|great|little|lovely|beautiful|"
    r"bedtime|fairy|adventure|"
    r"very|really|tiny|small|quick|simple|creative|original|new|interesting|exciting|epic|detailed|micro|flash|fiction|"
    r"heartwarming|whimsical|children'?s?|kids'?|inspiring|moving|dramatic|magical|technical|comprehensive|"
    r"complete|in-depth|"
    r"step-by-step|beginner'?s?|professional|formal|informal|rhyming|word|words|single|one|two|another|"
    r"different|classic|"
    r"super|extremely|engaging|well|written|thorough|full|extensive|basic|general|blog|kurze|longer|shorter|"
    r"numbered|bulleted)\b|\d+",
    re.I,
)
_BEFORE = r"\b(?:an?|the|some|me|my|us|write|tell|another|\d+|create|compose)\s+((?:[\w'-]+\s+){1,6}?)"


def clean(phrase: str) -> str:
    """Return a phrase as plain words: no quotes, no marks, no possessive endings."""
    plain = re.sub(r"['\u2019]s\b|['\u2019\u2018]", "", phrase)
    plain = re.sub(r"[^\w\s]|_", " ", plain)
    return " ".join(plain.split())


def topic_in(prompt: str, kind: str = "") -> str:
    """Return what ``prompt`` is about, as it was said; empty when it does not say. ``kind`` is a word like "story"."""
    text = " ".join(without_length(prompt).split())
    if kind:
        before = re.search(_BEFORE + rf"(?:{kind})\b", text, re.I)
        if found := _first(_LEADS[:3], text):
            return found
        inside = " ".join(_KIND_WORDS.sub(" ", before[1]).split()) if before else ""
        inside = re.sub(
            r"^(?:(?:me|us|a|an|the|some|another|my|your|please|write|tell|create|compose|make|give)\b\s*)+",
            "",
            inside,
            flags=re.I,
        )
        return _trimmed(inside) if clean(inside) else ""
    return _first(_LEADS, text)


def _first(patterns: tuple[str, ...], text: str) -> str:
    for pattern in patterns:
        found = re.search(pattern, text, re.I)
        if found and (topic := _trimmed(found[1])):
            return topic
    return ""


def _trimmed(phrase: str) -> str:
    """The phrase up to where the prompt speaks of something else."""
    kept = _CUT.split(phrase.strip(" \"'\u201c\u201d:"), maxsplit=1)[0]
    kept = re.sub(
        r"^(?:about|regarding)\s+|\s+(?:work|works|please|for me|to me|in|of|with)$",
        "",
        kept.strip(" ,:\"'\u201c\u201d()*_`"),
        flags=re.I,
    )
    words = kept.split()[:14]
    return " ".join(words) if clean(" ".join(words)) else ""


def keywords(text: str, most: int = 6) -> list[str]:
    """Return the telling words of ``text`` in order, without repetition."""
    found: dict[str, str] = {}
    for word in re.findall(r"[^\W\d_][\w'-]+", text[:6000]):
        if word.lower() not in _STOP and len(word) > 2:
            found.setdefault(word.lower(), word)
    return list(found.values())[:most]


def subject_of(prompt: str) -> str:
    """Return a phrase for what ``prompt`` is about, whatever it says: its topic, its telling words, or "this"."""
    topic = topic_in(prompt)
    if topic and len(topic.split()) <= 8:
        first, _, rest = topic.partition(" ")
        doing = re.search(rf"\bhow (?:to|(?:do|can|should) (?:i|you|we|one)) {re.escape(topic)}", prompt, re.I)
        return f"{gerund(first)} {rest}".strip() if doing else topic
    telling = keywords(topic or prompt, 3)
    return " ".join(telling) if telling else "this"
