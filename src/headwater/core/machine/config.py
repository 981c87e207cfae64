"""``MachineConfig``: what one call may do, as one frozen value."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from headwater.core.answer.events import Retrying
from headwater.core.machine.function_calling import FunctionCalling
from headwater.core.machine.policy import Deadlines, OnBreak, Retry
from headwater.core.stages.base import Stage


class MachineConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration of one call; built once, read by the machine and its parts.

    The body is a stream of documents, or one document if ``is_stream`` is false. ``continues`` lets the call ask for
    more if the API stops at a limit of its own. ``name`` is that of a stored stream which exists already, ``after`` of
    whose documents were read elsewhere. ``jitter`` returns random numbers in [0, 1) for the back-off; ``on_retry`` is
    told of every failure that does not end the call. ``stages`` and ``function_calling`` belong to this call alone.
    ``timeout`` is ``http_options.timeout`` if the byte gap comes from there.
    """

    is_stream: bool = True
    retry: Retry = Retry()
    deadlines: Deadlines = Deadlines()
    timeout: int | None = None
    on_break: OnBreak = "fail"
    continues: bool = True
    raise_on_block: bool = False
    on_retry: Callable[[Retrying], object] | None = None
    stages: Stage | None = None
    function_calling: FunctionCalling | None = None
    name: str | None = None
    after: int = 0
    jitter: Callable[[], float] = float
