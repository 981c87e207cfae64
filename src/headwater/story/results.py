"""The reporter: says in words what called functions answered."""

from __future__ import annotations

import re
from typing import Any

from headwater.story.reading import Ask
from headwater.story.texts import joined
from headwater.types.base import to_snake


def report_results(ask: Ask) -> str:
    """Return the results of called functions in words."""
    told: list[str] = []
    for result in ask.results:
        about = _arguments_of(ask, result.id, result.name, len(told))
        told.append(_report(result.name or "function", about, to_snake(result.response or {})))
    return "\n\n".join(told)


def _arguments_of(ask: Ask, wanted: str | None, name: str | None, place: int) -> str:
    """The text values of the call that a result answers, ready to be put after "for"."""
    calls = [
        part.function_call
        for content in ask.request.contents or []
        for part in content.parts or []
        if part.function_call is not None
    ]
    matching = [call for call in calls if wanted and call.id == wanted] or [
        call for call in calls[-len(ask.results) :] if call.name == name
    ]
    if not matching:
        return ""
    args = matching[min(place, len(matching) - 1) if len(matching) > 1 else 0].args or {}
    return joined([value for value in args.values() if isinstance(value, str)][:2])


def _report(name: str, about: str, response: Any) -> str:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|[_.:-]+", " ", name).lower()
    subject = (
        re.sub(
            r"^(?:get|fetch|find|look up|lookup|search|retrieve|read|current|query)\s+(?:current )?", "", spaced
        ).strip()
        or spaced
    )
    whole = f"The {subject}{_for(subject, about)}"
    if isinstance(response, dict):
        problem = response.get("error")
        if problem:
            return (
                f"I could not get the {subject}{_for(subject, about)}: the function answered with the error "
                f"{_said(problem)}."
            )
        inner = next(
            (
                response[key]
                for key in ("result", "output", "response", "content")
                if key in response and len(response) == 1
            ),
            response,
        )
        return (
            f"{whole}: {_said(inner)}."
            if inner not in ({}, None, "")
            else f"Done: {spaced}{_for(subject, about)} gave no further result."
        )
    return f"{whole}: {_said(response)}."


def _for(subject: str, about: str) -> str:
    if not about:
        return ""
    return f" {'in' if re.search('weather|temperature|time|forecast', subject) else 'for'} {about}"


def _said(value: Any, depth: int = 0) -> str:
    """A JSON value in words."""
    if isinstance(value, dict) and depth < 4:
        return ", ".join(_pair(str(key), entry, depth) for key, entry in value.items())
    if isinstance(value, list) and depth < 4:
        return joined([_said(entry, depth + 1) for entry in value[:50]]) or "nothing"
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).strip().rstrip(".") if not isinstance(value, dict | list) else "more"


def _pair(key: str, value: Any, depth: int) -> str:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", key).lower()
    if "temp" in spaced and isinstance(value, int | float) and not isinstance(value, bool):
        return f"{spaced} {value} degrees"
    return f"{spaced} {_said(value, depth + 1)}"
