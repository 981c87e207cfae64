"""What chat servers add to an answer besides text and calls: log probabilities, sources, media, verdicts on harm."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from headwater.core.wire.openai.chat_tables import HARM_CATEGORIES, HARM_PROBABILITIES

_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
#: OpenAI streams audio as raw samples at this rate.
_AUDIO_TYPE = "audio/pcm;rate=24000"


def logprobs_result(logprobs: Any) -> dict[str, Any] | None:
    """Return the log probabilities of an event, None if it has none."""
    content = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    tokens = [token for token in content if isinstance(token, Mapping)] if isinstance(content, list) else []
    if not tokens:
        return None
    tops = [token["top_logprobs"] for token in tokens if isinstance(token.get("top_logprobs"), list)]
    result: dict[str, Any] = {"chosenCandidates": [_token(token) for token in tokens]}
    if any(tops):
        result["topCandidates"] = [
            {"candidates": [_token(one) for one in top if isinstance(one, Mapping)]} for top in tops
        ]
    return result


def _token(token: Mapping[str, Any]) -> dict[str, Any]:
    logprob = token.get("logprob")
    is_number = isinstance(logprob, int | float) and not isinstance(logprob, bool)
    return {"token": str(token.get("token", "")), "logProbability": logprob if is_number else None}


def web_citations(annotations: Any) -> list[dict[str, Any]]:
    """Return the pages that annotations cite, with the place of each citation in characters."""
    found = []
    for entry in annotations if isinstance(annotations, list) else ():
        cited = entry.get("url_citation") if isinstance(entry, Mapping) else None
        if isinstance(cited, Mapping) and isinstance(cited.get("url"), str):
            fields = {
                "startIndex": cited.get("start_index"),
                "endIndex": cited.get("end_index"),
                "uri": cited["url"],
                "title": cited.get("title"),
            }
            found.append({name: value for name, value in fields.items() if value is not None})
    return found


def grounding(citations: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return grounding metadata with these pages, each once; None for no pages."""
    pages = {one["uri"]: {name: one[name] for name in ("uri", "title") if name in one} for one in citations}
    return {"groundingChunks": [{"web": page} for page in pages.values()]} if pages else None


def safety_ratings(results: Any) -> list[dict[str, Any]] | None:
    """Return Azure's verdicts as safety ratings, None if there are none."""
    found = []
    for name, category in HARM_CATEGORIES.items():
        verdict = results.get(name) if isinstance(results, Mapping) else None
        if isinstance(verdict, Mapping) and str(verdict.get("severity")) in HARM_PROBABILITIES:
            rating = {"category": category, "probability": HARM_PROBABILITIES[str(verdict["severity"])]}
            found.append(rating | ({"blocked": True} if verdict.get("filtered") else {}))
    return found or None


def _blob(kind: str, data: str) -> list[dict[str, Any]]:
    """The part for media; none for what is not base64, which clients would refuse together with its chunk."""
    return [{"inlineData": {"mimeType": kind, "data": data}}] if _BASE64.fullmatch(data) and len(data) % 4 == 0 else []


def images(entries: Any, audio: Any) -> list[dict[str, Any]]:
    """Return generated images (OpenRouter's form) and pieces of audio as parts."""
    parts: list[dict[str, Any]] = []
    for entry in entries if isinstance(entries, list) else ():
        place = entry.get("image_url") if isinstance(entry, Mapping) else None
        url = place.get("url") if isinstance(place, Mapping) else place
        if isinstance(url, str) and url.startswith("data:") and ";base64," in url:
            kind, _, data = url.removeprefix("data:").partition(";base64,")
            parts += _blob(kind, data)
    if isinstance(audio, Mapping):
        if isinstance(audio.get("data"), str) and audio["data"]:
            parts += _blob(_AUDIO_TYPE, audio["data"])
        if isinstance(audio.get("transcript"), str) and audio["transcript"]:
            # A part has content or a transcript; without the text here it would be lost to every reader.
            parts.append({"text": audio["transcript"]})
    return parts
