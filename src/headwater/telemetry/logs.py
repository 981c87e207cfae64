"""Calls in ``logging``: ``Logs`` writes one record per call, ``log_steps`` one for each step of a call.

client = genai.Client(options={"observers": [Logs()]})
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, assert_never

from msgspec.structs import asdict

from headwater.client.options.observers import CallRequest, FinishedCall
from headwater.core.answer.ending import Ending, EndingKind
from headwater.core.answer.events import Retrying
from headwater.core.answer.metrics import Metrics
from headwater.core.machine.steps import Failed, FunctionsReturned, Open, Opened, Pause, Received, Run, Stop, Wait
from headwater.core.machine.tracing import Trace
from headwater.telemetry.common import error_text, error_type, tokens
from headwater.types import GenerateContentResponse

NAME = "headwater.calls"


class Logs:
    """Writes a record when a call has ended, and at DEBUG when it begins or is retried.

    ``record.call`` is a dict: model, method, ending, metrics, error. With ``content`` it also has
    ``request`` and ``text``; without it no prompt or answer text is written. The key is never written.
    """

    def __init__(self, logger: logging.Logger | str = NAME, *, content: bool = False) -> None:
        self._logger = logging.getLogger(logger) if isinstance(logger, str) else logger
        self._content = content

    def begin(self, request: CallRequest) -> _CallLog:
        """Observe a call."""
        return _CallLog(self._logger, request, self._content)


def level_of(kind: EndingKind) -> int:
    """Return the level of the record of a call that ended like this."""
    match kind:
        case EndingKind.FINISHED | EndingKind.MAX_TOKENS | EndingKind.STOP_SEQUENCE | EndingKind.CANCELLED:
            return logging.INFO
        case EndingKind.BLOCKED | EndingKind.MALFORMED_CALL | EndingKind.TRUNCATED:
            return logging.WARNING
        case EndingKind.STALLED | EndingKind.INTERRUPTED | EndingKind.FAILED:
            return logging.ERROR
        case _:
            assert_never(kind)


class _CallLog:
    def __init__(self, logger: logging.Logger, request: CallRequest, content: bool) -> None:
        self._logger = logger
        self._request = request
        self._content = content
        self._call: dict[str, Any] = {"model": request.model, "method": request.method, "host": request.host}
        logger.debug("%s: request sent", request.model, extra={"call": self._call})

    def retrying(self, event: Retrying) -> None:
        kind = error_type(event.error)
        call = self._call | {"error": kind, "failures": event.failures, "delay": event.delay}
        text = "%s: retry in %.2f s: %s"
        self._logger.debug(text, self._request.model, event.delay, self._message(event.error), extra={"call": call})

    def ended(self, call: FinishedCall) -> None:
        ending, metrics = call.ending, call.metrics
        assert ending is not None  # ended() is called after the ending is set
        level = level_of(ending.kind)
        # Before the facts are gathered, which costs more than the rest of the call's bookkeeping.
        if not self._logger.isEnabledFor(level):
            return
        facts = self._call | self._facts(call, ending, metrics)
        self._logger.log(level, "%s %s", self._request.model, _sentence(facts, metrics), extra={"call": facts})

    def _facts(self, call: FinishedCall, ending: Ending, metrics: Metrics) -> dict[str, Any]:
        spent = tokens(call)
        facts = {
            "ending": ending.kind.value,
            "reason": ending.reason,
            "error": error_type(ending.error) if ending.error else None,
            "message": self._message(ending.error) if ending.error else None,
            "response_id": call.response.response_id,
            "input_tokens": spent.input,
            "output_tokens": spent.output,
            "thought_tokens": spent.thoughts,
            "cached_tokens": spent.cached,
        }
        measured = {name: value for name, value in asdict(metrics).items() if name not in _RENAMED}
        content = {"request": self._request.document, "text": call.text} if self._content else {}
        return facts | measured | content

    def _message(self, error: Any) -> str:
        return str(error) if self._content else error_text(error)


#: Metrics that ``_facts`` reports under its own names (``input_tokens`` ...).
_RENAMED = frozenset({"prompt_tokens", "tokens"})


def _sentence(facts: Mapping[str, Any], metrics: Metrics) -> str:
    counts = {"chunk": metrics.chunks, "character": metrics.characters, "token": facts["output_tokens"]}
    counted = [f"{count} {name}{'' if count == 1 else 's'}" for name, count in counts.items() if count is not None]
    because = f" ({facts['message']})" if facts["message"] else ""
    return f"{facts['ending']} after {metrics.total or 0.0:.2f} s{because}: {', '.join(counted)}"


def log_steps(logger: logging.Logger | str = NAME) -> Trace:
    """Return a ``trace`` hook that writes each step, fact and result of a call at DEBUG: sizes, no content, no key."""
    log = logging.getLogger(logger) if isinstance(logger, str) else logger

    def trace(now: float, what: Any) -> None:
        # Checked per step, since the level may change while the program runs.
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%.3f %s", now, _step(what))

    return trace


def _step(what: Any) -> str:
    match what:
        case Open(request, timeout):
            return f"open {request.method} {request.url.partition('?')[0]} within {timeout}"
        case Opened(status, _):
            return f"opened {status}"
        case Received(size):
            return f"received {size} bytes"
        case Failed(error):
            return f"failed: {error.kind}"
        case Wait(seconds) | Pause(seconds, _):
            return f"{type(what).__name__.lower()} {seconds:.3f} s"
        case Run(calls):
            return f"run {', '.join(call.name or '' for call in calls)}"
        case FunctionsReturned(parts):
            return f"answered {len(parts)} calls"
        case Stop(error):
            return f"stop: {error_text(error)}" if error else "stop"
        case GenerateContentResponse():
            return f"chunk of {len(what.raw or b'')} bytes"
    return type(what).__name__.lower()
