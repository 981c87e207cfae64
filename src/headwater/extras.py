"""What to install when a package of an extra is missing."""

from __future__ import annotations

import os
import re
import sys

# importlib.metadata costs more to import than a client may take, and is needed only where something is missing.

#: A requirement of an extra, as metadata has it: ``redis[hiredis]>=8; extra == 'redis'``.
_REQUIREMENT = r"""(?P<what>(?P<name>[\w.-]+)[^;]*);(?P<marker>.*)\bextra *== *["'](?P<extra>[\w-]+)["']"""


def missing_package(module: str, extra: str, *, user: str = "this") -> str:
    """Return the message for a module that cannot be imported: what needs it, and the command that installs it.

    ``headwater[EXTRA]`` is on no package index, so the command names the packages that this extra consists of. It works
    wherever headwater is installed from, and installs to where this program runs.
    """
    return f"{user} needs {module}, which is not installed: {_command(extra)}"


def _command(extra: str) -> str:
    import shlex

    # A virtual environment need not be activated, so a bare "pip" may be that of another Python.
    below = sys.executable.removeprefix(os.getcwd() + os.sep)
    python = below if os.sep in below else sys.executable or "python"
    wanted = " ".join(shlex.quote(requirement) for requirement in _missing(extra))
    return f"{shlex.quote(python)} -m pip install {wanted}"


def _missing(extra: str) -> list[str]:
    """The requirements of an extra that are not installed; all of them if that does not explain what is missing."""
    from importlib import metadata

    try:
        found = [re.fullmatch(_REQUIREMENT, text) for text in metadata.requires("headwater") or ()]
    except metadata.PackageNotFoundError:  # the sources are used as they lie there, without an installation
        return [f".[{extra}]"]
    is_windows = sys.platform == "win32"
    known = [match for match in found if match is not None and match["extra"] == extra]
    known = [match for match in known if not (is_windows and "!= 'win32'" in match["marker"].replace('"', "'"))]
    missing = [match for match in known if not _is_installed(match["name"])]
    return [match["what"].strip() for match in missing or known]


def _is_installed(name: str) -> bool:
    from importlib import metadata

    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True
