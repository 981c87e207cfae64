"""A plugin for pytest: tests written for google-genai run with headwater in its place.

``pytest -p headwater.pytest_plugin``, or in the environment ``PYTEST_ADDOPTS="-p headwater.pytest_plugin"``, does for
tests what ``headwater run`` does for programs. Names that were used and are missing are listed after the results.
"""

from __future__ import annotations

from typing import Any

from headwater import import_shim, unsupported

__all__ = ["pytest_addoption", "pytest_terminal_summary"]


def pytest_addoption() -> None:
    """Replace ``google.genai`` as soon as the plugin is known: conftest files and other plugins import it later."""
    import_shim.install()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """List the names of google-genai that tests used and headwater does not have."""
    if import_shim.missed:
        terminalreporter.section("used of google-genai, and missing in headwater")
        for line in unsupported.listing(import_shim.missed):
            terminalreporter.write_line(line)
        # ``headwater run -m pytest`` would list them once more.
        import_shim.missed.clear()
