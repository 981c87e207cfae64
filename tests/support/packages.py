"""npm packages for tests: those of a folder's lock file, installed once into a directory of the user's cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

INSTALL_PATIENCE = 110


def installed(folder: Path, name: str, variable: str) -> Path:
    """Return a directory with the packages that ``folder`` locks; the test is skipped where they can not be had.

    It is in the directory that the environment's ``variable`` names, or in the cache under ``name``.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not here")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    lock = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()[:12]
    directory = Path(os.environ.get(variable) or cache / name) / lock
    if (directory / "whole").exists():
        return directory
    directory.mkdir(parents=True, exist_ok=True)
    for file in ("package.json", "package-lock.json"):
        shutil.copy(folder / file, directory / file)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    try:
        done = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, timeout=INSTALL_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip("npm took too long")
    if done.returncode != 0:
        pytest.skip(f"npm could not install {name}: {done.stderr[-300:]}")
    (directory / "whole").touch()
    return directory
