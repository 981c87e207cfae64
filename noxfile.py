"""Sessions for development: ``nox -l`` lists them, ``nox -s tests-3.12`` runs one. CI runs ``.ci/run``."""

from __future__ import annotations

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the quick tests: everything that is not marked ``slow``."""
    session.install("-e", ".[dev]")
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
def wheel(session: nox.Session) -> None:
    """Build the wheel and stream an answer from an installation of it."""
    session.install("build")
    folder = session.create_tmp()
    session.run("python", "-m", "build", "--wheel", "--outdir", folder, ".")
    session.install("--no-index", "--find-links", folder, "--no-deps", "--force-reinstall", "headwater")
    session.install(".")
    session.run("headwater", "ask", "--offline", "Tell me a story in 20 words.")
