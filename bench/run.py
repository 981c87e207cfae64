"""The benchmark: headwater, google-genai, and the least code that could do the work.

    python bench/run.py [--quick] [--tls] [--only NAME ...] [--markdown] [--json FILE]

Creates its own environment (kept for the next run), starts a fake Gemini API, runs every reader in processes of its
own, in turns, and prints the medians of the rounds. Needs only Python and a package index.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from environment import (
    BENCH,
    ClientError,
    Upstream,
    install_checkout,
    machine,
    make_certificate,
    run_client,
    upstream,
    versions,
    virtual_environment,
)
from measures import MEASURES, Measure
from report import Samples, lines, markdown, plain

PACKAGES = ["google-genai", "aiohttp", "urllib3", "certifi", "msgspec", "uvloop", "trustme"]
SHOWN_VERSIONS = ["headwater", "google-genai", "aiohttp", "urllib3", "msgspec"]


@contextmanager
def server_for(python: Path, *, tls: bool) -> Iterator[tuple[Upstream, dict[str, str]]]:
    """The upstream and what its clients' environment needs; over TLS that is ``SSL_CERT_FILE``, to trust its CA."""
    with tempfile.TemporaryDirectory() as directory:
        if not tls:
            with upstream(python) as server:
                yield server, {}
            return
        authority, certificate = make_certificate(python, Path(directory))
        with upstream(python, certificate) as server:
            yield server, {"SSL_CERT_FILE": str(authority)}


def client_command(python: Path, measure: Measure, reader: str, base: str, *, quick: bool) -> list[str | Path]:
    """The command of one client process."""
    if measure.mode is None:
        what = f"{reader} {measure.kind}" if measure.kind != "import" else reader
        return [python, BENCH / "clients" / "weigh.py", what]
    options = measure.quick if quick else measure.options
    script = BENCH / "clients" / "measure.py"
    return [python, script, reader, measure.mode, measure.kind, base, "--options", json.dumps(options)]


def run_measure(
    python: Path, measure: Measure, server: Upstream, environment: dict[str, str], *, quick: bool
) -> dict[str, list[dict[str, float]]]:
    """All rounds of a measure, the readers in turns and each round in the opposite order; each reader's results."""
    kept: dict[str, list[dict[str, float]]] = {}
    needed = environment if measure.mode else {}  # importing is measured with the usual certificates
    for turn in range(1 if quick else measure.rounds):
        for reader in measure.readers if turn % 2 == 0 else measure.readers[::-1]:
            try:
                result = run_client(client_command(python, measure, reader, server.url, quick=quick), needed)
            except ClientError as error:
                print(f"{measure.name}, {reader}: {error}", file=sys.stderr, flush=True)
            else:
                kept.setdefault(reader, []).append(result)
    return kept


def chosen(names: list[str]) -> list[Measure]:
    """The measures whose names begin with one of ``names``; all of them without names."""
    picked = [measure for measure in MEASURES if not names or any(measure.name.startswith(name) for name in names)]
    if not picked:
        sys.exit(f"no such measure; there are: {', '.join(measure.name for measure in MEASURES)}")
    return picked


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one short round: does everything still run?")
    parser.add_argument("--tls", action="store_true", help="the upstream speaks HTTPS")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="only measures whose names have this prefix"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples to this file")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    options = parse_options()
    started = time.monotonic()
    wanted = chosen(options.only)
    python = virtual_environment("clients", PACKAGES)
    install_checkout(python)
    samples: Samples = {}
    with server_for(python, tls=options.tls) as (server, environment):
        for measure in wanted:
            print(f"{measure.name} ...", file=sys.stderr, flush=True)
            samples[measure.name] = run_measure(python, measure, server, environment, quick=options.quick)
    found = versions(python, SHOWN_VERSIONS)
    scheme = "https" if options.tls else "http"
    about = f"{machine()}; {scheme}; " + ", ".join(f"{name} {version}" for name, version in found.items())
    table = lines(samples)
    print(f"{about}\n\n{markdown(table) if options.markdown else plain(table)}")
    print(f"\n{time.monotonic() - started:.0f} s", file=sys.stderr)
    if options.json is not None:
        options.json.write_text(json.dumps({"machine": machine(), "versions": found, "samples": samples}, indent=1))


if __name__ == "__main__":
    main()
