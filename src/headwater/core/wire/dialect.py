"""The ``Dialect`` protocol: how one HTTP API is spoken, for a machine that knows none of it."""

# A dialect is everything that differs between two HTTP APIs that stream answers. The machine, its shells and the
# factories know this protocol and nothing of any API; whatever satisfies it gets retries, deadlines, resuming,
# cancelling, stages and events without another line.
#
# What a dialect must keep to:
#
# * It is stateless and shared: one object serves any number of calls at once. What has to remember something during a
#   body is the framing, of which the dialect makes a new one for each body. A dialect whose documents mean something
#   only together (chat completions) is made for one call instead; its memory begins again with ``stream_framing``.
# * It raises nothing. What is wrong with a document is a result of ``decode`` (an error), what is wrong with a request
#   is the error that ``refusal`` returns; the machine decides whether either of them ends the call.
# * It decides nothing. ``resume`` says how the rest could be asked for, not whether it will be: that depends on the
#   caller's options and on what happened before, which are the machine's to know.
# * Documents are counted, not bytes: ``after`` in a ``BrokenStream`` and in a position is the number of documents that
#   were decoded, so the framing must cut a replayed body exactly as it cut the first one.

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar, final

import msgspec

from headwater.core.answer.answer_fold import AnswerFold
from headwater.core.answer.events import reset_chunk
from headwater.core.answer.fold import Fold
from headwater.core.answer.joining import Joiner
from headwater.core.wire.framing import Framing
from headwater.core.wire.request import HttpRequest
from headwater.errors import APIError, HeadwaterError
from headwater.types import Content, Part

Result = TypeVar("Result", covariant=True)


class BrokenStream(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that stopped before its end: what is known of it.

    ``stream`` is the name under which the server stores it, None if it does not; ``after`` counts the documents that
    arrived. ``since_checkpoint`` are the parts that followed the last checkpoint. ``error`` is what stopped it, None
    if the API itself asks for a continuation. ``refusals`` counts how often the API refused to hand out what it keeps.
    """

    request: HttpRequest
    fold: AnswerFold
    stream: str | None
    after: int
    since_checkpoint: list[Part]
    error: HeadwaterError | None
    refusals: int = 0


class Continuation(msgspec.Struct, frozen=True, kw_only=True):
    """How the rest of a broken answer is obtained: the request to send, and how its answer joins what is there.

    ``same_stream`` says that the server continues the very stream that broke, at the place where it broke;
    ``is_stored`` that the request asks for the same answer, which the API keeps, and not for another.
    """

    request: HttpRequest
    joiner: Joiner | None = None
    same_stream: bool = False
    is_stored: bool = False


@final
class StreamEnd(msgspec.Struct, frozen=True):
    """The server says that nothing more will come: the answer is complete, or ``error`` ended it for every reader."""

    error: HeadwaterError | None = None


class AnswerRules:
    """What the machine has to know of a dialect's results. These are the rules for ``GenerateContentResponse``.

    A dialect whose results are of other types has an attribute ``answers``, with the rules for them.
    """

    is_foldable = False
    """Whether all results belong into the fold, not only those of type ``GenerateContentResponse``."""
    end_name = "a finish reason"
    """What the end of an answer is called in messages."""

    def new_fold(self) -> AnswerFold:
        """Return what the results of one answer are folded into."""
        return Fold()

    def reset(self) -> Any:
        """Return the result that stands for a ``Reset``."""
        return reset_chunk()

    def announcement(self, error: HeadwaterError) -> Any:
        """Return the result with which the API announced ``error``, None if it has none."""
        return None

    def may_repeat(self, request: HttpRequest, error: HeadwaterError) -> bool:
        """Return whether ``request`` may be sent again after an ``error`` before any content."""
        return True

    def after_calls(self, request: HttpRequest, fold: AnswerFold, parts: list[Part]) -> HttpRequest | None:
        """Return the request with the results of functions, None if it is made of the turns of the conversation."""
        return None


_CHUNKS = AnswerRules()


def answer_rules(dialect: Dialect[Any]) -> AnswerRules:
    """Return the rules for the results of ``dialect``."""
    rules: AnswerRules = getattr(dialect, "answers", _CHUNKS)
    return rules


class Dialect(Protocol[Result]):
    """How one HTTP API is spoken: framing, documents to results, refusals to errors, resuming. Stateless."""

    @property
    def api_name(self) -> str:
        """What error messages call the other side: ``"the Gemini API"``."""

    def stream_framing(self) -> Framing:
        """Return what cuts the body of a stream into documents; a new one for each body."""

    def single_framing(self) -> Framing:
        """Return what makes a document of a body that holds one answer; a new one for each body."""

    def decode(self, data: bytes, headers: Mapping[str, str]) -> tuple[Result | HeadwaterError | StreamEnd, ...]:
        """Return what one document of a good answer holds: results, an error if it carries one, or the end."""

    def is_final(self, result: object) -> bool:
        """Return whether an answer that ends after this result is complete."""

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> APIError:
        """Return the error that an answer with a status other than 2xx means."""

    def stream_name(self, headers: Mapping[str, str]) -> str | None:
        """Return the name under which the server stores the stream, None if it does not."""

    def keep(self, request: HttpRequest) -> HttpRequest:
        """Return ``request``, asking the server to store the stream so that it can be resumed."""

    def position(self, request: HttpRequest, stream: str, after: int) -> str:
        """Return a place in a stored stream as text for another process. It holds no key."""

    def resume(self, broken: BrokenStream) -> Continuation | None:
        """Return how the rest of a broken answer is asked for, None if that is impossible."""

    def contents(self, request: HttpRequest) -> list[Content]:
        """Return the turns of the conversation that a request holds."""

    def add_turns(self, request: HttpRequest, turns: list[Content]) -> HttpRequest:
        """Return ``request`` with ``turns`` appended: the model's calls, and what the functions returned."""
