"""What the SQLite log survives: death of its process, a full disk, a file that cannot be written, a clock set back."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from headwater.errors import LogError
from headwater.log.base import tail
from headwater.log.sqlite.log import SqliteLog
from headwater.log.sqlite.store import Sync
from tests.support.sides import run_async


def with_log(path: Path, work: Any, **options: Any) -> None:
    async def run() -> None:
        log = SqliteLog(str(path), **options)
        try:
            await work(log)
        finally:
            await log.aclose()

    run_async(run())


_APPENDER = """
import asyncio, sys
from headwater.log.sqlite.log import SqliteLog

async def write(log, key):
    await log.create(key, writer="child")
    number = 0
    while True:
        await log.append(key, [b"%d" % number], writer="child")
        print(key, number, flush=True)
        number += 1

async def main(path, sync):
    log = SqliteLog(path, sync=sync)
    await asyncio.gather(*(write(log, key) for key in "abcd"))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("sync", ["normal", "full"])
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, sync: Sync) -> None:
    """A process that is killed while it appends leaves every record that it was told is there, in order and once."""
    path = tmp_path / "log.db"
    command = [sys.executable, "-c", _APPENDER, str(path), sync]
    told: dict[str, int] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for count, line in enumerate(child.stdout):
            if not line.endswith("\n"):  # it was killed while it said so
                break
            key, number = line.split()
            told[key] = int(number)
            if count == 400:
                child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL

    async def check(log: SqliteLog) -> None:
        for key in "abcd":
            records: list[Any] = []
            while (page := await log.read(key, len(records))).records:
                records += page.records
            assert records == [b"%d" % number for number in range(len(records))]
            assert len(records) > told[key]
            state = await log.state(key)
            assert (state.next, state.writer, state.is_sealed) == (len(records), "child", False)
            assert await log.append(key, [b"on"], writer="child") == len(records) + 1

    with_log(path, check)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_full_disk_is_an_error_that_heals(tmp_path: Path) -> None:
    """Where no more can be written, appends are refused and nothing acknowledged is lost; with room they go on."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    async def check(log: SqliteLog) -> None:
        await log.create("a")
        done = await log.append("a", [b"x" * 1000])
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, limits[1]))
        try:
            with pytest.raises(LogError, match=r"log\.db cannot be used: (disk I/O error|.*full)"):  # noqa: PT012
                for _ in range(1000):
                    done = await log.append("a", [b"x" * 1000])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert 1 < done < 1000
        assert (await log.state("a")).next == done
        assert len((await log.read("a", 0)).records) == done
        assert await log.append("a", [b"y"]) == done + 1

    with_log(tmp_path / "log.db", check)
    with_log(tmp_path / "log.db", lambda log: log.append("a", [b"z"]))


def test_a_file_that_cannot_be_written_is_said_at_once(tmp_path: Path) -> None:
    """No folder, no database, a database that is read-only: the log says so when it is opened, or when it writes."""
    with pytest.raises(LogError, match="unable to open"):
        SqliteLog(str(tmp_path / "none" / "log.db"))
    (tmp_path / "text.db").write_text("this is no database, and it is long enough to be seen as none" * 100)
    with pytest.raises(LogError, match="not a database"):
        SqliteLog(str(tmp_path / "text.db"))


def test_a_file_that_becomes_read_only_keeps_what_it_has(tmp_path: Path) -> None:
    """Appends are refused with what is wrong; what is there can be read, and after it is mended, written again."""

    async def check(log: SqliteLog) -> None:
        await log.create("a")
        await log.append("a", [b"1"])
        log._writer._connection.execute("PRAGMA query_only = on")  # as root nothing else makes a file read-only
        with pytest.raises(LogError, match="readonly"):
            await log.append("a", [b"2"])
        log._writer._connection.execute("PRAGMA query_only = off")
        assert (await log.read("a", 0)).records == [b"1"]
        assert await log.append("a", [b"2"], at=1) == 2

    with_log(tmp_path / "log.db", check)


def test_a_clock_set_back_hides_no_dead_writer(tmp_path: Path) -> None:
    """Where the wall clock goes back by a day, a writer that died is still found after its lease."""
    now = [1_000_000.0]

    async def check(log: SqliteLog) -> None:
        await log.create("a", writer="one", lease=0.05)
        await log.append("a", [b"1"], writer="one")
        now[0] -= 86_400
        assert not (await log.state("a")).is_stale
        while await log.stale() != ["a"]:
            await log.wait("a", 1, 0.01)
        await log.take_over("a", "two", lease=60)
        assert await log.append("a", [b"2"], writer="two") == 2

    with_log(tmp_path / "log.db", check, clock=lambda: now[0])


def test_a_lease_is_renewed_by_each_append(tmp_path: Path) -> None:
    """A log is stale when nothing was appended for the time of its lease, an append of nothing included."""
    now = [1_000_000.0]

    async def check(log: SqliteLog) -> None:
        await log.create("a", writer="one", lease=1000)
        for _ in range(3):
            now[0] += 999
            assert not (await log.state("a")).is_stale
            await log.append("a", [], writer="one")
        now[0] += 1000
        assert (await log.state("a")).is_stale

    with_log(tmp_path / "log.db", check, clock=lambda: now[0])


def test_two_who_share_a_file_see_each_other(tmp_path: Path) -> None:
    """With ``is_shared`` a reader is woken by what another process appends, and neither writes over the other."""

    async def run() -> None:
        one, two = (SqliteLog(str(tmp_path / "log.db"), is_shared=True) for _ in range(2))
        await one.create("a")

        async def read(log: SqliteLog) -> list[bytes]:
            return [record async for page in tail(log, "a", heartbeat=60) for record in page.records]

        readers = [asyncio.create_task(read(log)) for log in (one, two)]
        for number in range(6):
            log = (one, two)[number % 2]
            assert await log.append("a", [b"%d" % number], at=number) == number + 1
            await asyncio.sleep(0.03)
        await two.seal("a")
        for reader in readers:
            assert await reader == [b"0", b"1", b"2", b"3", b"4", b"5"]
        await one.aclose()
        await two.aclose()

    run_async(run())


def test_a_long_commit_holds_up_nobody_else(tmp_path: Path) -> None:
    """While another process keeps the file locked, the event loop runs on and records in memory are read."""

    async def check(log: SqliteLog) -> None:
        await log.create("a")
        await log.append("a", [b"1"])
        other = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        append = asyncio.create_task(log.append("a", [b"2"]))
        before = time.monotonic()
        for _ in range(20):
            await asyncio.sleep(0.005)
            assert (await log.read("a", 0)).records == [b"1"]
        assert time.monotonic() - before < 2
        assert not append.done()
        other.execute("COMMIT")
        other.close()
        assert await append == 2

    with_log(tmp_path / "log.db", check)


def test_groups_are_rows_and_sizes_shrink(tmp_path: Path) -> None:
    """What is appended together is one row, and what is dropped leaves the file."""

    async def check(log: SqliteLog) -> None:
        await log.create("a")
        await log.append("a", [b"%d" % number for number in range(100)])
        await log.append("a", [b"x" * 500_000])
        await log.seal("a")
        with sqlite3.connect(tmp_path / "log.db") as connection:
            assert connection.execute("SELECT count(*) FROM groups").fetchone() == (2,)
            assert await log.sweep(age=0) == 1
            assert connection.execute("SELECT count(*) FROM groups").fetchone() == (0,)
            assert connection.execute("PRAGMA freelist_count").fetchone()[0] < 10
        connection.close()

    with_log(tmp_path / "log.db", check)


def test_a_closed_log_says_so(tmp_path: Path) -> None:
    """After ``aclose`` nothing hangs."""

    async def check(log: SqliteLog) -> None:
        await log.aclose()
        for call in (log.create("a"), log.read("a", 0), log.stale()):
            with pytest.raises(LogError, match="closed"):
                await call

    with_log(tmp_path / "log.db", check)


def test_readers_far_behind_read_the_file(tmp_path: Path) -> None:
    """What memory no longer holds comes from the file, without a gap at the seam."""

    async def check(log: SqliteLog) -> None:
        records = [b"%06d" % number + bytes(1000) for number in range(1500)]
        await log.create("a")
        for start in range(0, 1500, 50):
            await log.append("a", records[start : start + 50])
        kept = log._recent.get("a")
        assert kept is not None
        assert kept.first > 0
        await log.seal("a")
        found = [record async for page in tail(log, "a") for record in page.records]
        assert found == records

    with_log(tmp_path / "log.db", check)
    assert os.path.getsize(tmp_path / "log.db") > 1_000_000


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    """There are questions and answers in it: no file of the log can be read by others."""

    async def check(log: SqliteLog) -> None:
        await log.create("a")
        assert {path.name for path in tmp_path.iterdir()} == {"log.db", "log.db-wal", "log.db-shm"}
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}

    with_log(tmp_path / "log.db", check)
