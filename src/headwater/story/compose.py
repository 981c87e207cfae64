"""The composer: decides what kind of answer a request gets, and has it written."""

from __future__ import annotations

from headwater.story.calls import decide_calls
from headwater.story.jsons import json_answer
from headwater.story.lengths import length_in
from headwater.story.reading import Ask, thinking_of
from headwater.story.results import report_results
from headwater.story.speak import Speech, signature
from headwater.story.styles import dress
from headwater.story.thoughts import think
from headwater.story.tokens import count
from headwater.story.writers import write


def compose(ask: Ask, *, signs_apart: bool = False) -> Speech:
    """Return the answer to ``ask``; its text is written while it is read."""
    thinking = thinking_of(ask.config)
    thoughts = think(ask) if thinking is not None else ()
    shown = thoughts if thinking is not None and thinking.include_thoughts else ()
    hidden = 0 if shown else sum(count(thought) for thought in thoughts)
    mark = signature(ask.digest) if thoughts or signs_apart else None
    if ask.results:
        text = dress(ask.style, [report_results(ask)], greet=bool(ask.style.manner))
        return Speech(text=text, thoughts=shown, hidden=hidden, signature=mark, signs_apart=signs_apart)
    calls = decide_calls(ask)
    if calls:
        return Speech(calls=calls, thoughts=shown, hidden=hidden, signature=mark)
    structured = json_answer(ask)
    if structured is not None:
        return Speech(text=[structured], thoughts=shown, hidden=hidden, signature=mark, signs_apart=signs_apart)
    text = write(ask, length_in(ask.prompt))
    return Speech(text=text, thoughts=shown, hidden=hidden, signature=mark, signs_apart=signs_apart)
