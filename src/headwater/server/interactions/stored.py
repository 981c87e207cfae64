"""Interactions in the log: found by their ids, read to one document, and followed back through a conversation."""

from __future__ import annotations

import hmac
import time
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import msgspec

from headwater.core.answer.fold import Fold
from headwater.engines.base import EngineRequest
from headwater.errors import APIError, UnknownStreamError
from headwater.log.base import PAGE_RECORDS
from headwater.protocols.interactions.answer_events import AnswerEvents, InteractionInfo
from headwater.protocols.interactions.create_request import NO_TURNS, CreateRequest, PriorTurns, read_create
from headwater.protocols.interactions.encoder import Cursor, InteractionEncoder, bad_cursor
from headwater.protocols.interactions.error_codes import refusal
from headwater.protocols.interactions.steps import Step, Turn
from headwater.server.http.offload import run_sized
from headwater.server.interactions.encoding import DocumentReader, InteractionEncoding, feed
from headwater.server.streams.log_keys import is_name, owner_of
from headwater.server.streams.protocol_encoding import read_chunk
from headwater.server.streams.record_format import CHUNK, StreamHeader
from headwater.server.streams.registry import StoredStream, StreamRegistry

#: The kind of streams that are interactions: the request in their log is the body of ``POST /interactions``.
KIND = "interaction"
_PREFIX = "v1_"
#: How many interactions a conversation may have before the next one: each costs a read of the log.
_MAX_DEPTH = 500
#: How many turns of ended interactions are kept for the next ones of their conversations, and of what size together.
_CACHE_ENTRIES, _CACHE_BYTES = 1000, 32 * 1024 * 1024


class StoredInteraction(NamedTuple):
    """An interaction in the log."""

    stream: StoredStream
    request: CreateRequest

    @property
    def info(self) -> InteractionInfo:
        """What is known of it before its answer."""
        return info_of(self.stream.name, self.stream.header, self.request)


class _Link(NamedTuple):
    """What one interaction adds to a conversation."""

    previous: str
    steps: list[Step]
    answer: Turn | None
    call_names: dict[str, str]
    size: int


class StoredInteractions:
    """The interactions of all servers that share a log."""

    def __init__(self, registry: StreamRegistry) -> None:
        self._registry = registry
        self._links: dict[str, _Link] = {}  # the least recently used first
        self._links_size = 0

    async def find(self, owner: str, interaction_id: str) -> StoredInteraction:
        """Return an interaction of an owner.

        Raises:
            APIError: 400, if the id cannot be one; 404, if there is no such interaction, or it is another owner's.
        """
        stream = await self._find(owner, interaction_id)
        return StoredInteraction(stream, await self._request(stream.name))

    async def document(self, found: StoredInteraction) -> dict[str, Any]:
        """Return an interaction as it is now, with the steps of its input before those of the model."""
        reader = DocumentReader(found.info)
        async for records in self._records(found.stream):
            await run_sized(sum(map(len, records)), reader.take, records)
        return reader.document(found.request.steps, now=time.time())

    async def encoding(self, found: StoredInteraction, after: Cursor | None) -> InteractionEncoding:
        """Return the encoding of the events after a cursor, having read what precedes it.

        Raises:
            UsageError: if there is no event of that id.
        """
        encoder = InteractionEncoder(found.info, after=after)
        if after is None:
            return InteractionEncoding(encoder)
        rest, left = encoder.begin(), after.record
        async for records in self._records(found.stream):
            rest += await run_sized(sum(map(len, records)), feed, encoder, records[:left])
            left -= len(records)
            if left <= 0:
                break
        if not encoder.has_reached_cursor:
            raise bad_cursor(f"{after.record}.{after.place}")
        return InteractionEncoding(encoder, rest=rest)

    # Conversations

    async def history(self, owner: str, request: CreateRequest) -> PriorTurns:
        """Return the turns of the interactions before a request, from the chunks in their logs.

        Their signatures, ids and order are exact, since nothing was translated on the way.

        Raises:
            APIError: 404, if one of them does not exist any more; 400, if the last one cannot be continued.
        """
        links: list[_Link] = []
        previous = request.previous
        while previous:
            if len(links) >= _MAX_DEPTH:
                raise refusal(400, "failed_precondition", f"a conversation has at most {_MAX_DEPTH} interactions")
            links.insert(0, await self._link(owner, previous, is_last=not links))
            previous = links[0].previous
        if not links:
            return NO_TURNS
        # The rest of an answer is asked for as the answer was: the API's token stands for what there is of it.
        if request.is_continuation:
            links[-1] = links[-1]._replace(answer=None)
        return await run_sized(sum(link.size for link in links), _history, links)

    async def engine_request(self, header: StreamHeader, body: bytes) -> EngineRequest:
        """Return the request for an engine again, when another server takes an interaction over.

        Raises:
            HeadwaterError: if the conversation cannot be read any more.
        """
        request = await run_sized(len(body), read_create, body)
        history = await self.history(header.owner, request)
        gemini = await run_sized(len(body) + history.size, request.gemini_body, history)
        return EngineRequest(header.model, gemini)

    async def _link(self, owner: str, interaction_id: str, *, is_last: bool) -> _Link:
        try:
            stream = await self._find(owner, interaction_id)
        except APIError:
            if is_last:
                raise
            message = f"interaction {interaction_id[:100]} of this conversation was deleted, so it cannot be continued"
            raise refusal(404, "not_found", message) from None
        if not stream.state.is_sealed:
            message = f"interaction {interaction_id} is still in progress: continue it when it has ended"
            raise refusal(400, "failed_precondition", message)
        link = self._links.pop(stream.name, None) or await self._read_link(stream)
        self._keep(stream.name, link)
        if is_last and link.answer is None:
            message = f"interaction {interaction_id} has no answer that could be continued"
            raise refusal(400, "failed_precondition", message)
        return link

    async def _read_link(self, stream: StoredStream) -> _Link:
        request = await self._request(stream.name)
        chunks = [record async for records in self._records(stream) for record in records if record[0] == CHUNK]
        info = info_of(stream.name, stream.header, request)
        size = sum(map(len, chunks))
        answer, call_names = await run_sized(size, _answer_turn, info, chunks)
        return _Link(
            request.previous, request.steps, answer, call_names, size + len(msgspec.json.encode(request.steps))
        )

    def _keep(self, name: str, link: _Link) -> None:
        """Keep what an ended interaction adds to conversations: it does not change any more."""
        self._links[name] = link
        self._links_size = sum(one.size for one in self._links.values())
        while self._links and (len(self._links) > _CACHE_ENTRIES or self._links_size > _CACHE_BYTES):
            self._links_size -= self._links.pop(next(iter(self._links))).size

    # The log

    async def _find(self, owner: str, interaction_id: str) -> StoredStream:
        name = name_of(interaction_id)
        try:
            header = await self._registry.header(name)
            if header.kind == KIND and hmac.compare_digest(header.owner, owner):
                return await self._registry.load(name, header)
        except UnknownStreamError:
            pass
        raise unknown_interaction(interaction_id)

    async def _request(self, name: str) -> CreateRequest:
        page = await self._registry.log.read(name, 1, 1)
        return await run_sized(len(page.records[0]), read_create, page.records[0][1:])

    async def _records(self, stream: StoredStream) -> AsyncIterator[list[bytes]]:
        """The records of the answer that are there now, in pages."""
        after = stream.header.start
        while True:
            page = await self._registry.log.read(stream.name, after)
            yield page.records
            after = page.next
            if page.is_end or len(page.records) < PAGE_RECORDS:
                return


def info_of(name: str, header: StreamHeader, request: CreateRequest) -> InteractionInfo:
    """Return what is known of an interaction before its answer."""
    return InteractionInfo(
        id=_PREFIX + name,
        model=header.model,
        created=header.created,
        previous=request.previous,
        labels=request.labels,
        service_tier=request.service_tier,
    )


def name_of(interaction_id: str) -> str:
    """Return the name of the stream that an interaction is.

    Raises:
        APIError: 400, if the id cannot be one of this server.
    """
    name = interaction_id.removeprefix("interactions/").removeprefix(_PREFIX)
    if not is_name(name):
        raise refusal(400, "invalid_request", f"Invalid interaction name: interactions/{interaction_id[:100]}")
    return name


def unknown_interaction(interaction_id: str) -> APIError:
    """Return the error for an interaction that does not exist, or belongs to another key; it does not tell which."""
    return refusal(404, "not_found", f"Interaction not found: interactions/{interaction_id[:100]}")


def owner_hash(principal: bytes) -> str:
    """Return how logs name the owner of an interaction."""
    return owner_of(principal)


def _history(links: list[_Link]) -> PriorTurns:
    turns: list[Turn] = []
    names: dict[str, str] = {}
    for link in links:
        own = CreateRequest(model="", steps=link.steps, settings={})
        turns += msgspec.json.decode(own.gemini_body(PriorTurns([], names)))["contents"]
        turns += [] if link.answer is None else [link.answer]
        names |= link.call_names
    return PriorTurns(turns, names, sum(link.size for link in links))


def _answer_turn(info: InteractionInfo, chunks: list[bytes]) -> tuple[Turn | None, dict[str, str]]:
    """The model's turn, and the names of its calls by the ids that clients know them by."""
    fold, events = Fold(), AnswerEvents(info)
    names: dict[str, str] = {}
    for data in chunks:
        chunk = read_chunk(data[1:])
        fold.add(chunk)
        for event in events.chunk(chunk):
            step = event.get("step", {})
            if step.get("type") == "function_call":
                names[step["id"]] = step["name"]
    candidates = msgspec.to_builtins(fold.response).get("candidates") or [{}]
    parts = (candidates[0].get("content") or {}).get("parts")
    return ({"role": "model", "parts": parts} if parts else None), names
