"""Every example runs as it stands, offline."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))
SAYS = {
    "async_story": "The story about two cats begins.",
    "chat": "The conversation has 4 turns.",
    "collect": "tokens, STOP",
    "image": "red",
    "stop_from_thread": "Stopped with",
}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_example(example):
    """The example runs without an error and prints what it is about."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GOOGLE_", "GEMINI_"))}
    pace = "offline:first=0,rate=50" if example.stem == "stop_from_thread" else "offline:instant"
    result = subprocess.run(
        [sys.executable, "-W", "error", str(example)],
        env=environment | {"GOOGLE_GEMINI_BASE_URL": pace, "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert SAYS.get(example.stem, "") in result.stdout
    assert len(result.stdout.split()) > 5
