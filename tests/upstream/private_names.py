"""Tells which of google-genai's tests touch its private names: modules, functions and attributes with an underscore.

A test is read together with what it uses of its file: fixtures, helpers, and what imports bind there. What only touches
public names is what a program can rely on, so the share of these that passes is told apart.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator


def private_tests(source: str) -> set[str]:
    """Return the tests of a file that touch a private name, as ``name`` or ``Class::name``."""
    tree = ast.parse(source)
    uses, private = _definitions(tree), _private_bindings(tree)
    found = set()
    for name, node in _tests(tree):
        reached, todo = set[str](), [node]
        while todo:
            each = todo.pop()
            if _touches(each, private, _modules(tree)):
                found.add(name)
                break
            fresh = (_names(each) & uses.keys()) - reached
            reached |= fresh
            todo += [use for other in fresh for use in uses[other]]
    return found


def _tests(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and inner.name.startswith("test"):
                    yield f"{node.name}::{inner.name}", inner
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            yield node.name, node


def _definitions(tree: ast.Module) -> dict[str, list[ast.AST]]:
    """What a file defines at its top: a name, and where it gets its value."""
    found: dict[str, list[ast.AST]] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                for name in _names(target):
                    found.setdefault(name, []).append(node.value)
    return found


def _imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """The names that a file imports of google-genai, each with its place there; imports in functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module or ''}.{alias.name}".strip(".")


def _private_bindings(tree: ast.Module) -> set[str]:
    return {name for name, place in _imports(tree) if any(part.startswith("_") for part in place.split("."))}


def _modules(tree: ast.Module) -> set[str]:
    return {name for name, _ in _imports(tree)}


def _touches(node: ast.AST, private: set[str], modules: set[str]) -> bool:
    """Return whether it uses a private binding, ``module._name``, ``module.Class._name`` or ``x._api_client``."""
    if _names(node) & private:
        return True
    return any(
        isinstance(each, ast.Attribute)
        and each.attr.startswith("_")
        and not each.attr.startswith("__")
        and (_root(each) in modules or each.attr in ("_api_client", "_pil_image"))
        for each in ast.walk(node)
    )


def _root(node: ast.expr) -> str | None:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _names(node: ast.AST) -> set[str]:
    """The names in a node, the parameters of functions among them: these are fixtures."""
    walked = list(ast.walk(node))
    return {each.id for each in walked if isinstance(each, ast.Name)} | {
        each.arg for each in walked if isinstance(each, ast.arg)
    }
