"""Published Python programs for tests, each set in an environment of its own, made once in the user's cache."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

INSTALL_PATIENCE = 500


def python_with(*requirements: str) -> Path:
    """Return the Python of an environment that has ``requirements``; the test is skipped if they cannot be had."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    name = hashlib.sha256("\n".join([version, *requirements]).encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    directory = cache / "headwater-venvs" / name
    python = directory / "bin" / "python"
    if (directory / "whole").exists():
        return python
    venv.create(directory, clear=True, with_pip=True)
    command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *requirements]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"pip took too long to install {', '.join(requirements)}")
    if done.returncode != 0:
        pytest.skip(f"pip could not install {', '.join(requirements)}: {done.stderr[-300:]}")
    (directory / "whole").touch()
    return python


def run_program(python: Path, *arguments: str, patience: float = 100.0) -> str:
    """Run a program of an environment; returns what it prints. It sees no key and no proxy of this machine."""
    hidden = ("GOOGLE_", "GEMINI_", "OPENAI_")
    bare = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    bare = {name: value for name, value in bare.items() if not name.lower().endswith("_proxy")}
    # LiteLLM otherwise asks the network for its prices first.
    bare |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    command = [str(python), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=patience, check=False, env=bare)
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
    return done.stdout
