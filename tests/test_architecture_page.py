"""docs/architecture.md lists every module of the package once, and no module that does not exist."""

import ast
import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src" / "headwater"
PAGE = ROOT / "docs" / "architecture.md"
#: Rooms whose modules are not listed one by one: generated.
UNLISTED = ("types/dicts",)


def listed() -> Counter[str]:
    """The modules that the page's tables name: a heading names a room, each first cell the modules in it."""
    found: Counter[str] = Counter()
    room = ""
    for line in PAGE.read_text("utf-8").splitlines():
        if heading := re.match(r"#+ (.*)", line):
            name = re.fullmatch(r"`([\w/]+)/`", heading[1])
            room = "" if name is None else name[1]
        elif room and line.startswith("| `"):
            folder = "" if room == "headwater" else f"{room}/"
            found.update(folder + module for module in re.findall(r"`(\w+\.py)`", line.split("|")[1]))
    return found


def existing() -> set[str]:
    """The modules of the package that have a place in the tables."""
    paths = {path.relative_to(SRC).as_posix() for path in SRC.rglob("*.py") if path.name != "__init__.py"}
    return {path for path in paths if not path.startswith(UNLISTED)}


def test_every_module_is_listed() -> None:
    """A new module gets a row under the heading of its room."""
    assert existing() - set(listed()) == set()


def test_every_listed_module_exists() -> None:
    assert set(listed()) - existing() == set()


def test_no_module_is_listed_twice() -> None:
    assert [module for module, times in listed().items() if times > 1] == []


def explained(module: str) -> int:
    """How many lines of prose a module has before its first class or function: its docstring, and comments."""
    head = re.split(r"^(?:class|def|@)", (SRC / module).read_text("utf-8"), maxsplit=1, flags=re.MULTILINE)[0]
    docstring = ast.get_docstring(ast.parse(head)) or ""
    return len(docstring.splitlines()) + len(re.findall(r"^# ?", head, re.MULTILINE))


def test_hard_modules_open_with_their_theory_of_operation() -> None:
    section = PAGE.read_text("utf-8").partition("## Theory of operation")[2].partition("\n## ")[0]
    modules = re.findall(r"`([\w/]+\.py)`", section)
    assert len(modules) >= 8
    assert {module: lines for module in modules if (lines := explained(module)) < 10} == {}
