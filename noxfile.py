"""Sessions for development: ``nox -l`` lists them, ``nox -s tests-3.12`` runs one. CI runs ``.ci/run``."""

from __future__ import annotations

import sys
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
#: The extras with which the packages are tried.
USERS = ("server", "redis", "postgres", "terminal", "otel")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the quick tests: everything that is not marked ``slow``."""
    session.install("-e", ".[dev]")
    session.run("pytest", "-n", "2", *session.posargs)


@nox.session(python="3.11")
def lowest(session: nox.Session) -> None:
    """Run the quick tests with the lowest versions of the dependencies that ``pyproject.toml`` allows."""
    session.install("uv")
    bounds = Path(session.create_tmp()).resolve() / "lowest.txt"
    # Without google-auth: google-genai, which tests compare with, wants a newer one.
    _resolve(
        session, "lowest-direct", bounds, "server", "postgres", "redis", "terminal", "notebook", "otel", "prometheus"
    )
    session.run("uv", "pip", "install", "-e", ".[dev]", "-c", str(bounds))
    session.run("pytest", "-n", "2", *session.posargs)


@nox.session(python="3.11")
def slow(session: nox.Session) -> None:
    """Run the slow tests: conformance suites, browsers, crashes. They need Redis, PostgreSQL, Chromium and Node."""
    session.install("-e", ".[dev]")
    session.run("pytest", "-m", "slow", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting, and the figures of the source tree."""
    session.install("ruff>=0.11")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("python", "tools/figures.py")


@nox.session
def types(session: nox.Session) -> None:
    """Check types: mypy, strict."""
    session.install("-e", ".[dev]")
    session.run("mypy")


@nox.session
def page(session: nox.Session) -> None:
    """Build the chat page from ``web/`` and test its modules."""
    with session.chdir("web"):
        session.run("npm", "ci", "--no-audit", "--no-fund", external=True)
        session.run("npm", "run", "build", external=True)
        session.run("npm", "test", external=True)


@nox.session
def packages(session: nox.Session) -> None:
    """Build sdist and wheel, check them, and try the wheel with the latest dependencies and with the lowest."""
    session.install("build", "twine", "check-wheel-contents", "uv")
    folder = Path(session.create_tmp()).resolve()
    session.run("python", "-m", "build", "--outdir", str(folder / "dist"), ".")
    packages = sorted(map(str, (folder / "dist").iterdir()))
    session.run("twine", "check", "--strict", *packages)
    session.run("check-wheel-contents", packages[0])
    for resolution in ("highest", "lowest-direct"):
        python, bounds = folder / resolution / "bin" / "python", folder / f"{resolution}.txt"
        _resolve(session, resolution, bounds, *USERS)
        session.run("uv", "venv", "--clear", "--python", sys.executable, str(folder / resolution))
        session.run("uv", "pip", "install", "-p", str(python), "-c", str(bounds), f"{packages[0]}[{','.join(USERS)}]")
        session.run(str(python), "tools/smoke.py", external=True)


def _resolve(session: nox.Session, resolution: str, target: Path, *extras: str) -> None:
    """Write the versions to ``target`` that ``resolution`` chooses for headwater with ``extras``."""
    options = ["--resolution", resolution, "--no-annotate", "--no-header", "-o", str(target)]
    session.run("uv", "pip", "compile", "-q", "pyproject.toml", *options, *(f"--extra={name}" for name in extras))
