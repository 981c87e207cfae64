"""Compares this checkout with another revision: CPU per chunk of the client and of the relay.

    python bench/overhead.py [--against REVISION] [--rounds N] [--relay]

By default the other revision is the plain client, before streams had deadlines, recovery, stages, hooks and metrics:
the ratio is what these cost when they are not used. With ``--relay`` the servers of both revisions relay the same
streams. Every sample is a process of its own, the revisions in turns. Prints the medians and their ratio.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import relay
import relay_relays as relays
from environment import BENCH, REPOSITORY, machine, run_client, upstream, virtual_environment
from measures import Measure, burst, paced
from run import PACKAGES, client_command

#: The last revision of the plain client.
PLAIN = "a9753f2"
RELAY_STREAMS = 200


@contextmanager
def checkout(revision: str) -> Iterator[Path]:
    """A directory with the files of ``revision``."""
    with tempfile.TemporaryDirectory() as directory:
        archive = subprocess.run(["git", "archive", revision, "src"], cwd=REPOSITORY, capture_output=True, check=True)
        subprocess.run(["tar", "-x", "-C", directory], input=archive.stdout, check=True)
        yield Path(directory)


def client_sample(python: Path, measure: Measure, url: str, tree: Path) -> float:
    """CPU per chunk of the client in ``tree`` (us)."""
    command = client_command(python, measure, "headwater", url, quick=False)
    return float(run_client(command, {"PYTHONPATH": str(tree / "src")})["cpu_us"])


def relay_sample(python: Path, port: int, tree: Path) -> float:
    """CPU per chunk of the server in ``tree`` (us)."""
    with relays.headwater(port, tree / "src") as running:
        command = [python, BENCH / "relay_load.py", running.base + relay.GEMINI_ROUTE, "--key", running.key]
        command += ["--streams", str(RELAY_STREAMS), "--seconds", "5", "--watch", str(running.pid)]
        return float(run_client(command)["cpu_us"])


def compare(name: str, sample: Callable[[Path], float], plain: Path, rounds: int) -> None:
    """Take samples of both revisions in turns, and print their medians, best values and ratios."""
    found: dict[Path, list[float]] = {plain: [], REPOSITORY: []}
    for turn in range(rounds):
        for tree in list(found) if turn % 2 == 0 else list(found)[::-1]:
            found[tree].append(sample(tree))
    before, now = (statistics.median(found[tree]) for tree in (plain, REPOSITORY))
    best, best_now = (min(found[tree]) for tree in (plain, REPOSITORY))
    print(
        f"{name:28}{before:8.1f}{now:8.1f}{now / before:8.2f}{best:12.1f}{best_now:8.1f}{best_now / best:8.2f}",
        flush=True,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--against", default=PLAIN, metavar="REVISION", help="the revision to compare with")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--relay", action="store_true", help="compare the relays too (the revision needs a server)")
    options = parser.parse_args()
    python = virtual_environment("clients", PACKAGES)
    print(f"{machine()}; {options.rounds} rounds, CPU per chunk in us\n")
    print(f"{'':28}{'median':>8}{'now':>8}{'ratio':>8}{'best':>12}{'now':>8}{'ratio':>8}")
    with checkout(options.against) as plain:
        with upstream(python) as server:
            for measure in (burst("sync"), burst("async"), paced("sync"), paced("async")):
                compare(measure.name, partial(client_sample, python, measure, server.url), plain, options.rounds)
        if options.relay:
            python = relays.server_python()
            with relay.upstream(python) as port:
                compare("relay", partial(relay_sample, python, port), plain, options.rounds)


if __name__ == "__main__":
    main()
