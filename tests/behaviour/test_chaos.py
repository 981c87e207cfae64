"""A small run of ``bench/chaos.py``: real servers that are killed while their answers are read."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.stores import BINARY

pytestmark = pytest.mark.slow

CHAOS = Path(__file__).parents[2] / "bench" / "chaos.py"


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_nothing_is_lost_where_servers_die(kind: Any) -> None:
    """Every reader reads what the engine said, without gaps and with one end, though servers (and Redis) are killed."""
    if kind == "redis" and BINARY is None:
        pytest.skip("redis-server is not installed (apt-get install redis-server)")
    options = ["--log", kind, "--seed", "3", "--generations", "10", "--over", "4", "--lease", "1", "--rate", "120"]
    result = subprocess.run([sys.executable, CHAOS, *options], capture_output=True, text=True, timeout=100, check=False)
    print(result.stdout, result.stderr)
    assert result.returncode == 0
    assert re.search(r"^generations +10 in", result.stdout, re.MULTILINE)
    assert re.search(r"^of the answers, interactions +4$", result.stdout, re.MULTILINE)
    assert re.search(r"^readers, their cuts +30, ", result.stdout, re.MULTILINE)
