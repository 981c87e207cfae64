"""Runs google-genai's own tests against headwater: finds them where google-genai is installed, and keeps no copy.

    python tests/upstream/run_upstream.py              # passed and failed, per file
    python tests/upstream/run_upstream.py --failures   # and why each one failed

The test files are laid into a temporary folder, beside a package ``genai`` that holds headwater's names
(``bound/``), and pytest runs them there. Every failure has to stand in ``known.toml`` with its reason, everything that
stands there has to fail, and the shares of ``ENOUGH`` have to pass: else the exit code is 1. There are three shares: of
all tests, of those that have a counterpart here, and of those that touch only public names (``private_names.py``).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parent
if not __package__:  # run as a program
    sys.path.insert(0, str(HERE.parents[1]))

from tests.upstream.private_names import private_tests  # noqa: E402

#: The least shares that have to pass: of the tests that have a counterpart, and of those that touch only public names.
ENOUGH = {"counterpart": 0.94, "public": 0.93}
WORDS = {
    "all": "of all tests",
    "counterpart": "without the failures that are private in known.toml",
    "public": "of the tests that touch only public names",
}
#: What says nothing of headwater: a private part of google-genai has no counterpart.
NOT_COUNTED = ("private",)


@dataclass
class Table:
    """``known.toml``: which files are run, and for each test that may fail the kind of its reason."""

    files: list[str]
    kinds: dict[str, str]

    def kind(self, test: str) -> str | None:
        """Return the kind of reason that a failure has; an entry without parameters stands for all of them."""
        return self.kinds.get(test) or self.kinds.get(test.partition("[")[0])


@dataclass
class Outcome:
    """What became of the tests: how many passed or were skipped in each file, and the message of each failure."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    #: The tests that passed, and the tests (without parameters) that touch private names.
    passes: list[str] = field(default_factory=list)
    private: set[str] = field(default_factory=set)

    def passed(self) -> int:
        """Return how many passed in all files."""
        return sum(count["passed"] for count in self.counts.values())

    def counted(self, table: Table) -> int:
        """Return how many failures say something of headwater."""
        return sum(table.kind(test) not in NOT_COUNTED for test in self.failures)

    def shares(self, table: Table) -> dict[str, tuple[int, int]]:
        """Return how many passed and failed: of all, of those with a counterpart, of those on public names alone."""
        public = [sum(not self.is_private(test) for test in tests) for tests in (self.passes, self.failures)]
        return {
            "all": (self.passed(), len(self.failures)),
            "counterpart": (self.passed(), self.counted(table)),
            "public": (public[0], public[1]),
        }

    def is_private(self, test: str) -> bool:
        """Return whether a test touches a private name of google-genai, whether it passes or fails."""
        return test.partition("[")[0] in self.private

    def new(self, table: Table) -> list[str]:
        """Return the failures that the table does not explain."""
        return [test for test in self.failures if table.kind(test) is None]

    def stale(self, table: Table) -> list[str]:
        """Return the entries of the table that nothing needs any more."""
        needed = {form for test in self.failures for form in (test, test.partition("[")[0])}
        return [test for test in table.kinds if test not in needed]


def known() -> Table:
    """Return the table."""
    told = tomllib.loads((HERE / "known.toml").read_text("utf-8"))
    return Table(told["files"], {test: reason["kind"] for reason in told["reason"] for test in reason["tests"]})


def find_tests() -> Path | None:
    """Return the folder of google-genai's tests; None where google-genai or its tests are not installed."""
    google = PathFinder.find_spec("google")
    for place in (google and google.submodule_search_locations) or ():
        if (folder := Path(place) / "genai" / "tests").is_dir():
            return folder
    return None


def lay_out(tests: Path, files: list[str], folder: Path) -> None:
    """Lay the test files and the package that they take for google-genai into ``folder``."""
    shutil.copytree(HERE / "bound", folder / "genai", ignore=shutil.ignore_patterns("__pycache__"))
    for name in files:
        place = folder / "genai" / "tests" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        for package in (place.parent, place.parent.parent):
            (package / "__init__.py").touch()
        shutil.copy(tests / name, place)
    (folder / "genai" / "tests" / "pytest_helper.py").touch()  # some files import it, and do not use it


def run(files: list[str], tests: Path) -> Outcome:
    """Run the files of google-genai's tests in a process of their own."""
    with tempfile.TemporaryDirectory(prefix="upstream-") as name:
        folder = Path(name).resolve()
        lay_out(tests, files, folder)
        report = folder / "report.xml"
        options = ["-q", "-p", "genai.plugin", "-p", "no:cacheprovider", "-p", "no:randomly"]
        options.append("--continue-on-collection-errors")
        places = [f"genai/tests/{name}" for name in files]
        told = subprocess.run(
            [sys.executable, "-m", "pytest", *options, f"--rootdir={folder}", f"--junitxml={report}", *places],
            cwd=folder,
            env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
            capture_output=True,
            text=True,
            check=False,
        )
        if not report.exists():
            raise SystemExit(told.stdout + told.stderr)
        private = {f"{name}::{test}" for name in files for test in private_tests((tests / name).read_text("utf-8"))}
        return _read(report, Outcome(private=private))


def _read(report: Path, outcome: Outcome) -> Outcome:
    for case in ElementTree.parse(report).iter("testcase"):
        file, name = _place(case)
        count = outcome.counts.setdefault(file, Counter())
        failure = next((child for child in case if child.tag in ("failure", "error")), None)
        if failure is not None:
            count["failed"] += 1
            outcome.failures[f"{file}::{name}"] = (failure.get("message") or "") + "\n" + (failure.text or "")[-400:]
        elif case.find("skipped") is not None:
            count["skipped"] += 1
        else:
            count["passed"] += 1
            outcome.passes.append(f"{file}::{name}")
    return outcome


def _place(case: ElementTree.Element) -> tuple[str, str]:
    """The file and the name of a test; of a file that could not be read, the name is empty."""
    where = (case.get("classname") or case.get("name") or "").removeprefix("genai.tests.").split(".")
    folder, file, *within = where
    name = case.get("name") or ""
    return f"{folder}/{file}.py", "" if not case.get("classname") else "::".join([*within, name])


def main() -> int:
    """Print what passed and failed per file; return 1 where the table does not explain it or too little passes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--failures", action="store_true", help="print each failure's message")
    tests, table = find_tests(), known()
    show = parser.parse_args().failures
    if tests is None:
        raise SystemExit("google-genai is not installed here, or came without its tests")
    outcome = run(table.files, tests)
    for name, count in outcome.counts.items():
        print(f"{count['passed']:5} passed {count['failed']:4} failed {count['skipped']:4} skipped   {name}")
    for test, message in outcome.failures.items() if show else ():
        print(f"\n{test} ({table.kind(test) or 'not in the table'})\n    {message[:600]}")
    return report(outcome, table)


def report(outcome: Outcome, table: Table) -> int:
    """Print the sum, and where the table is wrong; return the exit code."""
    new, stale, shares = outcome.new(table), outcome.stale(table), outcome.shares(table)
    print(
        "\n".join([*(f"not explained: {test}" for test in new), *(f"does not fail any more: {test}" for test in stale)])
    )
    kinds = Counter(table.kind(test) or "not explained" for test in outcome.failures)
    print("failed: " + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()))
    for name, words in WORDS.items():
        passed, failed = shares[name]
        print(f"{passed} passed, {failed} failed: {_share(passed, failed):.1%} {words}")
    return int(bool(new or stale) or any(_share(*shares[name]) < least for name, least in ENOUGH.items()))


def _share(passed: int, failed: int) -> float:
    return passed / ((passed + failed) or 1)


if __name__ == "__main__":
    sys.exit(main())
