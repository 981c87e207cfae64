"""Reads a request: refuses what the API refuses, and takes apart what is asked.

Theory of operation. Everything that looks for meaning looks at ``instruction`` only, which is at most ``_INSTRUCTION``
characters long however large the request is: its first lines and its last one. ``material`` is the text to work on
(piped, pasted or attached), bounded too. So patterns run on bounded text, and the cost of an answer is linear in the
size of the request with a small factor: hashing, decoding and counting tokens.
"""

from __future__ import annotations

import hashlib
import random
import re

import msgspec

from headwater.errors import APIError, api_error
from headwater.types import (
    Blob,
    Content,
    FileData,
    FunctionResponse,
    GenerateContentRequest,
    GenerationConfig,
    Part,
    ThinkingConfig,
)

_INSTRUCTION = 1_000
_MATERIAL = 40_000
#: A shorter text is one instruction; in a longer one, what follows the first line or colon is material.
_WORDS_OF_MATERIAL = 12
# As much of an answer is held back, until it is known not to be one.
_LONGEST_STOP = 1_000
_POINTS_BACK = re.compile(r"\b(?:above|summar\w+|tl;?dr|gist|shorten)\b", re.I)
_UNKNOWN_MODELS = ("nonexistent", "non-existent", "does-not-exist", "invalid-model")
_MIME_TYPES = ("text/plain", "application/json", "application/xml", "application/yaml", "text/x.enum")
_STATUS = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND"}
_USER_ROLES = (None, "", "user", "function", "tool")


class PromptTurn(msgspec.Struct, frozen=True):
    """One turn of the chat so far."""

    role: str
    text: str


class Prompt(msgspec.Struct, frozen=True):
    """What the last turn asks, what came before, and how to answer."""

    text: str
    size: int  # characters of the text that arrived; ``text`` may be shorter
    instruction: str
    material: str
    turns: tuple[PromptTurn, ...]
    media: tuple[Blob | FileData, ...]
    results: tuple[FunctionResponse, ...]
    config: GenerationConfig
    request: GenerateContentRequest
    digest: bytes

    @property
    def thinking(self) -> ThinkingConfig | None:
        """How to think; None if thinking was not asked for or is switched off."""
        thinking = self.config.thinking_config
        if thinking is None or thinking.thinking_budget == 0:
            return None
        return thinking if thinking.include_thoughts or thinking.thinking_budget or thinking.thinking_level else None

    def dice(self, purpose: str) -> random.Random:
        """Return a source of choices that is always the same for the same request and purpose."""
        return random.Random(self.digest + purpose.encode())  # noqa: S311

    def last_answer(self) -> str:
        """Return what the model said last; empty if it has not spoken yet."""
        return next((turn.text for turn in reversed(self.turns) if turn.role == "model" and turn.text), "")


def read(request: GenerateContentRequest, candidate: int = 0) -> Prompt:
    """Return what ``request`` asks; each ``candidate`` leads to other choices."""
    contents = request.contents or []
    start = _last_user_turn(contents)
    parts = [part for content in contents[start:] if _is_user(content) for part in content.parts or []]
    texts = [_text(content) for content in contents[start:] if _is_user(content)]
    media = tuple(entry for part in parts if (entry := part.inline_data or part.file_data) is not None)
    config = request.generation_config or GenerationConfig()
    text = next((text for text in reversed(texts) if text.strip()), "").strip()
    instruction, material = _halves_of(text, _attached_text(media) or _text_before(texts, text))
    return Prompt(
        text=text,
        size=sum(len(part.text) for part in parts if part.text and not part.thought),
        instruction=instruction,
        material=material,
        turns=tuple(
            PromptTurn("user" if _is_user(content) else "model", _text(content)) for content in contents[:start]
        ),
        media=media,
        results=tuple(part.function_response for part in parts if part.function_response is not None),
        config=config,
        request=request,
        digest=digest_of(request, config.seed, candidate),
    )


def digest_of(request: GenerateContentRequest, seed: int | None, candidate: int) -> bytes:
    """Return bytes that are the same for the same request, seed and candidate."""
    digest = hashlib.sha256(f"{seed}|{candidate}".encode())
    for content in [*(request.contents or []), request.system_instruction]:
        for part in (content.parts if content is not None else None) or []:
            digest.update((part.text or "").encode("utf-8", "replace") + b"\0")
            if part.inline_data is not None:
                digest.update(part.inline_data.data or b"")
            if part.function_response is not None:
                digest.update(f"{part.function_response.id}|{part.function_response.name}".encode("utf-8", "replace"))
    return digest.digest()


def _is_user(content: Content) -> bool:
    return content.role != "model"


def _last_user_turn(contents: list[Content]) -> int:
    """The index at which the last run of user turns begins; a turn that the model began after it is ignored."""
    end = next((place for place in range(len(contents), 0, -1) if _is_user(contents[place - 1])), 0)
    return next((place for place in range(end, 0, -1) if not _is_user(contents[place - 1])), 0)


def _text(content: Content) -> str:
    text = "\n".join(part.text for part in content.parts or [] if part.text and not part.thought)
    # Wishes stand at the beginning or at the end of a long text.
    if len(text) > _MATERIAL:
        text = f"{text[: _MATERIAL // 2]}\n{text[-_MATERIAL // 2 :]}"
    # Half surrogate pairs cannot be sent as JSON.
    return text.encode("utf-8", "replace").decode()


def _attached_text(media: tuple[Blob | FileData, ...]) -> str:
    """The text of the attached files that are plain text."""
    texts = [
        (entry.data or b"")[:_MATERIAL].decode("utf-8", "replace")
        for entry in media[:20]
        if isinstance(entry, Blob) and (entry.mime_type or "").startswith("text/")
    ]
    return "\n\n".join(texts)[:_MATERIAL]


def _text_before(texts: list[str], text: str) -> str:
    """What the user says in turns of its own before the last one: the cached beginning of a prompt, above all."""
    said = [one for one in texts if one.strip()]
    if said and said[-1].strip() == text:
        said.pop()
    return "\n\n".join(one for one in said if _is_material(one))[:_MATERIAL]


def _halves_of(text: str, attached: str) -> tuple[str, str]:
    """Instruction and material: "Summarize this:" and the notes after it, or before it."""
    if attached:
        return _bounded(text), attached
    # "... Summarize the above.": only a last line that says so is an instruction, or every poem would lose its end.
    body, _, last = text.rpartition("\n")
    if len(last) <= 200 and _POINTS_BACK.search(last) and _is_material(body):
        return last, body
    place = min((place for mark in (":", "\n") if (place := text.find(mark, 0, 400)) > 0), default=len(text))
    head, rest = text[:place], text[place + 1 :].strip()
    if not _is_material(rest):
        return _bounded(text), text if len(text) > _INSTRUCTION else ""
    body, gap, last = rest.rpartition("\n\n")
    # "Summarize", the notes, "in one sentence".
    if gap and len(last.split()) <= 8 and len(last) <= 200:
        return f"{head}\n{last}", body
    return head, rest


def _is_material(text: str) -> bool:
    return len(text.split(None, _WORDS_OF_MATERIAL)) >= _WORDS_OF_MATERIAL


def _bounded(text: str) -> str:
    return text if len(text) <= _INSTRUCTION else f"{text[: _INSTRUCTION // 2]}\n{text[-_INSTRUCTION // 2 :]}"


def refusal(code: int, message: str) -> APIError:
    """Return an error with ``details`` in the shape of the API's."""
    error = {"code": code, "message": message, "status": _STATUS[code]}
    return api_error(code, message, status=_STATUS[code], details={"error": error})


def check(request: GenerateContentRequest, model: str) -> None:
    """Refuse what the API refuses.

    Raises:
        APIError: 404 if the model's name says that it does not exist, 400 if the request makes no sense.
    """
    name = model.removeprefix("models/")
    if any(word in name.lower() for word in _UNKNOWN_MODELS):
        raise refusal(
            404,
            f"models/{name} is not found for API version v1beta, or is not supported for generateContent. "
            "Call ListModels to see the list of available models and their supported methods.",
        )
    check_contents(request)
    if request.generation_config is not None:
        _check_config(request.generation_config)


def check_contents(request: GenerateContentRequest) -> None:
    """Refuse contents without a prompt.

    Raises:
        APIError: 400 if the contents are empty, have an unknown role, or lack something that a user says.
    """
    contents = request.contents
    if not contents:
        raise refusal(400, "* GenerateContentRequest.contents: contents is not specified\n")
    if not any(content.parts for content in contents):
        raise refusal(400, "* GenerateContentRequest.contents[0].parts: contents.parts must not be empty.\n")
    if any(content.role != "model" and content.role not in _USER_ROLES for content in contents):
        raise refusal(400, "Please use a valid role: user, model.")
    start = _last_user_turn(contents)
    asked = [content for content in contents[start:] if _is_user(content)]
    if not asked:
        raise refusal(400, "Please ensure that multiturn requests ends with a user role or a function response.")
    if not any(_says_something(part) for content in asked for part in content.parts or []):
        raise refusal(
            400,
            f"* GenerateContentRequest.contents[{start}].parts[0].data: required oneof field 'data' must have one "
            "initialized field\n",
        )


def _says_something(part: Part) -> bool:
    return any(getattr(part, name) not in (None, "") for name in part.__struct_fields__ if name != "thought")


def _check_config(config: GenerationConfig) -> None:
    _check_range("temperature", config.temperature, 0, 2)
    _check_range("top_p", config.top_p, 0, 1)
    _check_range("candidate_count", config.candidate_count, 1, 8)
    _check_range("max_output_tokens", config.max_output_tokens, 1, None)
    stops = config.stop_sequences or []
    _check_range("stop_sequences.size", len(stops), 0, 5)
    _check_range("stop_sequences.length", max(map(len, stops), default=0), 0, _LONGEST_STOP)
    mime_type = config.response_mime_type
    if mime_type and mime_type not in _MIME_TYPES:
        raise refusal(
            400,
            "* GenerateContentRequest.generation_config.response_mime_type: allowed mimetypes are "
            f"{', '.join(f'`{name}`' for name in _MIME_TYPES)}. Got `{mime_type[:100]}`.\n",
        )


def _check_range(field: str, value: float | None, low: float, high: float | None) -> None:
    # Written so that NaN, which compares as false, is refused as well.
    if value is None or (value >= low and (high is None or value <= high)):
        return
    bounds = f"in the range [{low}, {high}]" if high is not None else f"at least {low}"
    raise refusal(400, f"* GenerateContentRequest.generation_config.{field}: must be {bounds}, got {value}.\n")
