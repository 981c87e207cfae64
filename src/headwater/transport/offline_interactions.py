"""The Interactions API of the offline transport: interactions in the memory of this process, as a server has them.

Time passes for an interaction as it would on a server: its chunks have times at which they are there, whoever reads it
then. So one that runs in the background is in progress until its last chunk is due, and nothing has to run for it.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import msgspec

from headwater import offline
from headwater.core.wire.request import HttpRequest
from headwater.errors import HeadwaterError, UsageError
from headwater.protocols.base import StreamOutcome
from headwater.protocols.interactions.answer_events import AnswerEvents, InteractionInfo
from headwater.protocols.interactions.conversation import (
    MAX_DEPTH,
    Link,
    already_ended,
    bad_name,
    check_continuable,
    link_of,
    lost_interaction,
    prior_turns,
    still_running,
    too_long,
    unknown_interaction,
)
from headwater.protocols.interactions.create_request import CreateRequest, PriorTurns, read_create
from headwater.protocols.interactions.encoder import Cursor, InteractionEncoder, bad_cursor
from headwater.protocols.interactions.error_codes import Failure, failure_of, refusal
from headwater.protocols.interactions.folding import InteractionFold
from headwater.protocols.interactions.outcomes import IN_PROGRESS
from headwater.types import GenerateContentRequest, GenerateContentResponse

#: The oldest interactions are forgotten first: memory is not given back while a program runs its tests.
_MAX_INTERACTIONS, _MAX_BYTES = 1_000, 64 * 1024 * 1024
_PATH = re.compile(r".*/interactions(?:/(?P<id>[^/:]+)(?:[/:](?P<verb>cancel|stream))?)?")
_JSON = {"content-type": "application/json; charset=UTF-8"}
_EVENTS = {"content-type": "text/event-stream"}

Pieces = Iterator[tuple[float, bytes]]
#: Parses a request of the Gemini API, files of this process included.
ReadRequest = Callable[[bytes], GenerateContentRequest]


class InteractionReply(NamedTuple):
    """A response: pieces of its body, each with the seconds until it is there."""

    status: int
    headers: Mapping[str, str]
    pieces: Pieces


class _Interaction:
    """An interaction and its chunks, which are made when they are asked for. May be used from any thread."""

    def __init__(
        self, info: InteractionInfo, request: CreateRequest, timed: Iterator[offline.TimedChunk], size: int
    ) -> None:
        self.info = info
        self.request = request
        self.size = size
        self._timed = timed
        self._chunks: list[tuple[float, GenerateContentResponse]] = []  # with the seconds after the beginning
        self._is_whole = False
        self._lock = threading.Lock()
        self._began_at = time.monotonic()
        self._cancelled_after: float | None = None

    def chunk(self, number: int) -> tuple[float, GenerateContentResponse] | None:
        """Return a chunk and the time at which it is due, or None after the last one."""
        with self._lock:
            while len(self._chunks) <= number and not self._is_whole:
                timed = next(self._timed, None)
                if timed is None:
                    self._is_whole = True
                else:
                    before = self._chunks[-1][0] if self._chunks else 0.0
                    self._chunks.append((before + timed.delay, timed.chunk))
            found = self._chunks[number] if number < len(self._chunks) else None
        is_cut = found is not None and self._cancelled_after is not None and found[0] > self._cancelled_after
        return None if is_cut else found

    def wait(self, due: float) -> float:
        """Return the seconds until a moment of this interaction."""
        return max(0.0, due - (time.monotonic() - self._began_at))

    def arrived(self) -> list[GenerateContentResponse]:
        """Return the chunks that are there now."""
        found: list[GenerateContentResponse] = []
        while (timed := self.chunk(len(found))) is not None and not self.wait(timed[0]):
            found.append(timed[1])
        return found

    def has_ended(self) -> bool:
        """Whether no chunk is still to come."""
        return self.chunk(len(self.arrived())) is None

    @property
    def outcome(self) -> StreamOutcome:
        """How it ended."""
        if self._cancelled_after is not None:
            return StreamOutcome(reason="cancelled", seconds=self._cancelled_after)
        return StreamOutcome(seconds=self._chunks[-1][0] if self._chunks else None)

    def cancel(self) -> None:
        """Let nothing more arrive."""
        self._cancelled_after = time.monotonic() - self._began_at

    def finish(self) -> None:
        """Let everything be there: it has been returned as a whole, and may be continued or read at once."""
        with self._lock:
            self._began_at -= self._chunks[-1][0] if self._chunks else 0.0

    def link(self) -> Link:
        """Return what it adds to a conversation."""
        return link_of(self.info, self.request, self.arrived())

    def events(self, encoder: InteractionEncoder, number: int = 0) -> Pieces:
        """Yield the events that follow the first ``number`` chunks, each when it is there."""
        yield 0.0, encoder.begin()
        while (timed := self.chunk(number)) is not None:
            number += 1
            yield self.wait(timed[0]), encoder.chunk(timed[1])
        yield 0.0, encoder.end(self.outcome)

    def document(self, *, is_created: bool = False) -> tuple[dict[str, Any], Failure | None]:
        """Return it as it is now, or as it will be at its end if it is just being created; and its error."""
        source = AnswerEvents(self.info)
        fold = InteractionFold(source)
        arrived = self._all() if is_created else self.arrived()
        for chunk in arrived:
            fold.add(source.chunk(chunk))
        if is_created or self.has_ended():
            fold.add(source.end(self.outcome))
        return fold.document([] if is_created else self.request.steps, now=time.time()), source.failure

    def _all(self) -> list[GenerateContentResponse]:
        found: list[GenerateContentResponse] = []
        while (timed := self.chunk(len(found))) is not None:
            found.append(timed[1])
        return found


class OfflineInteractions:
    """The interactions of one process. May be used from any thread."""

    def __init__(self) -> None:
        self._stored: dict[str, _Interaction] = {}  # the oldest first
        self._lock = threading.Lock()

    def respond(self, request: HttpRequest, pace: offline.Pace, read: ReadRequest) -> InteractionReply:
        """Return the response to a request for interactions."""
        is_create = request.method == "POST" and urlsplit(request.url).path.endswith("/interactions")
        try:
            return self._create(request.body or b"", pace, read) if is_create else self._other(request)
        except HeadwaterError as error:
            return _error(failure_of(error, is_about_model=is_create))

    def _create(self, body: bytes, pace: offline.Pace, read: ReadRequest) -> InteractionReply:
        request = read_create(body)
        gemini = read(request.gemini_body(self._prior_turns(request)))
        model = request.model.removeprefix("models/")
        info = InteractionInfo(
            id=f"v1_{secrets.token_urlsafe(24)}",
            model=model,
            created=time.time(),
            previous=request.previous,
            labels=request.labels,
            service_tier=request.service_tier,
        )
        made = _Interaction(info, request, offline.stream(gemini, model=model, pace=pace), len(body))
        if request.store is not False:
            self._keep(made)
        if request.stream:
            return _stream(made.events(InteractionEncoder(info)))
        if request.background:
            return _document(info.document(IN_PROGRESS) | info.times(info.created))
        document, failure = made.document(is_created=True)
        made.finish()
        return _document(document, pace.first) if failure is None else _error(failure)

    def _other(self, request: HttpRequest) -> InteractionReply:
        url = urlsplit(request.url)
        path = _PATH.fullmatch(url.path)
        interaction_id, verb = (path["id"], path["verb"]) if path is not None else (None, None)
        if interaction_id is None:
            raise refusal(404, "not_found", f"the offline engine has nothing at {url.path}")
        found = self._find(interaction_id)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        match request.method, verb:
            case "GET", None | "stream":
                return _read(found, query, is_stream=verb == "stream" or query.get("stream") == "true")
            case "POST", "cancel":
                if found.has_ended():
                    raise already_ended()
                found.cancel()
                return _document(found.document()[0])
            case "DELETE", None:
                with self._lock:
                    self._stored.pop(interaction_id, None)
                return _document({})
        raise refusal(404, "not_found", f"the offline engine has nothing at {url.path}")

    def _keep(self, made: _Interaction) -> None:
        with self._lock:
            self._stored[made.info.id] = made
            size = sum(one.size for one in self._stored.values())
            while len(self._stored) > 1 and (len(self._stored) > _MAX_INTERACTIONS or size > _MAX_BYTES):
                size -= self._stored.pop(next(iter(self._stored))).size

    def _find(self, interaction_id: str) -> _Interaction:
        if not interaction_id.startswith("v1_"):
            raise bad_name(interaction_id)
        found = self._stored.get(interaction_id)
        if found is None:
            raise unknown_interaction(interaction_id)
        return found

    def _prior_turns(self, request: CreateRequest) -> PriorTurns:
        links: list[Link] = []
        previous = request.previous
        while previous:
            if len(links) >= MAX_DEPTH:
                raise too_long()
            if links and previous not in self._stored:
                raise lost_interaction(previous)
            found = self._find(previous)
            if not found.has_ended():
                raise still_running(previous)
            links.append(found.link())
            if len(links) == 1:
                check_continuable(links[0], previous)
            previous = links[-1].previous
        links.reverse()
        return prior_turns(links, request)


def _read(found: _Interaction, query: Mapping[str, str], *, is_stream: bool) -> InteractionReply:
    text = query.get("last_event_id") or query.get("lastEventId")
    if not is_stream:
        if text is not None:
            raise UsageError("last_event_id requires stream=true")
        return _document(found.document()[0])
    after = None if text is None else Cursor.parse(text)
    encoder = InteractionEncoder(found.info, after=after)
    # Up to the cursor nothing is written; that it exists has to be known before the response begins.
    rest, number = [encoder.begin()], 0
    for chunk in found.arrived()[: 0 if after is None else after.record]:
        number += 1
        rest.append(encoder.chunk(chunk))
    if not encoder.has_reached_cursor and found.has_ended():
        rest.append(encoder.end(found.outcome))
    if not encoder.has_reached_cursor:
        raise bad_cursor(text or "")
    return _stream(_after(rest, found.events(encoder, number)))


def _after(rest: list[bytes], pieces: Pieces) -> Pieces:
    yield 0.0, b"".join(rest)
    yield from pieces


def _stream(pieces: Pieces) -> InteractionReply:
    # An empty piece is the end of a body.
    return InteractionReply(200, _EVENTS, (piece for piece in pieces if piece[1]))


def _document(document: dict[str, Any], delay: float = 0.0) -> InteractionReply:
    return InteractionReply(200, _JSON, iter([(delay, msgspec.json.encode(document))]))


def _error(failure: Failure) -> InteractionReply:
    return InteractionReply(failure.http, _JSON, iter([(0.0, failure.body)]))


#: Those of this process: clients share them, as they share a server.
INTERACTIONS = OfflineInteractions()
