"""A log of your own, checked against the contract that every log keeps."""

import asyncio
import tempfile
from pathlib import Path

from headwater.log import MemoryLog
from headwater.testing import log_contract


class JournaledLog(MemoryLog):
    """A log in memory that also writes each record to a file, for people to read."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._journal = Path(path).open("ab")  # noqa: SIM115 - closed with the log

    async def append(self, key, records, **more):
        """Append, and only then write: a record that was refused is not in the journal."""
        offset = await super().append(key, records, **more)
        for record in records:
            self._journal.write(b"%b %b\n" % (key.encode(), record))
        return offset

    async def aclose(self):
        """Close the file."""
        self._journal.close()
        await super().aclose()


def open_journaled(url: str) -> JournaledLog:
    """Open the log at ``journaled:PATH``: an entry point of the group ``headwater.logs``, named ``journaled``."""
    return JournaledLog(url.partition(":")[2])


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
