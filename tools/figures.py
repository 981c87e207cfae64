"""Print the figures of the source tree, room by room, and check the limits that the project keeps.

    python tools/figures.py            # a table of rooms, then the limits
    python tools/figures.py --all      # the longest functions and files as well

A test runs the same checks, so that a figure that gets worse fails the build.
"""

from __future__ import annotations

import argparse
import ast
import io
import statistics
import sys
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "src"
PACKAGE = "headwater"

#: The limits. They only ever get stricter.
MAX_MODULES = 16
MAX_LINES = 500
MIN_COMMENTS = 0.03
MAX_P90 = 15

#: Rooms that hold one definition after another and are read by name: no limit on the number of modules.
OPEN_ROOMS = frozenset({"types", "types/dicts"})
#: Generated, or data: their lines count neither as code nor as functions.
GENERATED = frozenset({"types/dicts"})
#: Rooms with a namespace of their own: two APIs of Google give the same names to different types.
NAMESPACES = frozenset({"types/interactions"})
#: Public classes that share a name on purpose: the client's method group and what it is a face of.
SHARED_NAMES: frozenset[str] = frozenset()


@dataclass
class Module:
    """One file: its name with dots, its lines, and what is in it."""

    name: str
    room: str
    lines: int
    code: int
    comments: int
    is_package: bool = False
    functions: list[tuple[int, str]] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)


def read_modules(source: Path = SOURCE) -> list[Module]:
    """Return every module below ``source``, in the order of their names."""
    return [_read(path, source) for path in sorted((source / PACKAGE).rglob("*.py"))]


def _read(path: Path, source: Path) -> Module:
    text = path.read_text("utf-8")
    relative = path.relative_to(source / PACKAGE)
    name = ".".join((PACKAGE, *relative.with_suffix("").parts)).removesuffix(".__init__")
    tree = ast.parse(text)
    code, comments = _count_lines(text, tree)
    module = Module(name, relative.parent.as_posix(), text.count("\n"), code, comments, path.stem == "__init__")
    module.functions = [
        (_length(node), f"{name}.{node.name}")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    module.classes = [
        node.name for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    module.imports = set(_imports(tree))
    return module


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function from ``def`` to its end, without its docstring."""
    docstring = _docstring(function)
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    return lines - len(docstring)


_NO_CODE = {
    *(tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
    *(tokenize.COMMENT, tokenize.ENCODING, tokenize.ENDMARKER),
}


def _count_lines(text: str, tree: ast.Module) -> tuple[int, int]:
    """Return the lines that hold code (docstrings are not code) and the lines that hold nothing but a comment."""
    code, comments = set[int](), set[int]()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and token.line.lstrip().startswith("#"):
            comments.add(token.start[0])
        elif token.type not in _NO_CODE:
            code.update(range(token.start[0], token.end[0] + 1))
    return len(code - set(_docstring_lines(tree))), len(comments)


def _docstring_lines(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _docstring(node)


def _docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> range:
    """Return the lines of a docstring; an empty range without one."""
    match node.body:
        case [ast.Expr(value=ast.Constant(value=str())) as first, *_]:
            return range(first.lineno, (first.end_lineno or first.lineno) + 1)
    return range(0)


def _imports(tree: ast.Module) -> Iterator[str]:
    """Yield every name that may be a module of the package: imported at the top, in functions, for type checking."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def percentile(values: Iterable[int], share: float) -> int:
    """Return the value below which ``share`` of ``values`` lie; 0 if ``values`` is empty."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0


def comment_density(modules: Iterable[Module]) -> float:
    """Return the whole-line comments for each line of code."""
    counted = [module for module in modules if module.room not in GENERATED]
    return sum(module.comments for module in counted) / max(1, sum(module.code for module in counted))


def function_lengths(modules: Iterable[Module]) -> list[int]:
    """Return the lengths of all functions, in lines."""
    return [length for module in modules if module.room not in GENERATED for length, _ in module.functions]


def crowded_rooms(modules: Iterable[Module]) -> dict[str, int]:
    """Return the folders with more than ``MAX_MODULES`` modules."""
    rooms = Counter(module.room for module in modules if not module.is_package)
    return {room: count for room, count in rooms.items() if count > MAX_MODULES and room not in OPEN_ROOMS}


def import_cycle(modules: list[Module]) -> list[str]:
    """Return the modules of an import cycle, type-only imports included; empty if the graph has no cycle."""
    known = {module.name for module in modules}
    # A package's own __init__ does not count: Python runs it before any module of the package in any case.
    graph = {
        module.name: {name for name in module.imports & known if not module.name.startswith(name + ".")} - {module.name}
        for module in modules
    }
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        return list(error.args[1])
    return []


def shared_names(modules: Iterable[Module]) -> dict[str, list[str]]:
    """Return the public classes that are defined more than once, with the modules that define them."""
    places: dict[str, list[str]] = defaultdict(list)
    for module in modules:
        prefix = f"{module.room}/" if module.room in NAMESPACES else ""
        for name in module.classes if module.room not in GENERATED else ():
            places[prefix + name].append(module.name)
    return {name: where for name, where in places.items() if len(where) > 1 and name not in SHARED_NAMES}


def problems(modules: list[Module]) -> list[str]:
    """Return a sentence for each limit that does not hold."""
    found = [f"{room}/ has {count} modules, more than {MAX_MODULES}" for room, count in crowded_rooms(modules).items()]
    found += [f"{module.name} has {module.lines} lines" for module in modules if module.lines > MAX_LINES]
    if (density := comment_density(modules)) < MIN_COMMENTS:
        found.append(f"{density:.3f} comment lines per line of code, fewer than {MIN_COMMENTS}")
    if (length := percentile(function_lengths(modules), 0.9)) > MAX_P90:
        found.append(f"nine of ten functions have up to {length} lines, more than {MAX_P90}")
    if cycle := import_cycle(modules):
        found.append("import cycle: " + " -> ".join(cycle))
    found += [f"class {name} is defined in {', '.join(where)}" for name, where in shared_names(modules).items()]
    return found


def _print_rooms(modules: list[Module]) -> None:
    print(f"{'room':<24}{'modules':>8}{'lines':>8}{'code':>8}{'comments':>10}{'median':>8}{'p90':>5}{'max':>5}")
    rooms: dict[str, list[Module]] = defaultdict(list)
    for module in modules:
        rooms[module.room].append(module)
    for room, inside in sorted([*rooms.items(), ("TOTAL", modules)], key=lambda entry: (entry[0] == "TOTAL", entry[0])):
        lengths = [length for module in inside for length, _ in module.functions] or [0]
        density = sum(module.comments for module in inside) / max(1, sum(module.code for module in inside))
        print(
            f"{room:<24}{len(inside):>8}{sum(module.lines for module in inside):>8}"
            f"{sum(module.code for module in inside):>8}{density:>10.3f}"
            f"{statistics.median(lengths):>8.0f}{percentile(lengths, 0.9):>5}{max(lengths):>5}"
        )


def _print_longest(modules: list[Module], count: int = 15) -> None:
    print("\nlongest functions")
    for length, name in sorted((entry for module in modules for entry in module.functions), reverse=True)[:count]:
        print(f"  {length:>4} {name}")
    print("\nlongest files")
    for module in sorted(modules, key=lambda module: -module.lines)[:count]:
        print(f"  {module.lines:>4} {module.name}")


def main() -> int:
    """Print the figures; return 1 if a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="print the longest functions and files as well")
    arguments = parser.parse_args()
    modules = read_modules()
    _print_rooms(modules)
    if arguments.all:
        _print_longest(modules)
    found = problems(modules)
    print("\n" + ("\n".join(found) or "every limit holds"))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
