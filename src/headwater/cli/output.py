"""Shows one answer while it streams, and reports its statistics and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, assert_never

from headwater.cli.exits import Exit, exit_for, explain, sentence
from headwater.cli.screen import Screen
from headwater.errors import HeadwaterError

if TYPE_CHECKING:
    from headwater.cli.formats.code import FirstCodeBlock
    from headwater.client.stream.interactions import InteractionStream
    from headwater.core.answer.events import Retrying
    from headwater.genai import Stream

    AnyStream: TypeAlias = Stream | InteractionStream


def show(
    stream: AnyStream,
    screen: Screen,
    *,
    as_json: bool = False,
    stats: bool = False,
    progress: bool = False,
    only: FirstCodeBlock | None = None,
    marks_stop: bool = True,
) -> Exit:
    """Write ``stream`` to ``screen`` as it arrives and return the exit code. Ctrl-C stops the stream at once.

    ``progress`` adds a progress bar, except where it would be mixed with lines of JSON; ``only`` leaves out the text
    around a code block. ``marks_stop`` says of an answer that Ctrl-C ended that it is not whole.
    """
    if progress and not (as_json and screen.shows_answers):
        screen.show_progress(lambda: stream.progress)
    screen.spin()
    # `with` closes the connection on Ctrl-C and on every error, before anything is written about it.
    try:
        with stream:
            _write_chunks(stream, screen, as_json=as_json, only=only)
        code = _report_ending(stream, screen, as_json=as_json)
        if code is Exit.OK and only is not None and not only.found:
            # On standard error: a script that wants code should not get prose.
            screen.error(f"the answer has no code block:\n{stream.text}")
            code = Exit.FAILED
    except KeyboardInterrupt:
        screen.after_interrupt()
        if marks_stop and screen.shows_notes and stream.text:
            screen.note("(stopped)")
        code = Exit.INTERRUPTED
    except HeadwaterError as error:
        screen.error(explain(error))
        code = exit_for(error)
    # After an error too: what arrived before it is on the screen, and has to end its line.
    screen.end()
    if stats and code is not Exit.USAGE:
        _print_stats(_stats(stream), screen, as_json=as_json)
    return code


def _write_chunks(stream: AnyStream, screen: Screen, *, as_json: bool, only: FirstCodeBlock | None) -> None:
    as_chunk = getattr(stream, "as_chunk", None)  # of interactions, whose results are events
    try:
        for result in stream:
            if as_json:
                _write_json(result, screen)
            else:
                chunk = result if as_chunk is None else as_chunk(result)
                screen.thought(chunk.thought_text)
                screen.text(chunk.text if only is None else only.feed(chunk.text))
            screen.refresh_progress()
    finally:
        # After a break too: everything received is printed.
        if only is not None:
            screen.text(only.finish())


def _write_json(result: Any, screen: Screen) -> None:
    import msgspec

    # The bytes of the API, not what was parsed from them; only line breaks are removed. An event is what was received.
    raw = msgspec.json.encode(result.to_dict()) if hasattr(result, "event_type") else result.raw
    screen.line(msgspec.json.format(raw, indent=-1))


def _report_ending(stream: AnyStream, screen: Screen, *, as_json: bool) -> Exit:
    """Report an ending that a reader of the text would not see, and return its exit code."""
    from headwater.core.answer.ending import EndingKind

    ending = stream.ending
    if ending is None:
        return Exit.INTERRUPTED
    match ending.kind:
        case EndingKind.CANCELLED:
            return Exit.INTERRUPTED
        case EndingKind.BLOCKED:
            because = f" ({ending.message})" if ending.message else ""
            screen.error(f"the {'prompt' if ending.is_prompt else 'answer'} was blocked: {ending.reason}{because}")
            return Exit.BLOCKED
        # Broken streams raise before this; what gets here has such an ending by its finish reason alone.
        case (
            EndingKind.TRUNCATED
            | EndingKind.MALFORMED_CALL
            | EndingKind.STALLED
            | EndingKind.INTERRUPTED
            | EndingKind.FAILED
        ):
            screen.error(f"the model stopped before its answer was complete: {ending.reason}")
            return Exit.CUT_OFF
        case EndingKind.MAX_TOKENS:
            screen.note("the answer stops here because it reached the token limit")
        case EndingKind.FINISHED | EndingKind.STOP_SEQUENCE:
            if not as_json:
                _note_hidden_parts(stream, screen)
        case _:
            assert_never(ending.kind)
    return Exit.OK


def _note_hidden_parts(stream: AnyStream, screen: Screen) -> None:
    """Name the kinds of parts, or of an interaction's steps, that have no text."""
    answer: Any = stream.response
    if hasattr(answer, "steps"):
        hidden = [step.type for step in answer.steps or () if step.type not in _SHOWN]
        hidden += [
            one.type
            for step in answer.steps or ()
            for one in getattr(step, "content", None) or ()
            if one.type not in _SHOWN
        ]
    else:
        hidden = [kind for part in answer.parts for kind in part.to_json_dict() if kind not in _SHOWN]
    if hidden:
        kinds = ", ".join(sorted({kind.replace("_", " ") for kind in hidden}))
        screen.note(f"not shown here (use --json): {kinds}")
    elif not stream.text:
        screen.note("the answer is empty")


_SHOWN = frozenset({"text", "thought", "thought_signature", "model_output"})


def _stats(stream: AnyStream) -> dict[str, float | int | str | None]:
    """Return times and token counts. The rate does not count the wait for the first chunk."""
    metrics, usage = stream.metrics, stream.usage_metadata
    return {
        "first_chunk_seconds": _rounded(metrics.first_chunk, 3),
        "total_seconds": _rounded(metrics.total, 3),
        "chunks": metrics.chunks,
        "prompt_tokens": metrics.prompt_tokens,
        "thought_tokens": usage.thoughts_token_count,
        "answer_tokens": usage.candidates_token_count,
        "tokens_per_second": _rounded(metrics.tokens_per_second, 1),
        # What --previous takes.
        "interaction": getattr(stream, "interaction_id", None),
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _print_stats(stats: dict[str, float | int | str | None], screen: Screen, *, as_json: bool) -> None:
    if as_json:
        import json

        screen.note(json.dumps(stats))
        return
    screen.note(", ".join(_STATS[name].format(value) for name, value in stats.items() if value is not None))


_STATS = {
    "first_chunk_seconds": "first chunk {:.2f} s",
    "total_seconds": "total {:.2f} s",
    "chunks": "{} chunks",
    "prompt_tokens": "{} tokens in",
    "thought_tokens": "{} thought",
    "answer_tokens": "{} out",
    "tokens_per_second": "{:.0f} tokens/s",
    "interaction": "interaction {}",
}


def retry_status(screen: Screen) -> Callable[[Retrying], None]:
    """Return an ``on_retry`` hook for many retries: one line that the next retry, or the answer, replaces."""

    def show(retry: Retrying) -> None:
        # The reason last: a narrow terminal cuts the end of the line.
        screen.status(f"retrying in {retry.delay:.1f} s: {sentence(retry.error)}")

    return show


def retry_notes(screen: Screen) -> Callable[[Retrying], None]:
    """Return an ``on_retry`` hook that notes each retry on ``screen``, and its delay."""

    def note(retry: Retrying) -> None:
        screen.note(f"{sentence(retry.error).rstrip('.')}: retrying in {retry.delay:.1f} s")
        screen.spin()

    return note
