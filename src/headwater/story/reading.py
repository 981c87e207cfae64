"""The reader: takes a request apart into what the writers need to know."""

from __future__ import annotations

import hashlib
import random

import msgspec

from headwater.story.styles import Style, read_style
from headwater.types import (
    Blob,
    Content,
    FileData,
    FunctionResponse,
    GenerateContentRequest,
    GenerationConfig,
    ThinkingConfig,
)

_LONGEST = 20_000


class Turn(msgspec.Struct, frozen=True):
    """One turn of the chat so far: who spoke, and the text."""

    role: str
    text: str


class Ask(msgspec.Struct, frozen=True):
    """What is asked: the last turn of the user, what came before, and how to answer."""

    text: str
    history: tuple[Turn, ...]
    media: tuple[Blob | FileData, ...]
    results: tuple[FunctionResponse, ...]
    style: Style
    config: GenerationConfig
    request: GenerateContentRequest
    digest: bytes

    def dice(self, purpose: str = "") -> random.Random:
        """Return a source of choices that is always the same for the same request and purpose."""
        return random.Random(self.digest + purpose.encode())  # noqa: S311

    @property
    def prompt(self) -> str:
        """Return the text, without its middle where it is very long: enough to see what is asked."""
        return self.text if len(self.text) <= 4000 else f"{self.text[:2000]}\n{self.text[-2000:]}"

    def last_answer(self) -> str:
        """Return what the model said last; empty when it has not spoken yet."""
        return next((turn.text for turn in reversed(self.history) if turn.role == "model" and turn.text), "")


def read(request: GenerateContentRequest, candidate: int = 0) -> Ask:
    """Return what ``request`` asks; a ``candidate`` other than 0 leads to other choices."""
    contents = request.contents or []
    start = _last_turn(contents)
    config = request.generation_config or GenerationConfig()
    system = "" if request.system_instruction is None else _text(request.system_instruction)
    text = _asked(contents[start:])
    parts = [part for content in contents[start:] for part in content.parts or []]
    media = [part.inline_data or part.file_data for part in parts]
    return Ask(
        text=text,
        history=tuple(Turn(_role(content), _text(content)) for content in contents[:start]),
        media=tuple(entry for entry in media if entry is not None),
        results=tuple(part.function_response for part in parts if part.function_response is not None),
        style=read_style(system, text),
        config=config,
        request=request,
        digest=_digest(request, config.seed, candidate),
    )


def request_id(request: GenerateContentRequest) -> bytes:
    """Return bytes that are the same for the same request."""
    config = request.generation_config or GenerationConfig()
    return _digest(request, config.seed, 0)


def thinking_of(config: GenerationConfig) -> ThinkingConfig | None:
    """Return how to think; None when thinking was not asked for or is switched off."""
    thinking = config.thinking_config
    if thinking is None or thinking.thinking_budget == 0:
        return None
    asked = thinking.include_thoughts or thinking.thinking_budget or thinking.thinking_level
    return thinking if asked else None


def _role(content: Content) -> str:
    return "model" if content.role in ("model", "assistant") else "user"


def _last_turn(contents: list[Content]) -> int:
    """The index at which the last run of user turns begins; what a model began after it is ignored."""
    end = len(contents)
    while end > 0 and _role(contents[end - 1]) == "model":
        end -= 1
    while end > 0 and _role(contents[end - 1]) != "model":
        end -= 1
    return end


def _asked(contents: list[Content]) -> str:
    texts = [_text(content) for content in contents if _role(content) != "model"]
    return next((text for text in reversed(texts) if text.strip()), "")


def _text(content: Content) -> str:
    # Half surrogate pairs can not be sent as JSON: they become question marks here, once for all.
    texts = [part.text for part in content.parts or [] if part.text and not part.thought]
    text = "\n".join(texts)
    if len(text) > 2 * _LONGEST:
        text = text[:_LONGEST] + "\n" + text[-_LONGEST:]
    return text.encode("utf-8", "replace").decode("utf-8")


def _digest(request: GenerateContentRequest, seed: int | None, candidate: int) -> bytes:
    digest = hashlib.sha256(f"{seed}|{candidate}".encode())
    for content in [*(request.contents or []), request.system_instruction]:
        for part in (content.parts if content is not None else None) or []:
            digest.update((part.text or "").encode("utf-8", "replace") + b"\0")
            if part.inline_data is not None:
                digest.update(part.inline_data.data or b"")
            if part.function_response is not None:
                digest.update(repr(part.function_response.response).encode("utf-8", "replace"))
    return digest.digest()
