"""What is printed where a package is missing works wherever headwater is installed from, and so do the pages."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from headwater import extras

ROOT = Path(__file__).parent.parent
EXTRAS: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
    "optional-dependencies"
]
OF_USERS = sorted(set(EXTRAS) - {"all", "dev", "browser-tests"})
#: How a page says what to install, until a package index has headwater: in a clone.
INSTALL = "pip install '.[{extra}]'"


def command(extra: str) -> list[str]:
    message = extras.missing_package("a_module", extra)
    assert message.startswith("this needs a_module, which is not installed: ")
    return shlex.split(message.partition(": ")[2])


def wanted(extra: str) -> set[str]:
    """What the installed metadata require for an extra, as a full parser reads them."""
    found = [Requirement(text) for text in metadata.requires("headwater") or ()]
    chosen = [one for one in found if one.marker is not None and one.marker.evaluate({"extra": extra})]
    return {str(Requirement(str(one).partition(";")[0])) for one in chosen}


@pytest.mark.parametrize("extra", OF_USERS)
def test_the_command_names_the_packages_of_the_extra(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "_is_installed", lambda name: False)
    python, *install = command(extra)
    assert install[:3] == ["-m", "pip", "install"]
    assert Path(python).resolve() == Path(sys.executable).resolve()
    assert {str(Requirement(one)) for one in install[3:]} == wanted(extra)


def test_all_has_every_extra_of_users() -> None:
    (everything,) = map(Requirement, EXTRAS["all"])
    assert everything.extras == set(OF_USERS)


def test_only_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "_is_installed", lambda name: name != "uvicorn")
    assert {Requirement(one).name for one in command("server")[4:]} == {"uvicorn"}


def test_an_installation_that_is_broken_is_installed_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that is there and cannot be imported does not leave the command empty."""
    monkeypatch.setattr(extras, "_is_installed", lambda name: True)
    assert len(command("server")[4:]) == len(wanted("server"))


@pytest.mark.slow
@pytest.mark.parametrize("extra", OF_USERS)
def test_pip_takes_the_command(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip finds everything that the command names: here it is installed, so nothing is downloaded."""
    monkeypatch.setattr(extras, "_is_installed", lambda name: False)
    python, *install = command(extra)
    result = subprocess.run([python, *install, "--dry-run", "--no-index"], capture_output=True, text=True, timeout=100)
    assert result.returncode == 0, result.stderr


def test_sources_without_an_installation_are_a_clone(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", absent)
    assert command("server")[4:] == [".[server]"]


def test_no_page_and_no_message_asks_an_index_for_headwater() -> None:
    """No index has the package yet. Every extra that is named is one that exists."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")]
    code = [*ROOT.glob("src/**/*.py"), *ROOT.glob("bench/**/*.py"), *ROOT.glob("examples/*.py")]
    told = set()
    for path in [*pages, *code, *ROOT.glob("web/src/*.js")]:
        text = path.read_text("utf-8")
        assert not re.search(r"pip install [^\n&#`]*?[ '\"]headwater\b", text), path
        for found in re.findall(r"pip install [^\n`]*\.\[[a-z]+\]'?", text):
            extra = found.partition("[")[2].partition("]")[0]
            assert extra in EXTRAS, path
            told.add((extra, found[found.index("pip") :].replace("pip install -q", "pip install").replace("-e ", "")))
    assert {found for extra, found in told if found != INSTALL.format(extra=extra)} == set()
