"""Every public name of google-genai can be imported: headwater's own, or a placeholder that says what to use."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from typing import Any

import pydantic
import pytest

from headwater import genai, placeholders, types
from headwater.errors import UsageError
from tools import make_genai_names

#: Walks all names under the stand-in, and uses each as programs do that only mention it.
WALK = """
import sys, typing, json, inspect, importlib
from headwater import import_shim
import_shim.install()
wrong, kinds = [], []
for module, names in json.load(sys.stdin).items():
    found = importlib.import_module(f"google.genai.{module}")
    assert getattr(importlib.import_module("google.genai"), module) is found
    for name in names:
        try:
            value = getattr(found, name)
            typing.Optional[value] if not inspect.isfunction(value) else value.__name__
            if str(getattr(value, "__module__", "")).startswith("google.") and inspect.isclass(value):
                kinds.append(name)
                if not hasattr(value, "__total__"):  # TypedDict refuses isinstance
                    isinstance(1, value)
                    list(value) if hasattr(value, "__members__") else type("Own", (value,), {})
        except Exception as error:
            wrong.append(f"{module}.{name}: {error!r}")
print(json.dumps([wrong, len(kinds), list(import_shim.missed)]))
"""


@pytest.fixture(scope="module")
def theirs() -> dict[str, list[str]]:
    """The public names of the google-genai that is installed, by module."""
    pytest.importorskip("google.genai")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        modules = make_genai_names.public_modules()
        return {module: [name for name, *_ in make_genai_names.names_of(module)] for module in modules}


def test_every_public_name_can_be_imported_annotated_subclassed_and_tested(theirs: dict[str, list[str]]) -> None:
    told = subprocess.run(
        [sys.executable, "-c", WALK], input=json.dumps(theirs), capture_output=True, text=True, timeout=60, check=True
    )
    wrong, placed, missed = json.loads(told.stdout)
    assert (wrong, missed) == ([], [])
    assert placed > 500
    assert sum(map(len, theirs.values())) > 2000


def test_the_file_has_the_names_of_the_installed_google_genai(theirs: dict[str, list[str]]) -> None:
    """``python tools/make_genai_names.py`` writes it. Names of other versions may stand in it, too."""
    for module, names in theirs.items():
        assert set(names) <= set(placeholders.modules()[module]), module


def test_importing_the_client_does_not_read_the_names() -> None:
    code = "import headwater.genai, sys; headwater.genai.types.PartDict; print('headwater.placeholders' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"False\n"


def test_types_has_placeholders_without_the_stand_in_too() -> None:
    """Programs whose import was edited, and which annotate with a type of Live."""
    assert types.LiveServerGoAway is types.LiveServerGoAway  # type: ignore[attr-defined]
    assert not isinstance(1, types.LiveServerGoAway)  # type: ignore[attr-defined]


def test_the_edited_import_of_a_module_that_is_not_here_gives_placeholders() -> None:
    """``from headwater.genai import live``: programs annotate with what is in it. A typo is an error as ever."""
    live: Any = genai.live  # type: ignore[attr-defined]
    assert live.AsyncSession is placeholders.placeholder("live", "AsyncSession")
    assert "AsyncSession" in live.__all__
    with pytest.raises(UsageError, match=r"headwater has no live\.AsyncSession"):
        live.AsyncSession()
    placeholders.missed.clear()
    with pytest.raises(AttributeError, match=r"module 'headwater\.genai' has no attribute 'lives'"):
        _ = genai.lives  # type: ignore[attr-defined]


@pytest.mark.parametrize("module", placeholders.modules())
def test_a_placeholder_is_an_error_that_says_what_to_do_once_it_is_used(module: str) -> None:
    for name, kind in placeholders.modules()[module].items():
        value = placeholders.placeholder(module, name)
        if kind in ("class", "function"):
            with pytest.raises(UsageError, match=rf"headwater has no {module}\.{name}: .{{10}}"):
                value(1, a=2)
            assert placeholders.missed.pop(f"{module}.{name}", 1) is None
        elif kind in ("error", "warning"):
            assert issubclass(value, Warning if kind == "warning" else Exception)


def test_subclasses_of_a_placeholder_are_refused_as_itself() -> None:
    video: Any = placeholders.placeholder("types", "Video")

    class Own(video):  # type: ignore[misc]
        """A class of a program."""

    assert video[int] is video
    with pytest.raises(NotImplementedError, match=r"headwater has no types\.Video"):
        Own()
    placeholders.missed.clear()


def test_enums_have_their_members_and_dicts_their_keys() -> None:
    reason: Any = placeholders.placeholder("types", "TurnCompleteReason")
    assert reason.NEED_MORE_INPUT.value == "NEED_MORE_INPUT"
    with pytest.warns(UserWarning, match="LATER is not a valid TurnCompleteReason"):
        assert reason("LATER").value == "LATER"
    assert placeholders.placeholder("types", "TuningMethod")
    twin: Any = placeholders.placeholder("types", "TuningJobDict")
    assert twin(a=1) == {"a": 1}
    assert not placeholders.missed


def test_placeholders_are_fields_of_pydantic_models() -> None:
    class State(pydantic.BaseModel):
        video: placeholders.placeholder("types", "Video") | None = None  # type: ignore[valid-type]
        reason: placeholders.placeholder("types", "TurnCompleteReason") | None = None  # type: ignore[valid-type]
        config: placeholders.placeholder("types", "TuningJobDict") | None = None  # type: ignore[valid-type]

    state = State.model_validate({"reason": "NEED_MORE_INPUT", "config": {"a": 1}})
    assert State.model_validate_json(state.model_dump_json()) == state
    assert state.model_dump()["config"] == {"a": 1}
    assert set(State.model_json_schema()["properties"]) == {"video", "reason", "config"}


def test_a_name_that_google_genai_does_not_have_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"google\.genai\.types has no 'Vdeo'"):
        placeholders.placeholder("types", "Vdeo")


def test_an_empty_config_is_a_default_of_fields() -> None:
    """google-adk has one in the body of a model. It says nothing, so nothing is missing."""
    live: Any = placeholders.placeholder("types", "LiveConnectConfig")

    class Request(pydantic.BaseModel):
        live_connect_config: live = live()

    assert Request().model_dump_json() == '{"live_connect_config":{}}'
    assert Request(live_connect_config="anything").model_dump() == {"live_connect_config": "anything"}
    with pytest.raises(UsageError, match=r"headwater has no types\.LiveConnectConfig"):
        live(response_modalities=["TEXT"])
