"""What may be installed below headwater: no release with a published advisory that concerns it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

#: The first releases without the advisories that ``pyproject.toml`` names.
FIXED = {
    "urllib3": (2, 6, 3),
    "aiohttp": (3, 13, 3),
    "certifi": (2024, 7, 4),
    "starlette": (0, 49, 1),
    "h11": (0, 16),
}


@pytest.mark.parametrize("name", FIXED)
def test_lower_bound_is_a_fixed_release(name: str) -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    extras = [line for extra in project["optional-dependencies"].values() for line in extra]
    bounds = re.findall(rf"^{name}>=([0-9.]+)", "\n".join([*project["dependencies"], *extras]), re.MULTILINE)
    assert bounds
    for bound in bounds:
        assert tuple(map(int, bound.split("."))) >= FIXED[name]
