"""Readers that cut their connection and resume elsewhere: headwater's client, and a bare one that counts the events."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from chaos_nodes import Node

from headwater import genai
from headwater.core.wire import sse
from headwater.errors import APIError, HeadwaterError

#: Probability that a reader disconnects at a chunk.
CUT = 0.03


@dataclass
class Outage:
    """A time during which a process was dead (``time.monotonic``)."""

    name: str
    since: float
    until: float = float("inf")

    def within(self, start: float, end: float) -> float:
        """How much of it is between two moments (seconds)."""
        return max(0.0, min(self.until, end) - max(self.since, start))


@dataclass
class Generation:
    """One answer: its prompt, its expected text, and what happened to it. Times are ``time.monotonic``."""

    number: int
    prompt: str
    policy: str
    text: str
    is_interaction: bool = False
    cancel_after: float | None = None  # seconds
    name: str = ""
    seen: dict[int, float] = field(default_factory=dict)  # when each event was first seen
    state: Any = None
    readings: list[Reading] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def see(self, number: int) -> None:
        """Record an event."""
        self.seen.setdefault(number, time.monotonic())

    def longest_silence(self, outages: list[Outage]) -> float:
        """The longest time from the death of a server to the next event, while there was a log (seconds)."""
        found = [0.0]
        for before, after in itertools.pairwise(self.seen[number] for number in sorted(self.seen)):
            kills = [outage.since for outage in outages if outage.name != "redis" and before < outage.since < after]
            since = min(kills, default=before)
            found.append(
                after - since - sum(outage.within(since, after) for outage in outages if outage.name == "redis")
            )
        return max(found)


@dataclass
class Reading:
    """What one reader has read."""

    kind: str
    text: str = ""
    ending: str = ""  # finished, cancelled, or failed and why
    cuts: int = 0
    events: list[bytes] = field(default_factory=list)  # of an interaction, as they came


class Place:
    """The servers, and a client of each."""

    def __init__(self, nodes: list[Node], seed: int) -> None:
        self.nodes = nodes
        self.dice = random.Random(seed)
        self._clients = [genai.Client(api_key="chaos", http_options={"base_url": node.url}) for node in nodes]

    def client(self) -> Any:
        """The async client of some server, which may be dead at the moment."""
        return self.dice.choice(self._clients).aio

    def url(self) -> str:
        """The address of some living server, if there is one."""
        return self.dice.choice([node for node in self.nodes if node.is_up] or self.nodes).url

    async def aclose(self) -> None:
        """Close the connections."""
        for client in self._clients:
            await client.aio.aclose()


async def read_with_client(generation: Generation, place: Place) -> Reading:
    """Read with ``client.streams.attach``, from server to server by position; if a server dies, wait for it."""
    reading, position, texts = Reading("client"), 0, list[str]()
    while not reading.ending:
        stream = await place.client().streams.attach(generation.name, after=position)
        leaves = False
        try:
            async for chunk in stream:
                texts.append(chunk.text)
                position = stream.position
                if place.dice.random() < CUT:
                    leaves = True
                    break
        except APIError as error:
            reading.ending = failure(error.details)
        except HeadwaterError as error:
            reading.ending = f"{type(error).__name__}: {error}"
        else:
            reading.ending = "" if leaves else str(stream.ending)
        await stream.aclose()
        reading.cuts += leaves
    reading.text = "".join(texts)
    return reading


async def read_bare(generation: Generation, place: Place, http: aiohttp.ClientSession, *, cut: float = CUT) -> Reading:
    """Read the raw events; check that their numbers have no gaps, and that exactly the last one is the end."""
    reading, last, texts = Reading("bare"), 0, list[str]()
    while not reading.ending:
        url = f"{place.url()}/v1/streams/{generation.name}/events"
        try:
            async with http.get(url, headers={"Last-Event-ID": str(last)}) as answer:
                if answer.status != 200:
                    await asyncio.sleep(0.05)
                    if answer.status in (404, 204):
                        reading.ending = f"HTTP {answer.status}"
                    continue
                decoder = sse.Decoder()
                async for piece in answer.content.iter_any():
                    for event in decoder.feed(piece):
                        if int(event.id) != last + 1:
                            generation.violations.append(f"event {event.id} came after event {last}")
                        if reading.ending:
                            generation.violations.append(f"{event.type} came after the end")
                        last = int(event.id)
                        generation.see(last)
                        if event.type == "chunk":
                            texts.append(text_of(json.loads(event.data)))
                        else:
                            reading.ending = ending_of(event)
                    if not reading.ending and place.dice.random() < cut:
                        reading.cuts += 1
                        break
        except (TimeoutError, aiohttp.ClientError, OSError):
            await asyncio.sleep(0.02)
    reading.text = "".join(texts)
    return reading


async def read_interaction(
    generation: Generation, place: Place, http: aiohttp.ClientSession, *, cut: float = CUT
) -> Reading:
    """Read the events of an interaction, resuming after the last ``event_id``; check that each comes once."""
    reading, last, texts = Reading("interaction"), (0, -1), list[str]()
    while not reading.ending:
        url = f"{place.url()}/v1/interactions/v1_{generation.name}?stream=true"
        url += f"&last_event_id={last[0]}.{last[1]}" if reading.events else ""
        try:
            async with http.get(url) as answer:
                if answer.status != 200:
                    await asyncio.sleep(0.05)
                    reading.ending = f"HTTP {answer.status}" if answer.status in (400, 404) else ""
                    continue
                decoder = sse.Decoder()
                async for piece in answer.content.iter_any():
                    for event in decoder.feed(piece):
                        if event.type == "done":
                            continue
                        document = json.loads(event.data)
                        record, place_of_it = map(int, document["event_id"].split("."))
                        if (record, place_of_it) <= last or reading.ending:
                            generation.violations.append(f"event {document['event_id']} came after {last}")
                        last = (record, place_of_it)
                        reading.events.append(event.data)
                        if event.type == "step.delta":
                            texts.append(document["delta"].get("text", ""))
                        elif event.type == "error":
                            reading.ending = f"failed {document['error']['code']}"
                        elif event.type == "interaction.completed":
                            status = document["interaction"]["status"]
                            reading.ending = "finished" if status == "completed" else status
                    if not reading.ending and place.dice.random() < cut:
                        reading.cuts += 1
                        break
        except (TimeoutError, aiohttp.ClientError, OSError):
            await asyncio.sleep(0.02)
    reading.text = "".join(texts)
    return reading


def text_of(document: dict[str, Any]) -> str:
    """The text of a chunk."""
    candidates = document.get("candidates", ())
    parts = [part for candidate in candidates for part in candidate.get("content", {}).get("parts", ())]
    return "".join(part.get("text", "") for part in parts if not part.get("thought"))


def ending_of(event: sse.Event) -> str:
    """How the answer ended, according to the last event."""
    document = json.loads(event.data)
    return failure(document) if event.type == "failed" else str(document.get("reason", "finished"))


def failure(document: Any) -> str:
    """How an error ended an answer: ``"failed LOST"`` if its server died."""
    details = document["error"].get("details") or [{}] if isinstance(document, dict) else [{}]
    return f"failed {details[0].get('reason', document)}"
