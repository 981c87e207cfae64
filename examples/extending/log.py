"""A log of your own, checked against the contract that every log keeps."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

from headwater.log import Log, LogState, MemoryLog, Page
from headwater.testing import log_contract


class JournaledLog:
    """Another log, whose records are also written to a file, for people to read."""

    def __init__(self, log: Log, path: str) -> None:
        self._log = log
        self._journal = Path(path).open("ab")  # noqa: SIM115 - closed with the log
        # Optional: a log that says nothing is taken for one that other servers share.
        self.is_in_memory = getattr(log, "is_in_memory", False)

    async def append(
        self,
        key: str,
        records: Sequence[bytes],
        *,
        at: int | None = None,
        writer: str = "",
        seal: bool = False,
        note: bytes | None = None,
    ) -> int:
        """Append, and only then write: a record that was refused is not in the journal."""
        offset = await self._log.append(key, records, at=at, writer=writer, seal=seal, note=note)
        for record in records:
            self._journal.write(b"%b %b\n" % (key.encode(), record))
        return offset

    async def aclose(self) -> None:
        """Close the file and the log."""
        self._journal.close()
        await self._log.aclose()

    # The rest is the other log's.

    async def create(self, key: str, *, writer: str = "", lease: float = 10.0, note: bytes = b"") -> None:
        """Create an empty log."""
        await self._log.create(key, writer=writer, lease=lease, note=note)

    async def read(self, key: str, after: int, limit: int = 512) -> Page:
        """Return the records after an offset."""
        return await self._log.read(key, after, limit)

    async def wait(self, key: str, after: int, timeout: float) -> None:
        """Wait for more records."""
        await self._log.wait(key, after, timeout)

    async def state(self, key: str) -> LogState:
        """Return everything but the records."""
        return await self._log.state(key)

    async def take_over(self, key: str, writer: str, *, lease: float = 10.0) -> LogState:
        """Become the writer of a stale log."""
        return await self._log.take_over(key, writer, lease=lease)

    async def stale(self) -> list[str]:
        """Return the keys of logs whose writers are dead."""
        return await self._log.stale()

    async def seal(self, key: str) -> None:
        """End a log."""
        await self._log.seal(key)

    async def drop(self, key: str) -> None:
        """Delete a log."""
        await self._log.drop(key)

    async def sweep(self, *, age: float | None = None, size: int | None = None) -> int:
        """Delete old logs."""
        return await self._log.sweep(age=age, size=size)


def open_journaled(url: str) -> Log:
    """Open the log at ``journaled:PATH``: an entry point of the group ``headwater.logs``, named ``journaled``."""
    return JournaledLog(MemoryLog(), url.partition(":")[2])  # mypy checks here that no method is missing


async def main(path: str) -> None:
    """Run every check of the contract, each with a fresh log."""
    checks = log_contract()
    for check in checks:
        log = open_journaled(f"journaled:{path}")
        await check(log)
        await log.aclose()
    print(f"{len(checks)} checks passed, {Path(path).stat().st_size} bytes in the journal")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(f"{folder}/journal"))
