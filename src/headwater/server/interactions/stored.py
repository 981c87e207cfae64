"""Interactions in the log: found by their ids, read to one document, and followed back through a conversation."""

from __future__ import annotations

import hmac
import time
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import msgspec

from headwater.engines.base import EngineRequest
from headwater.errors import APIError, UnknownStreamError
from headwater.log.base import PAGE_RECORDS
from headwater.protocols.interactions.answer_events import InteractionInfo
from headwater.protocols.interactions.conversation import (
    MAX_DEPTH,
    Link,
    bad_name,
    check_continuable,
    link_of,
    lost_interaction,
    prior_turns,
    still_running,
    too_large,
    too_long,
    unknown_interaction,
)
from headwater.protocols.interactions.create_request import NO_TURNS, CreateRequest, PriorTurns, read_create
from headwater.protocols.interactions.encoder import Cursor, InteractionEncoder, bad_cursor
from headwater.server.http.offload import run_sized
from headwater.server.interactions.encoding import DocumentReader, InteractionEncoding, feed
from headwater.server.streams.log_keys import is_name
from headwater.server.streams.protocol_encoding import read_chunk
from headwater.server.streams.record_format import CHUNK, StreamHeader
from headwater.server.streams.registry import StoredStream, StreamRegistry

#: The kind of streams that are interactions: the request in their log is the body of ``POST /interactions``.
KIND = "interaction"
_PREFIX = "v1_"
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


class StoredInteractions:
    """The interactions of all servers that share a log."""

    def __init__(self, registry: StreamRegistry, *, max_bytes: int) -> None:
        self._registry = registry
        #: What the turns before a request may have together: as much as one request that is sent whole.
        self._max_bytes = max_bytes
        self._links: dict[str, Link] = {}  # the least recently used first
        self._links_size = 0

    async def find(self, owner: str, interaction_id: str) -> StoredInteraction:
        """Return an interaction of an owner.

        Raises:
            APIError: 400, if the id cannot be one; 404, if there is no such interaction, or it is another owner's.
        """
        stream = await self._find(owner, interaction_id)
        return StoredInteraction(stream, await self._request(stream.name))

    async def delete(self, found: StoredInteraction) -> None:
        """Stop an interaction and delete it."""
        self._take(found.stream.name)
        await self._registry.drop(found.stream.name)

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

    async def prior_turns(self, owner: str, request: CreateRequest) -> PriorTurns:
        """Return the turns of the interactions before a request.

        Raises:
            APIError: 404, if one of them does not exist any more; 400, if the last one cannot be continued.
        """
        links: list[Link] = []
        previous, size = request.previous, 0
        while previous:
            if len(links) >= MAX_DEPTH:
                raise too_long()
            links.append(await self._link(owner, previous, is_last=not links))
            previous, size = links[-1].previous, size + links[-1].size
            if size > self._max_bytes:
                raise too_large(self._max_bytes)
        if not links:
            return NO_TURNS
        links.reverse()
        return await run_sized(sum(link.size for link in links), prior_turns, links, request)

    async def engine_request(self, header: StreamHeader, body: bytes) -> EngineRequest:
        """Return the request for an engine again, when another server takes an interaction over.

        Raises:
            HeadwaterError: if the conversation cannot be read any more.
        """
        request = await run_sized(len(body), read_create, body)
        history = await self.prior_turns(header.owner, request)
        gemini = await run_sized(len(body) + history.size, request.gemini_body, history)
        return EngineRequest(header.model, gemini)

    async def _link(self, owner: str, interaction_id: str, *, is_last: bool) -> Link:
        try:
            stream = await self._find(owner, interaction_id)
        except APIError:
            if is_last:
                raise
            raise lost_interaction(interaction_id) from None
        if not stream.state.is_sealed:
            raise still_running(interaction_id)
        link = self._take(stream.name) or await self._read_link(stream)
        self._keep(stream.name, link)
        if is_last:
            check_continuable(link, interaction_id)
        return link

    async def _read_link(self, stream: StoredStream) -> Link:
        request = await self._request(stream.name)
        chunks = [record async for records in self._records(stream) for record in records if record[0] == CHUNK]
        info, size = info_of(stream.name, stream.header, request), sum(map(len, chunks))
        return await run_sized(size, _link_of, info, request, chunks)

    def _keep(self, name: str, link: Link) -> None:
        """Keep what an ended interaction adds to conversations: it does not change any more."""
        self._take(name)  # another request may have kept it meanwhile
        self._links[name] = link
        self._links_size += link.size
        while self._links and (len(self._links) > _CACHE_ENTRIES or self._links_size > _CACHE_BYTES):
            self._take(next(iter(self._links)))

    def _take(self, name: str) -> Link | None:
        link = self._links.pop(name, None)
        self._links_size -= link.size if link is not None else 0
        return link

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
        raise bad_name(interaction_id)
    return name


def _link_of(info: InteractionInfo, request: CreateRequest, records: list[bytes]) -> Link:
    link = link_of(info, request, (read_chunk(record[1:]) for record in records))
    return link._replace(size=sum(map(len, records)) + len(msgspec.json.encode(request.steps)))
