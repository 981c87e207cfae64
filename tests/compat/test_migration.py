"""The migration page: its tables hold every public name of google-genai's family, and what they say of it is true."""

import re
import warnings
from pathlib import Path
from typing import Any

import pytest

from headwater import errors, genai, types, unsupported
from headwater.client import client
from headwater.client.groups import chats, files, models, pagers
from headwater.client.groups import interactions as interaction_groups
from headwater.types import interactions

PAGE = (Path(__file__).parents[2] / "docs" / "migration.md").read_text("utf-8")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    theirs = pytest.importorskip("google.genai")
    from google.genai import chats as their_chats
    from google.genai import client as their_client
    from google.genai import errors as their_errors
    from google.genai import files as their_files
    from google.genai import interactions as their_interactions
    from google.genai import models as their_models
    from google.genai import pagers as their_pagers
    from google.genai import types as their_types

#: Names that a module of theirs has because it imports them.
_IMPORTED = {"Callable", "Optional", "Union", "TYPE_CHECKING", "Any", "httpx", "httpx2", "json", "importlib"}


def names(*things: Any) -> Any:
    """The public names of classes or modules."""
    return {name for thing in things for name in dir(thing) if not name.startswith("_")} - _IMPORTED


def fields(kind: Any) -> Any:
    return set(kind.model_fields)


_CLIENT = their_client.Client(api_key="k")
_THEIRS = (_CLIENT.interactions, _CLIENT.aio.interactions)

#: Each table with google-genai's names and headwater's.
TABLES = {
    "genai": (names(theirs), names(genai)),
    "Client": (
        names(their_client.Client, their_client.AsyncClient),
        names(client.Client, client.AsyncClient) | {"models", "chats", "files"},
    ),
    "models": (names(their_models.Models, their_models.AsyncModels), names(models.Models) & names(models.AsyncModels)),
    "chats": (
        names(their_chats.Chats, their_chats.AsyncChats, their_chats.Chat, their_chats.AsyncChat),
        names(chats.Chats, chats.Chat) & names(chats.AsyncChats, chats.AsyncChat),
    ),
    "files": (names(their_files.Files, their_files.AsyncFiles), names(files.Files) & names(files.AsyncFiles)),
    "pagers": (names(their_pagers.Pager, their_pagers.AsyncPager), names(pagers.Pager) & names(pagers.AsyncPager)),
    "errors": (names(their_errors), names(errors)),
    "client.interactions": (
        names(*(type(group) for group in _THEIRS)),
        names(interaction_groups.Interactions) & names(interaction_groups.AsyncInteractions),
    ),
    "interactions": (
        set(their_interactions.__all__),
        {name for name in {*their_interactions.__all__, *interactions.__all__} if hasattr(interactions, name)},
    ),
    "HttpOptions": (fields(their_types.HttpOptions), fields(types.HttpOptions)),
}


def rows(title: Any) -> Any:
    """The rows of a table: each name with its standing and what is said of it."""
    table = PAGE.split(f"\n### {title}\n", 1)[1].split("\n#", 1)[0]
    found = re.findall(r"^\| (`.*?) \| (\w+) \| ?(.*?) ?\|$", table, re.MULTILINE)
    return [(name, standing, said) for group, standing, said in found for name in re.findall(r"`(\w+)`", group)]


@pytest.mark.parametrize("title", TABLES)
def test_a_table_holds_every_name_once(title: Any) -> None:
    """No public name of the installed google-genai is missing; names of other versions of it may stand there too."""
    told = [name for name, _, _ in rows(title)]
    assert len(told) == len(set(told))
    assert not TABLES[title][0] - set(told)


@pytest.mark.parametrize("title", TABLES)
def test_a_name_is_there_unless_the_table_says_absent(title: Any) -> None:
    """What is same or better is in headwater, in both colours; what is absent is not, and a way out is given."""
    here = TABLES[title][1]
    for name, standing, said in rows(title):
        assert standing in ("same", "better", "ignored", "absent"), name
        assert (name in here) == (standing != "absent"), name
        assert said or standing == "same", name


def test_every_field_of_the_config_is_there() -> None:
    """The page says so."""
    assert fields(their_types.GenerateContentConfig) <= fields(types.GenerateContentConfig)


def test_what_is_absent_has_a_hint_at_run_time() -> None:
    """``headwater run`` knows what to use in the place of each group and method that is absent."""
    groups = {name for name, standing, _ in rows("Client") if standing == "absent"}
    assert groups <= set(unsupported.GROUPS) | set(unsupported.MODULES)
    for title in ("models", "files"):
        missing = {name for name, standing, _ in rows(title) if standing == "absent"} - {"vertexai"}
        assert {f"{title}.{name}" for name in missing} <= set(unsupported.METHODS)
    assert unsupported.replacement_for("client.aio.models.edit_image") == unsupported.METHODS["models.edit_image"]
    assert "google-genai" in unsupported.replacement_for("types.TuningJob")
    images = unsupported.METHODS["models.generate_images"]
    assert unsupported.replacement_for("types.GenerateImagesConfig") == images
    assert unsupported.replacement_for("types.LiveClientSetup") == unsupported.GROUPS["live"]
