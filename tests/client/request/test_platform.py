"""Fields that only one of the two APIs takes: the notes in the types and the tables of ``platform.py`` agree."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater import types
from headwater.client.request import platform


def _notes(module: Path) -> Iterator[tuple[str, str, str]]:
    """The type, name and note of each field of a module: the ``#:`` line above it, or the docstring below it."""
    lines = module.read_text("utf-8").splitlines()
    for kind in ast.parse("\n".join(lines)).body:
        body = kind.body if isinstance(kind, ast.ClassDef) else []
        for field, below in zip(body, [*body[1:], None], strict=False):
            if (
                isinstance(kind, ast.ClassDef)
                and isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
            ):
                above = lines[field.lineno - 2].strip()
                note = above if above.startswith("#:") else ""
                if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                    note += str(below.value.value)
                yield {"_GenerationSettings": "GenerateContentConfig"}.get(kind.name, kind.name), field.target.id, note


@pytest.mark.parametrize(
    ("api", "table"), [("Vertex AI", platform.VERTEX_ONLY), ("Developer API", platform.DEVELOPER_ONLY)]
)
def test_types_say_which_api_has_a_field(api: str, table: dict[str, tuple[str, ...]]) -> None:
    """The notes at the fields and the tables that requests are checked against do not contradict each other."""
    modules = Path(types.__file__).parent.glob("*.py")
    marked = {(kind, name) for module in modules for kind, name, note in _notes(module) if f"{api} only" in note}
    assert marked == {(kind, name) for kind, names in table.items() for name in names}
