"""Shows one answer while it streams, measures it, and says how it ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from headwater.cli.exits import Exit, exit_for, explain
from headwater.cli.screen import Screen
from headwater.errors import HeadwaterError

if TYPE_CHECKING:
    from headwater.genai import Stream
    from headwater.types import GenerateContentResponse

#: Finish reasons that mean: this is not to be said.
_BLOCKED = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "MODEL_ARMOR",
    }
)


class Meter:
    """Measures one answer: times in seconds from when the meter was made, tokens as the API counts them."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._first: float | None = None
        self._last = 0.0
        self._first_tokens = 0
        self.chunks = 0

    def add(self, chunk: GenerateContentResponse) -> None:
        """Take note of a chunk that has just come."""
        self._last = time.perf_counter() - self._start
        self.chunks += 1
        if self._first is None:
            self._first = self._last
            self._first_tokens = chunk.usage_metadata.candidates_token_count or 0

    def figures(self, stream: Stream) -> dict[str, float | int | None]:
        """Return everything measured. The rate is that of the stream after its first chunk."""
        usage = stream.usage_metadata
        total = time.perf_counter() - self._start
        answer = usage.candidates_token_count
        rate = None
        if answer and self._first is not None:
            tokens, seconds = answer - self._first_tokens, self._last - self._first
            rate = tokens / seconds if tokens > 0 and seconds > 0 else answer / total
        return {
            "first_chunk_seconds": None if self._first is None else round(self._first, 3),
            "total_seconds": round(total, 3),
            "chunks": self.chunks,
            "prompt_tokens": usage.prompt_token_count,
            "thought_tokens": usage.thoughts_token_count,
            "answer_tokens": answer,
            "tokens_per_second": None if rate is None else round(rate, 1),
        }


def show(stream: Stream, screen: Screen, *, as_json: bool = False, stats: bool = False) -> Exit:
    """Write ``stream`` to ``screen`` as it comes and return how it ended. Ctrl-C stops the stream at once."""
    meter = Meter()
    try:
        with stream:
            for chunk in stream:
                meter.add(chunk)
                _write(chunk, screen, as_json=as_json)
        code = _judge(stream, screen, as_json=as_json)
    except KeyboardInterrupt:
        screen.after_interrupt()
        code = Exit.INTERRUPTED
    except HeadwaterError as error:
        screen.error(explain(error))
        code = exit_for(error)
    screen.end()
    if stats and code is not Exit.USAGE:
        _tell(meter.figures(stream), screen, as_json=as_json)
    return code


def _write(chunk: GenerateContentResponse, screen: Screen, *, as_json: bool) -> None:
    if as_json:
        import msgspec

        screen.line(msgspec.json.format(chunk.raw, indent=-1))
        return
    screen.thought(chunk.thought_text)
    screen.text(chunk.text)


def _judge(stream: Stream, screen: Screen, *, as_json: bool) -> Exit:
    """Say what is special about an answer that came to its end."""
    answer = stream.response
    feedback, reason = answer.prompt_feedback, str(stream.finish_reason or "")
    if feedback is not None and feedback.block_reason is not None:
        because = f" ({feedback.block_reason_message})" if feedback.block_reason_message else ""
        screen.error(f"the prompt was blocked: {feedback.block_reason}{because}")
        return Exit.BLOCKED
    if reason in _BLOCKED:
        screen.error(f"the answer was blocked: {reason}")
        return Exit.BLOCKED
    if reason not in ("STOP", "MAX_TOKENS"):
        screen.error(f"the model stopped before its answer was whole: {reason}")
        return Exit.CUT_OFF
    if reason == "MAX_TOKENS":
        screen.note("the answer stops here because it reached its limit of tokens")
    elif not as_json:
        _mention_rest(answer, screen)
    return Exit.OK


def _mention_rest(answer: GenerateContentResponse, screen: Screen) -> None:
    """Name what cannot be shown as text."""
    rest = [kind for part in answer.parts for kind in part.to_json_dict() if kind not in _SHOWN]
    if rest:
        kinds = ", ".join(sorted({kind.replace("_", " ") for kind in rest}))
        screen.note(f"not shown here, but with --json: {kinds}")
    elif not answer.text:
        screen.note("the answer is empty")


_SHOWN = frozenset({"text", "thought", "thought_signature"})


def _tell(figures: dict[str, float | int | None], screen: Screen, *, as_json: bool) -> None:
    if as_json:
        import json

        screen.note(json.dumps(figures))
        return
    screen.note(", ".join(_FIGURES[name].format(value) for name, value in figures.items() if value is not None))


_FIGURES = {
    "first_chunk_seconds": "first chunk {:.2f} s",
    "total_seconds": "total {:.2f} s",
    "chunks": "{} chunks",
    "prompt_tokens": "{} tokens in",
    "thought_tokens": "{} thought",
    "answer_tokens": "{} out",
    "tokens_per_second": "{:.0f} tokens/s",
}
