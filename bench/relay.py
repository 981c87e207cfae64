"""The relay benchmark: the cost of relaying an answer through headwater's server, nginx, LiteLLM and others.

    python bench/relay.py [--quick] [--streams N] [--only NAME ...] [--markdown] [--json FILE]

A fake Gemini API sends streams of 20 chunks per second, each chunk with the time when it was sent; a relay in a
process of its own passes them on; a load client in another reads them. Linux only (it reads /proc). Creates its own
environments.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import relay_relays as relays
from environment import BENCH, ClientError, machine, run_client, versions
from relay_relays import RelayError, Running
from relay_report import Sample, Samples, rows, table, verdicts

GEMINI_ROUTE = "/v1beta/models/stamped-20:streamGenerateContent?alt=sse"
STREAMS = 500
SECONDS = 5.0
ROUNDS = 3
#: No round starts later than this after the first one, so that a slow machine is not busy forever.
PATIENCE = 240.0


@dataclass(frozen=True)
class Contender:
    """One way from the upstream to the client. ``streams`` is the most it is given: what it can carry at its pace."""

    name: str
    start: Callable[[int], AbstractContextManager[Running]]
    streams: int = 100_000
    rounds: int = ROUNDS
    route: str = GEMINI_ROUTE
    is_chat: bool = False


CONTENDERS = (
    Contender("direct", relays.direct),
    Contender("nginx", relays.nginx),
    Contender("headwater", relays.headwater),
    Contender("headwater, chat completions", relays.headwater, route="/v1/chat/completions", is_chat=True),
    Contender("LiteLLM, pass-through", relays.litellm, rounds=2, route="/gemini" + GEMINI_ROUTE),
    Contender("LiteLLM, Gemini route", relays.litellm, streams=200, rounds=1),
    Contender("LiteLLM, chat route", relays.litellm, streams=20, rounds=1, route="/v1/chat/completions", is_chat=True),
    Contender("Starlette and httpx", relays.starlette, streams=50, rounds=1),
)


@contextmanager
def upstream(python: Path) -> Iterator[int]:
    """The stamping upstream in its own process; the port it listens on."""
    command = [python, BENCH / "relay_upstream.py"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


class Bench:
    """One run: the location of everything, and the samples so far."""

    def __init__(self, python: Path, port: int, streams: int, seconds: float) -> None:
        self._python = python
        self._port = port
        self._streams = streams
        self._seconds = seconds
        self._direct: dict[int, Sample] = {}
        self.samples: Samples = {}

    def run(self, contender: Contender) -> None:
        """Measure one round of a contender; a failure is printed and leaves no sample."""
        print(f"{contender.name} ...", file=sys.stderr, flush=True)
        streams = min(self._streams, contender.streams)
        try:
            if contender.name == "direct" or streams not in self._direct:
                self._direct[streams] = self._measure(CONTENDERS[0], streams)
            sample = self._direct[streams] if contender.name == "direct" else self._added(contender, streams)
        except (RelayError, ClientError) as error:
            print(f"{contender.name}: {error}", file=sys.stderr, flush=True)
        else:
            self.samples.setdefault(contender.name, []).append(sample)

    def _added(self, contender: Contender, streams: int) -> Sample:
        """A relay's sample, with the latency that it adds to that of the direct way."""
        sample, bare = self._measure(contender, streams), self._direct[streams]
        return {**sample, **{key: sample[key] - bare[key] for key in ("p50_us", "p99_us")}}

    def _measure(self, contender: Contender, streams: int) -> Sample:
        with contender.start(self._port) as running:
            command = [self._python, BENCH / "relay_load.py", running.base + contender.route, "--key", running.key]
            command += ["--streams", str(streams), "--seconds", str(self._seconds)]
            command += ["--watch", str(running.pid)] if running.pid else []
            return {**run_client(command + (["--chat"] if contender.is_chat else [])), "streams": streams}


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one short round of 100 streams: does it still run?")
    parser.add_argument("--streams", type=int, help=f"concurrent streams ({STREAMS})")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only contenders with this prefix")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples to this file")
    return parser.parse_args()


def measure(python: Path, options: argparse.Namespace) -> Samples:
    """All rounds, the contenders in turns; the samples in the contenders' order."""
    wanted = [one for one in CONTENDERS if not options.only or any(one.name.startswith(n) for n in options.only)]
    streams = options.streams or (100 if options.quick else STREAMS)
    began = time.monotonic()
    with upstream(python) as port:
        bench = Bench(python, port, streams, 2.0 if options.quick else SECONDS)
        for turn in range(1 if options.quick else ROUNDS):
            for contender in wanted:
                if turn < contender.rounds and time.monotonic() - began < PATIENCE:
                    bench.run(contender)
    return {one.name: bench.samples[one.name] for one in wanted if one.name in bench.samples}


def about(python: Path) -> str:
    """The machine and the versions."""
    found = versions(python, ["headwater", "uvicorn", "uvloop", "aiohttp", "starlette", "httpx"])
    found |= versions(relays.litellm_python(), ["litellm"])
    return f"{machine()}; " + ", ".join(f"{name} {version}" for name, version in found.items())


def main() -> None:
    """Prepare, measure and print."""
    options = parse_options()
    python = relays.server_python()
    relays.litellm_python()
    started = time.monotonic()
    samples = measure(python, options)
    print(f"{about(python)}\n\n{table(rows(samples), markdown=options.markdown)}\n")
    print("\n".join(f"{'* ' if options.markdown else ''}{line}" for line in verdicts(samples)))
    print(f"\n{time.monotonic() - started:.0f} s", file=sys.stderr)
    if options.json is not None:
        options.json.write_text(json.dumps({"about": about(python), "samples": samples}, indent=1))


if __name__ == "__main__":
    main()
