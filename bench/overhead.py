"""What the options of a stream cost when nobody uses them: this checkout beside the plain client that it grew from.

    python bench/overhead.py [--against REVISION] [--rounds N]

The plain client is the last revision before streams had clocks, recovery, stages, hooks and metrics. Both read the same
burst and the same paced streams, in processes of their own, in turns. Prints the medians of CPU per chunk and ratios.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from environment import REPOSITORY, machine, run_client, upstream, virtual_environment
from measures import burst, paced
from run import PACKAGES, client_command

#: The last revision of the plain client.
PLAIN = "a9753f2"


@contextmanager
def checkout(revision: str) -> Iterator[Path]:
    """A directory with the files of ``revision``."""
    with tempfile.TemporaryDirectory() as directory:
        archive = subprocess.run(["git", "archive", revision, "src"], cwd=REPOSITORY, capture_output=True, check=True)
        subprocess.run(["tar", "-x", "-C", directory], input=archive.stdout, check=True)
        yield Path(directory)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--against", default=PLAIN, metavar="REVISION", help="the client to compare with")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    python = virtual_environment("clients", PACKAGES)
    print(f"{machine()}; medians of {options.rounds} rounds, CPU per chunk in us\n")
    print(f"{'':28}{'plain':>8}{'now':>8}{'ratio':>8}")
    with checkout(options.against) as plain, upstream(python) as server:
        for measure in (burst("sync"), burst("async"), paced("sync"), paced("async")):
            found: dict[Path, list[float]] = {plain: [], REPOSITORY: []}
            for turn in range(options.rounds):
                for tree in list(found) if turn % 2 == 0 else list(found)[::-1]:
                    command = client_command(python, measure, "headwater", server.url, quick=False)
                    result = run_client(command, {"PYTHONPATH": str(tree / "src")})
                    found[tree].append(result["cpu_us"])
            before, now = (statistics.median(found[tree]) for tree in (plain, REPOSITORY))
            print(f"{measure.name:28}{before:8.1f}{now:8.1f}{now / before:8.2f}", flush=True)


if __name__ == "__main__":
    main()
