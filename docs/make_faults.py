"""Runs every fault of the table against headwater and google-genai, and writes the results into docs/faults.md.

python docs/make_faults.py             all of it, some minutes
python docs/make_faults.py null RST    only the rows with one of these words, to standard output

Each library reads in a process of its own, once sync and once for each async HTTP library, so that one that hangs can
be killed. The faults are those that ``tests/behaviour/test_faults.py`` asserts; the readers run the same code, with
another import.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import logging
import math
import platform
import queue
import subprocess
import sys
import threading
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__)
PAGE = HERE.with_name("faults.md")
BEGIN, END = "<!-- made by docs/make_faults.py -->\n", "<!-- end of the tables -->\n"
sys.path.insert(0, str(HERE.parent.parent))

from tests.support import fault_readers  # noqa: E402

#: The pauses of the scenarios, and how long a close is waited for, in seconds.
UNIT, LINGER = 1.0, 5.0
#: After this a reader counts as hanging, and is killed.
READER_TIMEOUT = 30.0

READERS = (
    ("headwater", "sync"),
    ("headwater", "async"),
    ("google", "sync"),
    ("google", "aiohttp"),
    ("google", "httpx2"),
)
COLUMNS = ("headwater", "google-genai, sync (httpx2)", "google-genai, async (aiohttp)", "google-genai, async (httpx2)")


# --- in the process of a reader -------------------------------------------------------------------------------------


class Messenger:
    """Tells the parent when the reader leaves the stream, and waits for its reply."""

    def left(self) -> None:
        """Report that the reader leaves the stream now."""
        _say({"left": time.monotonic()})

    def seen(self) -> None:
        """Wait until the parent has checked what the server sees."""
        sys.stdin.readline()


def serve_parent(library: str, mode: str) -> None:
    """Run jobs from standard input, one by one."""
    genai = importlib.import_module(f"{library}.genai")
    logging.disable()
    while line := sys.stdin.readline():
        if not line.isspace():
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                try:
                    answer = _do(json.loads(line), genai, mode)
                except Exception as error:
                    answer = {"broken": repr(error)}
            kinds = {warning.category.__name__ for warning in caught} - {"ResourceWarning", "DeprecationWarning"}
            _say(answer | {"warnings": sorted(kinds)})


def _do(job: dict[str, Any], genai: Any, mode: str) -> dict[str, Any]:
    def client() -> Any:
        options = job["options"] | {"base_url": job["url"]}
        if mode == "httpx2":
            options["async_client_args"] = {"transport": importlib.import_module("httpx2").AsyncHTTPTransport()}
        return genai.Client(api_key="test-key", http_options=options)

    if "way" in job:
        return {"sees": _go(job, client if job["owns"] else client(), mode)}
    options = {}
    if job["deadlines"] and genai.__name__.startswith("headwater"):
        policy = importlib.import_module("headwater.core.machine.policy")
        options["deadlines"] = policy.Deadlines(**job["deadlines"])
    if mode == "sync":
        return _written(fault_readers.read(client(), **options))
    return _written(asyncio.run(fault_readers.aread(client(), **options)))


def _go(job: dict[str, Any], client: Any, mode: str) -> str:
    way = getattr(fault_readers, job["way"])
    try:
        return str(way(client, Messenger()) if mode == "sync" else asyncio.run(way(client, Messenger())))
    except Exception as error:
        return f"`{_name(error)}`"


def _written(outcome: fault_readers.Outcome) -> dict[str, Any]:
    written = outcome._asdict() | {"error": None}
    if (error := outcome.error) is not None:
        marks = [getattr(error, name, None) for name in ("code", "status")]
        written["error"] = " ".join([f"`{_name(error)}`", *(str(mark) for mark in marks if mark)])
        if clock := getattr(error, "deadline", None):
            written["error"] += f" (`{clock}`)"
    return written


def _name(error: Exception) -> str:
    kind = type(error)
    library = kind.__module__.partition(".")[0]
    return kind.__name__ if library in ("headwater", "google", "builtins") else f"{library}.{kind.__name__}"


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


# --- in the parent --------------------------------------------------------------------------------------------------


class Answer(NamedTuple):
    """What happened to a reader, as text, and the seconds in it."""

    words: str
    seconds: float | None = None
    unit: str = ""

    def __str__(self) -> str:
        if self.seconds is None:
            return self.words
        took = f"{math.ceil(self.seconds * 1000)} ms" if self.unit == "ms" else f"{self.seconds:.1f} s"
        return self.words.replace("@", took)


class Reader:
    """One library in one mode, in a process that is restarted if it had to be killed."""

    def __init__(self, library: str, mode: str) -> None:
        self.library, self.mode = library, mode
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str] = queue.Queue()

    def ask(self, job: dict[str, Any], timeout: float = READER_TIMEOUT) -> dict[str, Any] | None:
        """Send a job and return the first message; None if it does not arrive in time."""
        if self._process is None:
            self._start()
        self.tell(json.dumps(job))
        return self.hear(timeout)

    def tell(self, line: str) -> None:
        """Write a line to the process."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def hear(self, timeout: float = READER_TIMEOUT) -> dict[str, Any] | None:
        """Return the next message; None, after killing the process, if it does not arrive in time.

        Raises:
            RuntimeError: if the reader itself failed, and not the library.
        """
        try:
            message = dict(json.loads(self._lines.get(timeout=timeout)))
        except queue.Empty:
            self.end()
            return None
        if "broken" in message:
            raise RuntimeError(f"{self.library}, {self.mode}: {message['broken']}")
        return message

    def end(self) -> None:
        """Kill the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _start(self) -> None:
        lines = self._lines = queue.Queue[str]()
        self._process = process = subprocess.Popen(
            [sys.executable, str(HERE), "--as", self.library, self.mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # "Unclosed client session" and the like
            text=True,
        )
        assert process.stdout is not None
        stdout = process.stdout

        def listen() -> None:
            for line in stdout:
                lines.put(line)

        threading.Thread(target=listen, daemon=True).start()


def read_case(reader: Reader, case: Any) -> Answer:
    """Let a reader read a fault to its end."""
    from tests.support.fault_cases import ONCE
    from tests.support.servers import Server

    with Server(case.script) as server:
        options = {"retry_options": ONCE} | case.options
        got = reader.ask({"url": server.url, "options": options, "deadlines": case.deadlines})
        requests = len(server.requests)
    if got is None:
        return Answer(f"nothing within {READER_TIMEOUT:g} s")
    return _judged(got, case, requests)


def _judged(got: dict[str, Any], case: Any, requests: int) -> Answer:
    texts = tuple(got["texts"])
    same = (texts, got["media"]) == (case.texts, case.media)
    came = "the whole answer" if same and case.error is None else _quoted(texts)
    if got["error"] is not None:
        words = f"{came}, then {got['error']}" if texts else got["error"]
    else:
        words = came if came == "the whole answer" else f"{came}, and a normal end"
    if case.spread and got["error"] is None and got["moments"][-1] - got["moments"][0] < case.spread:
        words += ", all at the end"
    if "requests" in case.tells:
        words += f"; {requests} request{'s' * (requests > 1)}"
    if got["warnings"]:
        words += f" (and a {', '.join(got['warnings'])})"
    if "seconds" in case.tells:
        return Answer(words + "; @", got["seconds"])
    return Answer(words)


def _quoted(texts: tuple[str, ...]) -> str:
    text, empty = "".join(texts), texts.count("")
    said = [f'"{text}"' if len(text) <= 20 else f"{len(text):,} characters"] if text else []
    said += [f"{empty} empty chunk{'s' * (empty > 1)}"] if empty else []
    return " and ".join(said) or "no chunk"


def go_way(reader: Reader, way: Any) -> Answer | None:
    """Let a reader stop early; None if its mode cannot stop in this way."""
    from tests.support.fault_cases import ONCE
    from tests.support.servers import Server

    function = way.sync if reader.mode == "sync" else way.aio
    if function is None:
        return None
    with Server(way.script) as server:
        options = {"retry_options": ONCE}
        got = reader.ask({"url": server.url, "options": options, "way": function.__name__, "owns": way.owns})
        took = None
        if got is not None and "left" in got:
            with contextlib.suppress(AssertionError):  # it was not closed
                took = server.closed_at(LINGER) - got["left"]
            reader.tell("")
            got = reader.hear()
    return _stopped(got, way, took)


def _stopped(got: dict[str, Any] | None, way: Any, took: float | None) -> Answer:
    if got is None:
        return Answer(f"nothing within {READER_TIMEOUT:g} s")
    sees = got["sees"].replace("Hello", "the whole answer")
    if not way.closes:
        return Answer(sees)
    ends = f"; {sees}" if sees else ""
    if took is None:
        return Answer(f"still open after {LINGER:g} s{ends}")
    return Answer(f"closed within @{ends}", took, "ms")


def row(name: str, answers: dict[tuple[str, str], Answer | None]) -> str:
    """Return a row of a table; the modes of headwater share a cell."""
    ours = {mode: answer for (library, mode), answer in answers.items() if library == "headwater" and answer}
    cells = [_shared(ours)]
    cells += [str(answer or "") for (library, _), answer in answers.items() if library == "google"]
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in [name, *cells]) + " |\n"


def _shared(ours: dict[str, Answer]) -> str:
    if len({answer.words for answer in ours.values()}) == 1:
        return str(max(ours.values(), key=lambda answer: answer.seconds or 0.0))
    return "; ".join(f"{mode}: {answer}" for mode, answer in ours.items())


def tables(words: list[str]) -> str:
    """Return all tables, or those of the rows with one of ``words`` in their names."""
    from tests.support.fault_cases import FAILING, FRAMING, SILENCE, cases
    from tests.support.fault_ways import LEAVING, ways

    readers = {key: Reader(*key) for key in READERS}
    lines = dict.fromkeys((FRAMING, FAILING, SILENCE, LEAVING), "")
    todo = [(case.section, case, read_case) for case in cases(UNIT)] + [(LEAVING, way, go_way) for way in ways()]
    for section, fault, meet in todo:
        if not words or any(word in fault.name for word in words):
            lines[section] += row(fault.name, {key: meet(reader, fault) for key, reader in readers.items()})
            sys.stderr.write(lines[section].splitlines()[-1] + "\n")
    for reader in readers.values():
        reader.end()
    rule = "|---" * (len(COLUMNS) + 1) + "|\n"
    heads = "| | " + " | ".join(COLUMNS) + " |\n" + rule
    return "".join(f"## {section}\n\n{heads}{text}\n" for section, text in lines.items() if text)


def setting() -> str:
    """Return the versions that the tables were made with."""
    parts = ", ".join(f"{name} {version(name)}" for name in ("google-genai", "httpx2", "aiohttp"))
    return f"Made with headwater {version('headwater')}, {parts}, Python {platform.python_version()}.\n\n"


def rewritten(page: str, text: str) -> str:
    """Return the page with ``text`` between the marks."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{text}{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--as"]:
        serve_parent(*sys.argv[2:])
    elif sys.argv[1:]:
        sys.stdout.write(tables(sys.argv[1:]))
    else:
        PAGE.write_text(rewritten(PAGE.read_text(), setting() + tables([])))
        sys.stdout.write(f"{PAGE} is up to date\n")
