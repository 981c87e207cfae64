"""Runs Autobahn's fuzzing client against the WebSocket stack of ``headwater serve``, with an echo server behind it.

    python autobahn.py WSTEST [--cases 1.* 9.*]

WSTEST is the ``wstest`` of PyPI's ``autobahntestsuite``, which runs on Python 2.7 only:

    python2.7 -m pip install --user 'virtualenv<20.22' && python2.7 -m virtualenv env27
    env27/bin/pip install autobahntestsuite
    python autobahn.py env27/bin/wstest

The echo runs on what the server itself runs on: ``Runner``, its protocol classes and settings. Only the limit of a
message is higher, as the cases 9.* send 16 MiB. The exit code says whether every case passed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send

from headwater.server import Limits, Runner, ServerConfig, app, listen

CORE = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"]
GOOD = {"OK", "NON-STRICT", "INFORMATIONAL"}


class Echo:
    """Echoes every message."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await receive()
        await send({"type": "websocket.accept"})
        while (event := await receive())["type"] == "websocket.receive":
            said = {name: event[name] for name in ("text", "bytes") if event.get(name) is not None}
            await send({"type": "websocket.send", **said})


async def fuzz(wstest: str, cases: list[str], reports: Path) -> None:
    """Serve the echo while the fuzzing client runs."""
    application = app(config=ServerConfig(limits=Limits(max_message=32 * 1024 * 1024), grace=0))
    application.router.routes.insert(0, WebSocketRoute("/echo", Echo()))
    listener = listen("127.0.0.1", 0)
    runner = Runner(application)
    serving = asyncio.create_task(runner.serve(sockets=[listener]))
    server = {"agent": "headwater", "url": f"ws://127.0.0.1:{listener.getsockname()[1]}/echo"}
    spec = {"outdir": str(reports), "servers": [server], "cases": cases, "exclude-cases": [], "exclude-agent-cases": {}}
    (reports / "spec.json").write_text(json.dumps(spec))
    command = [wstest, "-m", "fuzzingclient", "-s", str(reports / "spec.json")]
    client = await asyncio.create_subprocess_exec(*command, cwd=reports, stdout=subprocess.DEVNULL)
    await client.wait()
    runner.should_exit = True
    await serving
    listener.close()


def report(reports: Path) -> bool:
    """Print the client's findings; return whether every case passed."""
    cases = json.loads((reports / "index.json").read_text())["headwater"]
    print("frames and messages:", dict(Counter(case["behavior"] for case in cases.values())))
    print("closing:", dict(Counter(case["behaviorClose"] for case in cases.values())))
    bad = [name for name, case in cases.items() if {case["behavior"], case["behaviorClose"]} - GOOD]
    for name in sorted(bad):
        print(f"case {name}: {cases[name]}")
    slowest = max(cases, key=lambda name: cases[name]["duration"])
    print(f"{len(cases)} cases, {len(bad)} bad; the slowest was {slowest}, {cases[slowest]['duration']} ms")
    return not bad and bool(cases)


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("wstest", type=lambda text: str(Path(text).absolute()))
    parser.add_argument("--cases", nargs="+", default=CORE)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(fuzz(arguments.wstest, arguments.cases, Path(directory)))
        sys.exit(0 if report(Path(directory)) else 1)


if __name__ == "__main__":
    main()
