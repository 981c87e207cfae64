"""The public surface: ``__all__``, the docs and what exists agree, and importing it loads nothing that is optional."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").rglob("*.py"))
SOURCES = sorted((ROOT / "src").rglob("*.py"))
PUBLIC = (
    "headwater.dialects",
    "headwater.engines",
    "headwater.errors",
    "headwater.genai",
    "headwater.import_shim",
    "headwater.log",
    "headwater.protocols",
    "headwater.pytest_plugin",
    "headwater.server",
    "headwater.streaming",
    "headwater.telemetry",
    "headwater.testing",
    "headwater.tools",
    "headwater.types",
    "headwater.types.interactions",
    "headwater.views",
)
#: google-genai's names of modules: ``genai.types`` is ``headwater.types``, ``genai.errors`` is ``headwater.errors`` ...
GENAI_MODULES = frozenset(
    {"caches", "chats", "client", "errors", "files", "interactions", "models", "pagers", "tokens", "types"}
)
#: Pages about the inside.
INSIDE = frozenset({"architecture.md", "style.md", "extending.md"})
OPTIONAL = (
    "IPython",
    "ipywidgets",
    "markdown_it",
    "opentelemetry",
    "pillow",
    "prometheus_client",
    "redis",
    "rich",
    "sqlalchemy",
    "starlette",
    "uvicorn",
)


def names_of(module: str) -> list[str]:
    names: list[str] = importlib.import_module(module).__all__
    return names


def public_names(module: str) -> set[str]:
    """What may be imported from ``module``; nothing where it is private."""
    if module == "headwater":
        return {"__version__", *(public.partition(".")[2] for public in PUBLIC)}
    if module.startswith("headwater.genai.") and module.rpartition(".")[2] in GENAI_MODULES:
        alias = importlib.import_module(module)
        return set(getattr(alias, "__all__", vars(alias)))
    return set(names_of(module)) if module in PUBLIC else set()


def imports(text: str) -> Iterator[tuple[str, str]]:
    """The module and name of every import of headwater in a page or a program; the name is empty for ``import x``."""
    for match in re.finditer(r"^[ \t]*from (headwater[\w.]*) import (\([^)]*\)|[^\n#]*)", text, re.MULTILINE):
        for name in re.sub(r"[()]|#[^\n]*", "", match[2]).split(","):
            if name.strip():
                yield match[1], name.split(" as ")[0].strip()
    for match in re.finditer(r"^[ \t]*import (headwater[\w.]*)", text, re.MULTILINE):
        yield match[1], ""


@pytest.mark.parametrize("page", [*PAGES, *EXAMPLES], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_docs_and_examples_import_public_names_only(page: Path) -> None:
    wrong = [
        f"from {module} import {name}"
        for module, name in imports(page.read_text("utf-8"))
        if (name and name not in public_names(module)) or (not name and not public_names(module))
    ]
    assert not wrong


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in INSIDE], ids=lambda page: page.name)
def test_pages_name_no_private_module(page: Path) -> None:
    """``headwater.client.stream.sync`` may move; a page that names it sends its reader to where nothing stays."""
    named = set(re.findall(r"\bheadwater(?:\.[a-z_0-9]+)+", page.read_text("utf-8")))
    modules = {module for name in named if (module := _module_in(name))}
    private = {module for module in modules if not public_names(module)}
    assert not private


def _module_in(name: str) -> str:
    """The longest beginning of a dotted name that is a module of the package; empty for ``headwater`` itself."""
    while "." in name:
        package, _, last = name.rpartition(".")
        if last in public_names(package):
            return package
        path = ROOT / "src" / name.replace(".", "/")
        if path.is_dir() or path.with_suffix(".py").is_file():
            return name
        name = package
    return ""


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_exists(module: str) -> None:
    names = names_of(module)
    assert len(names) == len(set(names))
    assert not [name for name in names if not hasattr(importlib.import_module(module), name)]


def test_every_public_package_is_listed() -> None:
    """A package that is neither public nor known as private is a name without a decision."""
    private = {"client", "core", "transport", "contract", "offline", "cli", "lazy", "plugins"}
    private |= {"extras", "json_text", "placeholders", "unsupported", "__main__", "__init__"}
    found = {path.stem for path in (ROOT / "src" / "headwater").iterdir() if path.suffix == ".py" or _is_package(path)}
    assert found - private == {public.split(".")[1] for public in PUBLIC}


def _is_package(path: Path) -> bool:
    return (path / "__init__.py").is_file()


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_is_documented(module: str) -> None:
    """By a docstring of its own, or on a page where it has none (aliases, constants)."""
    words = set(re.findall(r"\w+", "\n".join(page.read_text("utf-8") for page in PAGES)))
    silent = []
    for name in names_of(module):
        value = getattr(importlib.import_module(module), name)
        has_docstring = bool(inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value)) and (
            getattr(value, "__doc__", None)
        )
        if not has_docstring and name not in words:
            silent.append(name)
    assert not silent


def test_the_types_are_all_public() -> None:
    """Every class of ``headwater.types`` except its base is in ``__all__``; the dict twins are for type checkers."""
    types = importlib.import_module("headwater.types")
    for name in types.__all__:  # some are loaded when they are first used
        getattr(types, name)
    own = {
        name
        for name, value in vars(types).items()
        if inspect.isclass(value) and value.__module__.startswith("headwater.types") and not name.startswith("_")
    }
    assert {name for name in own if not name.endswith("Dict")} - {"ApiModel"} <= set(types.__all__)
    assert set(types.__all__) <= own


@pytest.mark.parametrize("module", PUBLIC)
def test_importing_a_public_package_loads_nothing_optional(module: str) -> None:
    """Extras are loaded with the names that need them."""
    code = f"import sys, {module}; print([name for name in {OPTIONAL!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (run.stdout.strip(), run.stderr) == ("[]", "")


@pytest.mark.parametrize("module", ["headwater.engines", "headwater.log", "headwater.telemetry", "headwater.views"])
def test_a_lazy_package_lists_its_names_and_refuses_others(module: str) -> None:
    package = importlib.import_module(module)
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = package.Nothing


#: Folders of the repository whose files may be named in prose.
_PATH = re.compile(r"(?<![\w/.\-{])(?:src|tests|docs|tools|bench|examples|web|\.ci|\.github)/[\w\-./]*\w")
_UPPER = re.compile(r"(?<![\w/])[A-Z_]{4,}\.md\b")


#: Files of other projects: the Durable Streams protocol is written down in its PROTOCOL.md.
ELSEWHERE = frozenset({"PROTOCOL.md"})


def prose() -> Iterator[tuple[Path, str]]:
    """Every page, and the docstrings and comments of every module."""
    for page in [*PAGES, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs" / "decisions").glob("*.md"))]:
        yield page, page.read_text("utf-8")
    for path in [*SOURCES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "tools").glob("*.py"))]:
        text = path.read_text("utf-8")
        nodes = ast.walk(ast.parse(text))
        kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        docstrings = [ast.get_docstring(node) or "" for node in nodes if isinstance(node, kinds)]
        comments = re.findall(r"#[:!]? .*", text)
        yield path, "\n".join([*docstrings, *comments])


def test_no_prose_names_a_file_that_is_not_there() -> None:
    missing = []
    for path, text in prose():
        if path == Path(__file__):
            continue
        named = [*_PATH.findall(text), *_UPPER.findall(text)]
        missing += [f"{path.relative_to(ROOT)}: {name}" for name in named if not _exists(name)]
    assert not missing


def _exists(name: str) -> bool:
    return name in ELSEWHERE or bool(_named(ROOT, name) or _named(ROOT / "docs", name))


def _named(folder: Path, name: str) -> list[Path]:
    """The files that a name means; ``docs/decisions/0001`` is enough for the decision."""
    return list(folder.glob(name)) or list(folder.glob(f"{name}-*"))
