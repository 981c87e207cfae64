"""The thoughts: what is shown of the thinking when a request asks for it."""

from __future__ import annotations

from headwater.story.lengths import length_in
from headwater.story.reading import Ask
from headwater.story.texts import joined
from headwater.story.topics import keywords


def think(ask: Ask) -> tuple[str, ...]:
    """Return one or two thoughts about the request, each with a heading as the models write it."""
    telling = keywords(ask.prompt, 4)
    about = joined(telling) if telling else "very little"
    first = (
        f"**Understanding the Request**\n\nThe prompt speaks of {about}. I want to find out what kind of "
        f"answer would help most, "
        "and what the prompt says about its length and its tone.\n\n\n"
    )
    length = length_in(ask.prompt)
    measure = (
        f"about {length.words} words"
        if length.words
        else f"{length.sentences} sentences"
        if length.sentences
        else "a moderate length"
    )
    second = (
        f"**Planning the Answer**\n\nI am aiming for {measure}. I will begin with the main point, keep "
        f"{telling[0] if telling else 'it'} "
        "in view, and end where the question is answered.\n\n\n"
    )
    return first, second
