"""Shows one answer while it streams, measures it, and says how it ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from headwater.cli.exits import Exit, exit_for, explain, sentence
from headwater.cli.screen import Screen
from headwater.errors import HeadwaterError

if TYPE_CHECKING:
    from headwater.core.answer.events import Retrying
    from headwater.genai import Stream
    from headwater.types import GenerateContentResponse


def show(stream: Stream, screen: Screen, *, as_json: bool = False, stats: bool = False, progress: bool = False) -> Exit:
    """Write ``stream`` to ``screen`` as it comes and return how it ended. Ctrl-C stops the stream at once.

    With ``progress`` a bar shows how far it is, unless it would stand between lines of JSON.
    """
    if progress and not (as_json and screen.shows_answers):
        screen.watch(lambda: stream.progress)
    try:
        with stream:
            for chunk in stream:
                _write(chunk, screen, as_json=as_json)
                screen.moved()
        code = _judge(stream, screen, as_json=as_json)
    except KeyboardInterrupt:
        screen.after_interrupt()
        code = Exit.INTERRUPTED
    except HeadwaterError as error:
        screen.error(explain(error))
        code = exit_for(error)
    screen.end()
    if stats and code is not Exit.USAGE:
        _tell(_figures(stream), screen, as_json=as_json)
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
    from headwater.core.answer.ending import EndingKind

    ending, answer = stream.ending, stream.response
    if ending is None or ending.kind is EndingKind.CANCELLED:
        return Exit.INTERRUPTED
    if ending.kind is EndingKind.BLOCKED:
        because = f" ({ending.message})" if ending.message else ""
        screen.error(f"the {'prompt' if ending.is_prompt else 'answer'} was blocked: {ending.reason}{because}")
        return Exit.BLOCKED
    if not ending.is_whole:
        screen.error(f"the model stopped before its answer was whole: {ending.reason}")
        return Exit.CUT_OFF
    if ending.kind is EndingKind.MAX_TOKENS:
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


def _figures(stream: Stream) -> dict[str, float | int | None]:
    """Return what was measured. The rate is that of the stream after its first chunk."""
    metrics, usage = stream.metrics, stream.usage_metadata
    return {
        "first_chunk_seconds": _rounded(metrics.first_chunk, 3),
        "total_seconds": _rounded(metrics.total, 3),
        "chunks": metrics.chunks,
        "prompt_tokens": metrics.prompt_tokens,
        "thought_tokens": usage.thoughts_token_count,
        "answer_tokens": usage.candidates_token_count,
        "tokens_per_second": _rounded(metrics.tokens_per_second, 1),
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


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


def teller(screen: Screen) -> Callable[[Retrying], None]:
    """Return who says on ``screen`` that an answer is tried again, and how long that takes."""

    def tell(retry: Retrying) -> None:
        screen.note(f"{sentence(retry.error).rstrip('.')}: trying again in {retry.delay:.1f} s")

    return tell
