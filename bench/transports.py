"""Compares HTTP clients as transports: each only reads a stream and has its events decoded.

``python bench/transports.py`` creates its own environment, runs every candidate in processes of its own, in turns, and
prints medians with their ratios to the first candidate of the same mode.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from environment import (
    BENCH,
    ClientError,
    Upstream,
    machine,
    make_certificate,
    run_client,
    upstream,
    versions,
    virtual_environment,
)

PACKAGES = ["urllib3", "aiohttp", "pyreqwest", "httpx2", "certifi", "msgspec", "trustme", "uvloop"]
SYNC = ["urllib3", "http.client", "httpx2"]
ASYNC = ["aiohttp", "pyreqwest", "httpx2 async", "bare protocol"]
#: measure -> (rounds, whether only async carriers have it)
MEASURES = {"burst": (3, False), "single": (3, False), "paced": (3, False), "memory": (1, True)}
ROWS = [
    ("burst, CPU us/chunk", "burst", "cpu_us"),
    ("burst, an HTTP chunk per event, CPU us/chunk", "single", "cpu_us"),
    ("100 paced streams, CPU us/chunk", "paced", "cpu_us"),
    ("import + client, CPU ms", "imported", "cpu_ms"),
    ("import + client, wall ms", "imported", "wall_ms"),
    ("import + client, memory MiB", "imported", "mib"),
    ("cold: import, client, TLS, first bytes, CPU ms", "first", "cpu_ms"),
    ("cold: the same, wall ms", "first", "wall_ms"),
    ("second new TLS connection, wall ms", "first", "second_ms"),
    ("memory per open stream at 1000, KiB", "memory", "kib_per_stream"),
    ("cancel: reader woken after ms", "cancel", "woken_ms"),
    ("cancel: server sees close after ms", "cancel", "seen_ms"),
]
CHECKS = ["gzip", "http proxy", "https proxy", "no_proxy"]

Samples = dict[tuple[str, str], list[dict[str, Any]]]


class Bench:
    """One run: the environment, the two upstreams and the samples so far."""

    def __init__(self, python: Path, plain: Upstream, secure: Upstream, certificate: str) -> None:
        self.python, self.plain, self.secure, self.certificate = python, plain, secure, certificate
        self.samples: Samples = {}
        self.checks: dict[tuple[str, str], str] = {}

    def client(self, carrier: str, measure: str, base: str, options: object, environment: dict[str, str]) -> Any:
        """One process of one carrier."""
        command = [self.python, BENCH / "clients" / "carry.py", carrier, measure, base, "--options"]
        return run_client([*command, json.dumps(options)], environment)

    def sample(self, carrier: str, measure: str, base: str, **options: object) -> None:
        """Measure once and keep the sample; a failure is printed and leaves a gap."""
        try:
            result = self.client(carrier, measure, base, options, {})
        except ClientError as error:
            print(f"{carrier} {measure}: {error}", file=sys.stderr)
        else:
            self.samples.setdefault((carrier, measure), []).append(result)

    def weigh(self, carrier: str) -> None:
        """The cost of importing a library and creating its client, in an otherwise empty Python."""
        result = run_client([self.python, BENCH / "clients" / "weigh.py", carrier])
        self.samples.setdefault((carrier, "imported"), []).append(result)

    def measure_all(self, most_rounds: int) -> None:
        """Every measure of every carrier, the carriers in turns."""
        for measure, (rounds, only_async) in MEASURES.items():
            for _ in range(min(rounds, most_rounds)):
                for carrier in ASYNC if only_async else SYNC + ASYNC:
                    self.sample(carrier, measure, self.plain.url)
        for _ in range(min(5, most_rounds)):
            for carrier in SYNC + ASYNC:
                self.weigh(carrier)
                self.sample(carrier, "first", self.secure.url, certificate=self.certificate)
                self.sample(carrier, "cancel", self.plain.url)

    def check_all(self) -> None:
        """Whether gzip and the proxies of the environment work."""
        proxy = dict.fromkeys(("http_proxy", "https_proxy"), self.plain.url)
        away = "http://headwater.invalid"
        for carrier in SYNC + ASYNC:
            self._check(carrier, "gzip", self.plain.url, {}, "gzip-20")
            self._check(carrier, "http proxy", away, proxy, counter="proxied")
            self._check(carrier, "https proxy", self.secure.url, proxy, counter="tunnels", tls=True)
            self._check(carrier, "no_proxy", self.plain.url, {**proxy, "no_proxy": "127.0.0.1"}, counter="proxied")

    def _check(
        self,
        carrier: str,
        check: str,
        base: str,
        environment: dict[str, str],
        model: str = "burst-20",
        *,
        counter: str = "",
        tls: bool = False,
    ) -> None:
        before = self.plain.stats()
        options = {"model": model, "environment": bool(environment), "certificate": self.certificate if tls else None}
        try:
            good = self.client(carrier, "works", base, options, environment)["chunks"] == 20
        except ClientError as error:
            print(f"{carrier} {check}: {error}", file=sys.stderr)
            good = False
        if counter:
            used = self.plain.stats()[counter] > before[counter]
            good = good and used == (check != "no_proxy")
        self.checks[carrier, check] = "yes" if good else "no"

    def median(self, carrier: str, measure: str, key: str) -> float | None:
        """The median of the samples; None without samples."""
        values = [sample[key] for sample in self.samples.get((carrier, measure), []) if sample[key] is not None]
        return statistics.median(values) if values else None


def number(value: float | None) -> str:
    """Three digits, or a dash."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def cell(value: float | None, reference: float | None) -> str:
    """A value and its ratio to the reference."""
    if value is None or not reference:
        return number(value)
    return f"{number(value)} ({value / reference:.2f})"


def table(carriers: list[str], lookup: Callable[[str, str, str], float | None], checks: dict[Any, str]) -> str:
    """A Markdown table of one mode."""
    lines = [f"| | {' | '.join(carriers)} |", "|---" * (len(carriers) + 1) + "|"]
    for title, measure, key in ROWS:
        values = [lookup(carrier, measure, key) for carrier in carriers]
        if any(value is not None for value in values):
            cells = [number(values[0]), *(cell(value, values[0]) for value in values[1:])]
            lines.append(f"| {title} | {' | '.join(cells)} |")
    lines += [f"| {check} | {' | '.join(checks.get((name, check), '-') for name in carriers)} |" for check in CHECKS]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one round of everything")
    options = parser.parse_args()
    python = virtual_environment("transports", PACKAGES)
    with tempfile.TemporaryDirectory() as directory:
        authority, certificate = make_certificate(python, Path(directory))
        with upstream(python) as plain, upstream(python, certificate) as secure:
            bench = Bench(python, plain, secure, str(authority))
            bench.measure_all(1 if options.quick else 99)
            bench.check_all()
    print(f"{machine()}; " + ", ".join(f"{name} {found}" for name, found in versions(python, PACKAGES).items()))
    for carriers in (SYNC, ASYNC):
        print()
        print(table(carriers, bench.median, bench.checks))


if __name__ == "__main__":
    main()
