"""Programs written for google-genai give under ``headwater run`` what they give with google-genai."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
PATIENCE = 90
PROGRAMS = re.findall(r"^def program_(\w+)", (HERE / "dropin_programs.py").read_text("utf-8"), re.MULTILINE)
HAS_GOOGLE_GENAI = importlib.util.find_spec("google.genai") is not None
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not HAS_GOOGLE_GENAI, reason="google-genai is not here (tests/compat/README.md)"),
]


def run(served: Any, *program: str) -> tuple[dict[str, Any], str]:
    """Run the programs; return what came of each, and what was written to stderr."""
    bare = {n: v for n, v in os.environ.items() if not n.startswith(("GOOGLE_", "GEMINI_", "PYTHON", "PYTEST"))}
    done = subprocess.run(
        [*program, str(HERE / "dropin_programs.py"), served.url],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={name: value for name, value in bare.items() if not name.lower().endswith("_proxy")},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout), done.stderr


@pytest.fixture(scope="module")
def theirs(served: Any) -> dict[str, Any]:
    return run(served, sys.executable, "-W", "ignore")[0]


@pytest.fixture(scope="module")
def ours(served: Any) -> tuple[dict[str, Any], str]:
    return run(served, str(Path(sys.executable).with_name("headwater")), "run")


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_gives_what_it_gives_with_google_genai(name: str, theirs: Any, ours: Any) -> None:
    assert not str(theirs[name]).startswith(("TypeError", "AttributeError", "ImportError")), theirs[name]
    assert ours[0][name] == theirs[name]


def test_nothing_is_listed_as_missing(ours: Any) -> None:
    """Every name that the programs use is there, and what they only mention or probe is not used."""
    assert ours[1] == ""
