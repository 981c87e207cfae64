"""The official JavaScript SDK against the server, where Node is there and ``NODE_PATH`` leads to ``@google/genai``."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from live import Live

NODE = shutil.which("node")


def has_sdk() -> bool:
    """Whether Node finds the SDK."""
    look = [NODE or "", "-e", "require('@google/genai')"]
    return NODE is not None and subprocess.run(look, capture_output=True, timeout=30).returncode == 0


@pytest.mark.skipif(NODE is None, reason="Node is not here")
def test_the_javascript_sdk_streams_chats_counts_and_uploads() -> None:
    """@google/genai, unmodified, streams, chats, counts tokens and uploads a file of two slices."""
    if not has_sdk():
        pytest.skip("@google/genai is not here")
    with Live() as live:
        script = Path(__file__).with_name("javascript.cjs")
        run = subprocess.run([NODE or "", script, live.url], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["chunks"] > 1
    assert found["text"]
    assert found["reply"]
    assert found["tokens"]
    assert (found["file"]["sizeBytes"], found["file"]["displayName"]) == ("9000000", "zeros")
    assert found["file"]["state"] == "ACTIVE"
