"""Runs the conformance suite of the Durable Streams protocol against ``headwater serve``, and prints what passed.

    python tests/server/durable/run_conformance.py --store sqlite:streams.db

It needs ``node`` and ``npm``; the suite is installed into a cache directory at the first run. The exit code is 0 when
all tests passed, 1 when some did not, 3 when the suite could not be installed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SUITE = "@durable-streams/server-conformance-tests@0.3.6"
INSTALL_PATIENCE = 120
PATIENCE = 300
NOT_INSTALLED = 3
#: The suite asks for a CORS preflight as a page of this origin.
ORIGIN = "https://example.com"
#: A live read that brings nothing is answered after so many seconds: the suite waits for many of them.
QUIET = "0.5"
#: The suite's own command finds no tests: its runner lies in node_modules, which vitest leaves out.
RUNNER = """
import { runConformanceTests } from './suite/index.js'
runConformanceTests({ baseUrl: process.env.CONFORMANCE_TEST_URL })
"""


def suite() -> Path:
    """Return the directory that has the suite in its ``node_modules``."""
    named = os.environ.get("HEADWATER_DURABLE_STREAMS")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    directory = Path(named) if named else Path(base) / "headwater-durable-streams"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "conformance.test.mjs").write_text(RUNNER)
    package = directory / "node_modules" / "@durable-streams" / "server-conformance-tests"
    if not package.exists():
        (directory / "package.json").write_text('{"name": "conformance", "private": true, "type": "module"}')
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", SUITE]
        subprocess.run(command, cwd=directory, check=True, capture_output=True, timeout=INSTALL_PATIENCE)
    _copy_tests(package / "dist", directory / "suite")
    return directory


def _copy_tests(built: Path, copy: Path) -> None:
    """Copy the suite with our prefix: it spells out `/v1/stream/`, which the protocol leaves to the server."""
    copy.mkdir(exist_ok=True)
    for module in built.glob("*.js"):
        (copy / module.name).write_text(module.read_text().replace("/v1/stream/", "/v1/durable/"))


def serve(log: str) -> tuple[subprocess.Popen[str], str]:
    """Start a server on a free port; return it and its URL."""
    command = [sys.executable, "-m", "headwater", "serve", "--engine", "offline", "--port", "0", "--no-access-log"]
    command += ["--durable-streams", "--store", log, "--keep-alive", QUIET, "--origin", ORIGIN]
    bare = {name: value for name, value in os.environ.items() if not name.startswith("HEADWATER_")}
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=bare | {"PYTHONUNBUFFERED": "1"})
    assert server.stdout is not None
    for line in server.stdout:
        found = re.search(r"http://\S+", line)
        if line.startswith("Listening") and found:
            return server, found[0]
    raise SystemExit("the server did not start")


def run(directory: Path, url: str) -> dict[str, Any]:
    """Return what vitest reports of the suite against ``url``."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = ["npx", "vitest", "run", "--reporter=json", f"--outputFile={report}", "conformance.test.mjs"]
        env = os.environ | {"CONFORMANCE_TEST_URL": url}
        done = subprocess.run(
            command, cwd=directory, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        if not report.exists():
            raise SystemExit(f"the suite did not run: {done.stderr[-1000:]}")
        found: dict[str, Any] = json.loads(report.read_text())
        return found


def main() -> int:
    """Install, serve, run, print."""
    parser = argparse.ArgumentParser(description="Run the Durable Streams conformance suite.")
    parser.add_argument("--store", default="memory:", help="memory:, sqlite:PATH or redis://HOST")
    log = parser.parse_args().store
    if shutil.which("node") is None or shutil.which("npm") is None:
        print("node and npm are not here")
        return NOT_INSTALLED
    try:
        directory = suite()
    except (subprocess.SubprocessError, OSError) as error:
        print(f"npm could not install {SUITE}: {error}")
        return NOT_INSTALLED
    server, url = serve(log)
    try:
        report = run(directory, url)
    finally:
        server.terminate()
        server.wait(30)
    tests = [test for file in report["testResults"] for test in file["assertionResults"]]
    for test in tests:
        if test["status"] == "failed":
            print(f"FAILED {test['fullName']}\n    {test['failureMessages'][0].splitlines()[0]}")
    passed, failed, left = (report[f"num{kind}Tests"] for kind in ("Passed", "Failed", "Pending"))
    print(f"{log}: {passed} passed, {failed} failed, {left} skipped")
    return 0 if passed and not failed and report["success"] else 1


if __name__ == "__main__":
    sys.exit(main())
