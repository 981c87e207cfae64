"""Measures listing and searching many saved chats: in the store, and over HTTP.

    python bench/chats.py                                     # 10,000 chats in SQLite
    python bench/chats.py --chats postgresql://USER@HOST/DB   # an empty database; it is emptied again

Needs the extras `server` and `postgres`. Prints medians and 99th percentiles in milliseconds.
"""

from __future__ import annotations

import argparse
import http.client
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import text

from headwater import server
from headwater.server import Runner, listen
from headwater.server.chats.model import ChatDraft, Message, now
from headwater.server.chats.store import ChatStore, open_store
from headwater.server.chats.tables import open_engine

QUERIES = {
    "a list": "",
    "one word": "river",
    "a rare word": "w7777",
    "a beginning": "w77",
    "one letter": "w",
    "two words": "river w12",
    "in every chat": "story",
    "not there": "xyzzy",
}


def fill(store: ChatStore, count: int, owner: str = "") -> None:
    """Create chats of ten messages with word frequencies as in a natural language."""
    rng = random.Random(1)
    common = ["the", "of", "and", "to", "in", "story", "river", "stone", "light"]
    words = [*common, *(f"w{number}" for number in range(20_000))]
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    for number in range(count):
        said = rng.choices(words, weights, k=1000)
        messages: list[Message] = []
        for at in range(10):
            parent = messages[-1].id if messages else None
            text = " ".join(said[at * 100 : at * 100 + 100]) + " story"
            role = "model" if at % 2 else "user"
            contents = [{"role": role, "parts": [{"text": text}]}]
            messages.append(Message(id=f"m{at}", role=role, parent=parent, created=now(), contents=contents))
        store.write(owner, ChatDraft(id=f"chat{number}", messages=messages), now(), max_chats=count)


def times(work: Callable[[], object], rounds: int) -> list[float]:
    """Milliseconds of each call."""
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        found.append((time.perf_counter() - began) * 1000)
    return found


def shown(found: list[float]) -> str:
    """Median and 99th percentile."""
    return f"{statistics.median(found):7.2f} {statistics.quantiles(found, n=100)[98]:7.2f}"


def main() -> None:
    """Fill, measure, clean up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chats", metavar="URL", help="default: a temporary SQLite file")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chats.db"
        store = open_store(options.chats or f"sqlite:{path}")
        began = time.perf_counter()
        fill(store, options.count)
        each = (time.perf_counter() - began) / options.count * 1000
        size = f", {path.stat().st_size / 2**20:.0f} MiB" if path.exists() else ""
        print(f"{options.count} chats of ten messages: {each:.2f} ms to write one{size}")
        try:
            if options.chats:
                analyze(options.chats)
            measure(store, options.rounds)
        finally:
            for number in range(options.count if options.chats else 0):
                store.delete("", f"chat{number}")
            store.close()


def analyze(url: str) -> None:
    """Run ANALYZE, as PostgreSQL does on its own after a minute."""
    with open_engine(url).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE headwater_chats"))


def measure(store: ChatStore, rounds: int) -> None:
    """Print a line for each query."""
    listener = listen("127.0.0.1", 0)
    runner = Runner(server.app(chats=store))
    thread = threading.Thread(target=runner.run, args=([listener],), daemon=True)
    thread.start()

    def get(query: str, connection: http.client.HTTPConnection) -> None:
        connection.request("GET", f"/v1/chats?q={quote(query)}")
        response = connection.getresponse()
        assert response.status == 200, response.read()
        response.read()

    print(f"{'milliseconds, 50 chats a page':32} {'store':>7} {'p99':>7} {'HTTP':>7} {'p99':>7}")
    for name, query in QUERIES.items():
        inside = times(partial(store.list_page, "", query, None, 50), rounds)
        connection = http.client.HTTPConnection("127.0.0.1", listener.getsockname()[1])
        outside = times(partial(get, query, connection), rounds)
        connection.close()
        print(f"{name + (f' ({query})' if query else ''):32} {shown(inside)} {shown(outside)}")


if __name__ == "__main__":
    main()
