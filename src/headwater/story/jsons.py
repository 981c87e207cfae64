"""The JSON writer: answers in JSON or with one value of an enum where the request asks for it."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from headwater.story.facts import known
from headwater.story.reading import Ask
from headwater.story.schemas import Maker, choices_of, plain
from headwater.story.sums import sum_in
from headwater.story.topics import keywords, subject_of


def json_answer(ask: Ask) -> str | None:
    """Return the answer as JSON, or as one value of an enum; None when plain text is wanted."""
    config = ask.config
    schema = (
        plain(config.response_json_schema) if config.response_json_schema is not None else plain(config.response_schema)
    )
    mime_type = config.response_mime_type or ""
    if mime_type == "text/x.enum":
        value = Maker(ask, schema).make(schema) if choices_of(schema) else "UNKNOWN"
        return str(value)
    if isinstance(schema, dict | bool) and schema is not False:
        return written(Maker(ask, schema).make(schema))
    if mime_type == "application/json" or ask.style.json:
        return written(_about(ask))
    wanted = re.search(
        r"\b(?:as|in|return|give me|output|produce|generate|respond with|reply with|valid)\b[^.\n]{0,30}\bjson\b",
        ask.prompt,
        re.I,
    )
    if wanted and not re.search(r"\b(?:story|explain|function|code|script|parse|what is)\b", ask.prompt, re.I):
        return f"```json\n{written(_about(ask))}\n```"
    return None


def written(value: Any) -> str:
    """Return ``value`` as indented JSON, as the models write it."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _about(ask: Ask) -> dict[str, Any]:
    """A small object about the prompt."""
    named = re.search(r"\b(?:keys?|fields?|properties)\b:?\s+(?:named |called )?([\w\"'`, ]+)", ask.prompt, re.I)
    named = named or re.search(r"\bwith (?:an? )?(\w+(?:, (?:and )?\w+)*,? and (?:an? )?\w+)", ask.prompt, re.I)
    keys = (
        [key for key in re.findall(r"\w+", named[1]) if key not in ("and", "the", "a", "with", "or")][:20]
        if named
        else []
    )
    if keys:
        maker = Maker(ask, {})
        return {key: maker.make({"type": _kind(key)}, key) for key in keys}
    found = sum_in(ask.prompt)
    if found:
        return {"expression": found[0], "result": found[1]}
    subject = subject_of(ask.prompt)
    answer = known(ask.prompt) or f"This is an offline answer about {subject}."
    return {"topic": subject, "answer": answer, "keywords": keywords(ask.prompt, 5), "offline": True}


def _kind(key: str) -> str:
    if re.search(r"count|number|age|year|quantity|total|rating|score", key, re.I):
        return "integer"
    if re.search(r"price|cost|amount|weight|height", key, re.I):
        return "number"
    return "boolean" if re.match(r"(?:is|has|can)_?[A-Z_]", key) else "string"
