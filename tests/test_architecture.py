"""The layout that docs/architecture.md describes: who may import whom, and what a module may need."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
PACKAGE = "headwater"
MAX_LINES = 500

#: The floor of each room; a file knows its own floor and those below. The package itself, a version, is the ground.
FLOORS = {
    "": 0,
    "types": 1,
    "errors": 1,
    "json_text": 1,
    "lazy": 0,
    "plugins": 1,
    "extras": 1,
    "contract": 2,
    "core": 3,
    "log": 3,
    "offline": 3,
    "transport": 4,
    "client": 5,
    "genai": 5,
    "streaming": 5,
    "dialects": 4,
    "unsupported": 1,
    "placeholders": 1,
    "import_shim": 6,
    "pytest_plugin": 7,
    "tools": 5,
    "views": 6,
    "telemetry": 6,
    "engines": 6,
    "protocols": 4,
    "server": 7,
    "cli": 8,
    "testing": 8,
    "__main__": 8,
}
#: Rooms of one floor that do not know each other: log and core meet in server only.
STRANGERS = {("log", "core"), ("core", "log"), ("core", "offline"), ("log", "offline"), ("offline", "log")}
#: The floors inside a room, the lowest first: a folder or file knows those of the floors below, and not its neighbours.
INSIDE = {
    "server": (
        ("config",),
        ("http",),
        ("streams",),
        ("gemini", "openai", "websocket", "chats", "durable", "interactions"),
        ("protocols",),
        ("openapi", "page"),
        ("application",),
        ("run",),
    ),
    "client": (("options", "tools"), ("request",), ("stream",), ("groups",), ("client",)),
    "core": (("text",), ("answer",), ("stages", "wire"), ("machine",)),
    "log": (
        ("lease",),
        ("base", "packing", "retention", "waiting"),
        ("memory", "recent"),
        ("sqlite", "redis"),
        ("open",),
    ),
}
#: What waits, looks at a clock, throws dice or tells tales: not for what only decides.
IMPURE = frozenset({"asyncio", "threading", "socket", "time", "random", "logging", "os"})
BARRED = {
    "types": IMPURE,
    "errors": IMPURE,
    "json_text": IMPURE,
    "contract": IMPURE,
    "core": IMPURE,
    "protocols": IMPURE,
    "offline": IMPURE - {"random"},
}
PURE = ("types", "errors", "json_text", "contract", "core", "protocols")
HTTP = frozenset({"urllib3", "aiohttp", "certifi", "httpx", "httpx2", "requests", "pyreqwest", "http"})


@cache
def modules() -> dict[str, Path]:
    """Every module of the package by its name."""
    found = {}
    for path in sorted((SRC / PACKAGE).rglob("*.py")):
        parts = path.relative_to(SRC).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports(name: str) -> frozenset[str]:
    """The modules that a module imports anywhere: at its top, inside functions, for type checking."""
    tree = ast.parse(modules()[name].read_text("utf-8"))
    return frozenset(found for node in ast.walk(tree) for found in _named(node, name))


def _named(node: ast.AST, importer: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{importer} imports relatively"
        base = str(node.module)
        inside = [f"{base}.{alias.name}" for alias in node.names if f"{base}.{alias.name}" in modules()]
        yield from inside
        if len(inside) < len(node.names):
            yield base


def room(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def own(name: str) -> set[str]:
    """The modules of the package that a module imports."""
    return {found for found in imports(name) if found.split(".")[0] == PACKAGE}


def foreign(name: str) -> set[str]:
    """The top-level packages of others that a module imports."""
    return {found.split(".")[0] for found in imports(name)} - {PACKAGE}


def test_every_room_has_its_floor() -> None:
    """A new room is put on a floor here before it is built."""
    assert {room(name) for name in modules()} <= set(FLOORS)
    assert {"types", "errors", "core", "transport", "client", "genai"} <= {room(name) for name in modules()}


def test_a_file_imports_from_its_own_floor_or_from_below() -> None:
    wrong = [
        f"{name} imports {found}"
        for name in modules()
        for found in own(name)
        if FLOORS[room(found)] > FLOORS[room(name)] or (room(name), room(found)) in STRANGERS
    ]
    assert not wrong


def place(name: str) -> str:
    """The folder or file of a module inside its room; empty for the room itself, which re-exports all of it."""
    return name.split(".")[2] if name.count(".") > 1 else ""


@pytest.mark.parametrize("inside", INSIDE)
def test_every_place_inside_a_room_has_its_floor(inside: str) -> None:
    known = {name for floor in INSIDE[inside] for name in floor}
    there = {place(name) for name in _in(inside)} - {""}
    assert there == known, f"put {there ^ known} on its floor of {inside} in INSIDE, or take it out"


@pytest.mark.parametrize("inside", INSIDE)
def test_inside_a_room_imports_point_down(inside: str) -> None:
    floors = {name: number for number, floor in enumerate(INSIDE[inside]) for name in floor}
    wrong = [
        f"{name} imports {found}, which is not below it: see INSIDE[{inside!r}]"
        for name in _in(inside)
        if place(name)
        for found in own(name)
        if room(found) == inside
        and place(found) not in ("", place(name))
        and floors[place(found)] >= floors[place(name)]
    ]
    assert not wrong, "\n".join(wrong)


def test_what_is_imported_is_there() -> None:
    """Or the tests of direction would look past it."""
    assert not [f"{name} imports {found}" for name in modules() for found in own(name) if found not in modules()]


def test_there_are_no_import_circles() -> None:
    """Type-only ones included. A package's ``__init__`` is left out where a module of its own names it."""
    graph = {name: {found for found in own(name) if not name.startswith(found + ".")} for name in modules()}
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from None


@pytest.mark.parametrize("floor", PURE)
def test_the_core_needs_the_standard_library_and_msgspec_only(floor: str) -> None:
    allowed = set(sys.stdlib_module_names) | {"msgspec"}
    assert not [f"{name} imports {found}" for name in _in(floor) for found in foreign(name) - allowed]


@pytest.mark.parametrize("floor", BARRED)
def test_what_decides_does_not_wait_or_look_around(floor: str) -> None:
    assert not [f"{name} imports {found}" for name in _in(floor) for found in foreign(name) & BARRED[floor]]


def _in(floor: str) -> list[str]:
    found = [name for name in modules() if room(name) == floor]
    assert found, f"there is no {floor}"
    return found


def test_an_engine_is_known_by_types_alone() -> None:
    """Who writes one needs neither the client nor the wire."""
    assert {room(found) for found in own(f"{PACKAGE}.engines.base")} <= {"types", "errors", "json_text"}


def test_the_server_sees_engines_and_logs_and_no_client_or_wire() -> None:
    barred = re.compile(rf"{PACKAGE}\.(client|transport|genai|core\.(machine|wire\.(dialect|gemini|request)))\b")
    assert not [f"{name} imports {found}" for name in _in("server") for found in own(name) if barred.match(found)]


def test_http_libraries_are_known_in_transport_alone() -> None:
    """Their errors can then not leave it unmapped. (``server`` and ``engines`` speak HTTP through their own seams.)"""
    wrong = [
        f"{name} imports {found}"
        for name in modules()
        if room(name) not in ("transport", "engines", "server")
        for found in foreign(name) & HTTP
    ]
    assert not wrong


@pytest.mark.parametrize("error", ["urllib3", "aiohttp"])
def test_no_error_of_a_library_is_named_outside_transport(error: str) -> None:
    assert not [name for name in modules() if room(name) != "transport" and error in foreign(name)]


def test_the_shells_do_not_know_each_other() -> None:
    for one, other in (("sync", "aio"), ("aio", "sync")):
        assert f"{PACKAGE}.client.stream.{other}" not in imports(f"{PACKAGE}.client.stream.{one}")
        assert f"{PACKAGE}.transport.{other}" not in imports(f"{PACKAGE}.transport.{one}")


#: The twins of both colours, and the names that only one of them has.
TWINS = [
    ("client.stream.sync:Stream", "client.stream.aio:AsyncStream", {"aclose"}),
    ("client.stream.sync:UnaryCall", "client.stream.aio:AsyncUnaryCall", set()),
    ("client.stream.sync:Caller", "client.stream.aio:AsyncCaller", set()),
    ("client.groups.models:Models", "client.groups.models:AsyncModels", set()),
    ("client.groups.chats:Chat", "client.groups.chats:AsyncChat", set()),
    ("client.groups.chats:Chats", "client.groups.chats:AsyncChats", set()),
    ("client.groups.files:Files", "client.groups.files:AsyncFiles", set()),
    ("client.request.credentials:AuthorizedTransport", "client.request.credentials:AsyncAuthorizedTransport", set()),
    ("client.groups.pagers:Pager", "client.groups.pagers:AsyncPager", set()),
    ("transport.base:Transport", "transport.base:AsyncTransport", set()),
    ("transport.base:Body", "transport.base:AsyncBody", set()),
    ("transport.sync:UrllibTransport", "transport.aio:AiohttpTransport", set()),
    ("transport.offline:OfflineTransport", "transport.offline:AsyncOfflineTransport", set()),
]
_DUNDERS = {
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__await__": "",
}
_PROTOCOLS = frozenset(_DUNDERS) | frozenset(_DUNDERS.values()) | {"__len__", "__getitem__"}


def _load(where: str) -> Any:
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(f"{PACKAGE}.{module}"), name)


def _names(kind: Any) -> set[str]:
    return {_DUNDERS.get(name, name) for name in dir(kind) if not name.startswith("_") or name in _PROTOCOLS} - {""}


@pytest.mark.parametrize(("sync", "aio", "extra"), TWINS, ids=lambda value: str(value).partition(":")[2] or None)
def test_both_colours_have_the_same_names_with_the_same_arguments(sync: str, aio: str, extra: set[str]) -> None:
    one, other = _load(sync), _load(aio)
    assert _names(one) ^ _names(other) == extra
    for name in (name for name in _names(one) & _names(other) if not name.startswith("_")):
        if inspect.isfunction(getattr(one, name)):
            here, there = (inspect.signature(getattr(kind, name)).parameters for kind in (one, other))
            assert list(here) == list(there), name
            assert [p.default for p in here.values()] == [p.default for p in there.values()], name


HEAVY = (
    "urllib3",
    "aiohttp",
    "certifi",
    "http.client",
    "httpx",
    "requests",
    "uvicorn",
    "starlette",
    "uvloop",
    "pydantic",
    "click",
    "yarl",
    "multidict",
    "ssl",
    "opentelemetry",
    "prometheus_client",
    "headwater.telemetry",
    "headwater.transport.sync",
    "headwater.transport.aio",
    "headwater.server",
    "headwater.engines",
    "headwater.offline",
    "headwater.cli",
)


@pytest.mark.parametrize(
    "code",
    [
        "import headwater",
        "from headwater import genai",
        "from headwater import genai; genai.types.Part('a'); genai.errors.APIError",
        "from headwater import genai; c = genai.Client(api_key='k'); c.aio.models; c.chats.create(model='m')",
    ],
)
def test_what_was_not_used_yet_is_not_loaded(code: str) -> None:
    """Not even making a client loads an HTTP library, the server, or anything optional."""
    ask = f"{code}\nimport sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-I", "-c", ask], capture_output=True, text=True, timeout=60, check=False)
    assert (told.stdout.strip(), told.stderr) == ("[]", "")


def test_importing_the_package_alone_loads_next_to_nothing() -> None:
    ask = "import sys; before = set(sys.modules); import headwater; print(sorted(set(sys.modules) - before))"
    told = subprocess.run([sys.executable, "-I", "-c", ask], capture_output=True, text=True, timeout=60, check=True)
    assert [name for name in ast.literal_eval(told.stdout) if name.split(".")[0] == PACKAGE] == [PACKAGE]


def files() -> list[Path]:
    return sorted(path for folder in ("src", "tests") for path in (ROOT / folder).rglob("*.py"))


def test_no_file_is_longer_than_a_subject() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in files()}
    assert not {path: length for path, length in lengths.items() if length > MAX_LINES}


def test_nothing_is_left_for_later() -> None:
    marks = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")
    assert not [str(path.relative_to(ROOT)) for path in files() if marks.search(path.read_text("utf-8"))]


def test_every_module_says_what_it_is() -> None:
    """Its first sentence, in its docstring."""
    silent = [name for name, path in modules().items() if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
    assert not silent


def test_an_init_re_exports_and_does_nothing() -> None:
    for name, path in modules().items():
        if path.name != "__init__.py":
            continue
        for node in ast.parse(path.read_text("utf-8")).body:
            fine = isinstance(node, ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign) or (
                isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            )
            assert fine or _is_lazy(node), f"{name}, line {node.lineno}"


def _is_lazy(node: ast.stmt) -> bool:
    """Imports for type checkers; at run time the same names come from ``lazy_names``, or are left out."""
    if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
        return False
    for_checkers = all(isinstance(inner, ast.ImportFrom | ast.AugAssign) for inner in node.body)
    at_run_time = [ast.unparse(inner) for inner in node.orelse]
    return for_checkers and all(text.startswith("__getattr__, __dir__ = lazy_names(") for text in at_run_time)


def test_no_try_swallows_everything() -> None:
    """``except:`` and ``except Exception: pass`` hide what went wrong."""
    wrong = []
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.ExceptHandler):
                continue
            broad = node.type is None or (isinstance(node.type, ast.Name) and node.type.id in _BROAD)
            if broad and all(isinstance(inner, ast.Pass) for inner in node.body):
                wrong.append(f"{name}, line {node.lineno}")
    assert not wrong


_BROAD = ("Exception", "BaseException")
