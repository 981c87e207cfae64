"""The Durable Streams protocol, as its own conformance suite judges it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stores import needs_redis, redis_server

SCRIPT = Path(__file__).with_name("run_conformance.py")
PATIENCE = 170
NOT_INSTALLED = 3
#: All but the six of the optional subscriptions.
ALL = 332

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(PATIENCE + 10),
    pytest.mark.skipif(shutil.which("node") is None or shutil.which("npm") is None, reason="node and npm are not here"),
]


def judge(log: str) -> None:
    command = [sys.executable, str(SCRIPT), "--store", log]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode == NOT_INSTALLED:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stdout + done.stderr
    counts = re.search(r"(\d+) passed, 0 failed", done.stdout)
    assert counts is not None
    assert int(counts[1]) >= ALL


def test_on_sqlite(tmp_path: Path) -> None:
    """Every test of the suite passes on SQLite."""
    judge(f"sqlite:{tmp_path / 'streams.db'}")


@needs_redis
def test_on_redis(tmp_path: Path) -> None:
    """Every test of the suite passes on Redis."""
    with redis_server(tmp_path) as redis:
        judge(redis.url)
