"""The drop-in face: the modules that google-genai has, under the same names."""

import importlib
from typing import Any

import pytest

from headwater import genai


@pytest.mark.parametrize("name", ["chats", "client", "errors", "files", "models", "pagers", "types"])
def test_each_module_can_be_imported_by_its_path(name: Any) -> None:
    """``import headwater.genai.types`` gives the very module that ``genai.types`` is."""
    module = importlib.import_module(f"headwater.genai.{name}")
    assert module is getattr(genai, name)
    assert not module.__name__.startswith("headwater.genai")  # one module, not a copy of its names


def test_names_come_from_them() -> None:
    """As ``from google.genai.types import ...`` is written, the lazy names among them."""
    from headwater.genai.client import Client
    from headwater.genai.errors import APIError
    from headwater.genai.types import Part, PartDict  # type: ignore[attr-defined]

    assert Client is genai.Client
    assert (APIError, Part, PartDict) == (genai.errors.APIError, genai.types.Part, genai.types.PartDict)


def test_a_turn_is_what_it_says() -> None:
    """``UserContent`` equals a ``Content`` with its role; it takes no other role, and it says something."""
    types = genai.types
    assert types.UserContent("a") == types.Content(role="user", parts="a") != types.ModelContent("a")
    assert types.UserContent(["a", types.Part("b")]).parts == [types.Part("a"), types.Part(types.Part("b"))]
    assert types.Part({"file_uri": "gs://a/b"}) == types.Part(file_data={"file_uri": "gs://a/b"})
    with pytest.raises(ValueError, match="ModelContent: its role is 'model'"):
        types.ModelContent(role="user", parts="a")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="it is empty"):
        types.UserContent([])
    with pytest.raises(ValueError, match="can not be combined"):
        types.Part("a", text="b")
