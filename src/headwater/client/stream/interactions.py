"""Streams and whole answers of the Interactions API, sync and async."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import msgspec

from headwater.client.options.call_options import CallOptions, StreamOptions
from headwater.client.request.settings import Settings
from headwater.client.stream.aio import AsyncAnswerStream, AsyncCaller
from headwater.client.stream.base import BaseStream, StreamParts
from headwater.client.stream.factory import StreamEntry, build_answer, build_stream
from headwater.client.stream.sync import AnswerStream, Caller
from headwater.client.tools.structured import read, requested_type
from headwater.core.answer.events import Translator
from headwater.core.answer.interaction_fold import EventFold
from headwater.core.machine.policy import Deadlines
from headwater.core.stages.base import Stage
from headwater.core.wire.dialect import Dialect
from headwater.core.wire.interactions import INTERACTIONS
from headwater.core.wire.request import HttpRequest
from headwater.types import GenerateContentConfig, GenerateContentResponse
from headwater.types.interactions import Interaction, InteractionSSEEvent, StepDelta, TextDelta

#: Agents, and jobs in the background, work for minutes without a word.
JOB_DEADLINES = Deadlines(first_content=3600.0, content_gap=3600.0)


class _JobFields(msgspec.Struct):
    """The part of a request that tells jobs."""

    agent: Any = None
    background: Any = None


class InteractionAnswer(BaseStream[InteractionSSEEvent]):
    """What sync and async streams of interactions have besides what every stream has."""

    @property
    def interaction(self) -> Interaction:
        """The answer so far: steps, status, usage. If functions were called, it is the last interaction."""
        return self._parsing(self._snapshot.response)

    @property
    def interaction_id(self) -> str | None:
        """The id, once it is known: for ``get``, ``cancel``, ``previous_interaction_id``."""
        return self._fold.stored_name

    @property
    def last_event_id(self) -> str | None:
        """Where ``get(id, stream=True, last_event_id=...)`` continues; None if the API has given no event an id."""
        cursor = self._fold.cursor
        return None if cursor is None else cursor.event_id

    def as_chunk(self, result: Any) -> GenerateContentResponse:
        """Return an event as a chunk of ``generate_content_stream``: for views, and for what writes chunks."""
        from headwater.core.answer.interaction_chunks import chunk_of  # here and below: few programs need these

        return chunk_of(result, self._fold)

    @property
    def _fold(self) -> EventFold:
        return cast("EventFold", self._snapshot.fold)

    @staticmethod
    def _text_of(result: Any) -> str | None:
        return result.delta.text if type(result) is StepDelta and type(result.delta) is TextDelta else None

    def _translator(self) -> Translator:
        from headwater.core.answer.interaction_events import InteractionTranslator

        return InteractionTranslator(lambda: self._fold)

    def _parsing(self, interaction: Interaction) -> Interaction:
        return with_parsed(interaction, self._config)


class InteractionStream(InteractionAnswer, AnswerStream[InteractionSSEEvent, Interaction]):
    """An interaction that is being received: iterate over its events.

    Leaving the loop closes the connection, and so does the end of a ``with`` block. ``text`` and ``interaction`` hold
    what has arrived so far, even after an error; ``collect()`` reads to the end and returns the interaction.
    """

    @property
    def response(self) -> Interaction:
        """The same as ``interaction``."""
        return self.interaction


class AsyncInteractionStream(InteractionAnswer, AsyncAnswerStream[InteractionSSEEvent, Interaction]):
    """An interaction that is being received: iterate over its events.

    Leaving the loop closes the connection, and so does the end of an ``async with`` block. ``text`` and ``interaction``
    hold what has arrived so far, even after an error; ``collect()`` reads to the end and returns the interaction.
    """

    @property
    def response(self) -> Interaction:
        """The same as ``interaction``."""
        return self.interaction


def open_stream(
    caller: Caller,
    request: HttpRequest,
    config: GenerateContentConfig,
    options: StreamOptions,
    *,
    on_end: Callable[[BaseStream[Any]], None] | None = None,
) -> InteractionStream:
    """Send ``request`` and return the stream of its answer.

    Raises:
        HeadwaterError: if the API refuses it.
    """
    parts = _stream_parts(caller, request, config, options, is_async=False, on_end=on_end)
    return InteractionStream(parts, caller.transport(request)).open()


async def aopen_stream(
    caller: AsyncCaller,
    request: HttpRequest,
    config: GenerateContentConfig,
    options: StreamOptions,
    *,
    on_end: Callable[[BaseStream[Any]], None] | None = None,
) -> AsyncInteractionStream:
    """Send ``request`` and return the stream of its answer.

    Raises:
        HeadwaterError: if the API refuses it.
    """
    parts = _stream_parts(caller, request, config, options, is_async=True, on_end=on_end)
    return await AsyncInteractionStream(parts, caller.transport(request)).open()


def ask(caller: Caller, request: HttpRequest, config: GenerateContentConfig, options: CallOptions) -> Interaction:
    """Return the whole answer to ``request``; functions given as tools are called on the way."""
    parts = _answer_parts(caller, request, config, options, is_async=False)
    return with_parsed(caller.run(parts, request), config)


async def aask(
    caller: AsyncCaller, request: HttpRequest, config: GenerateContentConfig, options: CallOptions
) -> Interaction:
    """Return the whole answer to ``request``; functions given as tools are called on the way."""
    parts = _answer_parts(caller, request, config, options, is_async=True)
    return with_parsed(await caller.run(parts, request), config)


def with_parsed(interaction: Interaction, config: GenerateContentConfig | None) -> Interaction:
    """Return ``interaction``; its ``parsed`` converts to the type that ``config`` requests, when it is first read."""
    kind = requested_type(config)
    if kind is not None:
        object.__setattr__(interaction, "_parse", partial(read, kind))  # a slot, not a field
    return interaction


def _stream_parts(
    caller: Caller | AsyncCaller,
    request: HttpRequest,
    config: GenerateContentConfig,
    options: StreamOptions,
    *,
    is_async: bool,
    on_end: Callable[[BaseStream[Any]], None] | None,
) -> StreamParts[InteractionSSEEvent]:
    return build_stream(
        caller.settings,
        cast("Dialect[InteractionSSEEvent]", INTERACTIONS),
        request,
        _continuing(request, config),
        _patient(caller.settings, request, config, options, is_stream=True),
        is_async=is_async,
        entry=StreamEntry(adapt=_event_stage),
        on_end=on_end,
    )


def _event_stage(stages: Stage) -> Stage:
    from headwater.core.stages.interaction_stage import EventStage

    return EventStage(stages)


def _answer_parts(
    caller: Caller | AsyncCaller,
    request: HttpRequest,
    config: GenerateContentConfig,
    options: CallOptions,
    *,
    is_async: bool,
) -> StreamParts[Interaction]:
    dialect = cast("Dialect[Interaction]", INTERACTIONS)
    checked = _patient(caller.settings, request, config, options, is_stream=False)
    return build_answer(caller.settings, dialect, request, _continuing(request, config), checked, is_async=is_async)


def _continuing(request: HttpRequest, config: GenerateContentConfig) -> GenerateContentConfig:
    """Return ``config``; what is read again, agents and jobs in the background are not continued from here."""
    body = msgspec.json.decode(request.body or b"{}", type=_JobFields)
    is_job = request.method == "GET" or body.agent is not None or bool(body.background)
    return msgspec.structs.replace(config, automatic_continuation=False) if is_job else config


def _patient(
    settings: Settings, request: HttpRequest, config: GenerateContentConfig, options: Any, *, is_stream: bool
) -> Any:
    """Return the options of a call. Jobs have more time, unless the caller or the client says how much there is."""
    is_limited = "deadlines" in options or "deadlines" in settings.defaults
    if is_limited or settings.timeout_option(config.http_options) is not None:
        return options
    body = msgspec.json.decode(request.body or b"{}", type=_JobFields)
    # What is read again is a job, most likely: the API streams what runs in the background.
    is_job = body.agent is not None or (is_stream and (request.method == "GET" or bool(body.background)))
    return {**options, "deadlines": JOB_DEADLINES} if is_job else options
