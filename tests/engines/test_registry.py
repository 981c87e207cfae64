"""Engines by name and by import path, and what is said of those that do not exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.engines import Engine, EngineSettings, OfflineEngine, ReplayEngine, make_engine
from headwater.engines.registry import _BUILT_IN, _METHODS, engine_help, engine_names
from headwater.errors import UsageError

CODE = '''
from headwater.engines import OfflineEngine

class Parrot(OfflineEngine):
    name = "parrot"

def make(settings):
    """A parrot."""
    engine = Parrot()
    engine.settings = settings
    return engine

def refuse(settings):
    return None

class Half:
    def stream(self, request):
        pass

    models = "none"

number = 5
'''


@pytest.fixture
def parrot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module ``parrot_module`` that can be imported."""
    (tmp_path / "parrot_module.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)


def test_built_in_engines_have_names() -> None:
    assert {"gemini", "offline", "replay"} <= set(engine_names())
    assert isinstance(make_engine("offline:instant", EngineSettings()), OfflineEngine)
    assert all(line.endswith(".") for name, line in engine_help() if name in _BUILT_IN)


def test_a_pace_is_for_the_engine_that_understands_it(tmp_path: Path) -> None:
    """One server may run both: a number is the pace of the replay engine, words are that of the offline engine."""
    case = tmp_path / "source" / "case"
    case.mkdir(parents=True)
    (case / "meta.json").write_text('{"id": "source/case", "response_file": "body"}')
    replay = make_engine(f"replay:{tmp_path}", EngineSettings(pace="0.5"))
    assert isinstance(replay, ReplayEngine)
    assert replay._pace == 0.5
    make_engine("offline", EngineSettings(pace="0.5"))
    with pytest.raises(UsageError, match="pace"):
        make_engine("offline", EngineSettings(pace="quick"))
    assert make_engine(f"replay:{tmp_path}", EngineSettings(pace="first=1"))._pace == 0.0  # type: ignore[attr-defined]


@pytest.mark.usefixtures("parrot")
def test_a_class_and_a_factory_by_their_import_path() -> None:
    """A factory gets the settings; a class that needs no argument is called without."""
    assert make_engine("parrot_module:Parrot", EngineSettings()).name == "parrot"
    made = make_engine("parrot_module:make", EngineSettings(upstream="https://example.org"))
    assert made.settings == EngineSettings(upstream="https://example.org")  # type: ignore[attr-defined]


@pytest.mark.usefixtures("parrot")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("anthropic", "there is no engine 'anthropic': choose one of .*offline"),
        ("ofline:instant", "No module named 'ofline'.*offline"),
        ("parrot_module:Raven", "Raven"),
        ("parrot_module:number", "cannot be called"),
        ("parrot_module:refuse", "NoneType"),
        ("parrot_module:Half", r"Half has no name, count_tokens\(\), models\(\), aclose\(\)$"),
        ("replay", "replay:DIR"),
        ("gemini:fast", "takes no argument"),
    ],
)
def test_what_is_not_an_engine_is_a_usage_error(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make_engine(text, EngineSettings())


def test_an_engine_is_checked_for_every_method_of_the_protocol() -> None:
    assert set(_METHODS) == {name for name in vars(Engine) if not name.startswith("_")}


def test_without_a_key_the_gemini_engine_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL", "GOOGLE_GENAI_USE_VERTEXAI"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="no API key: set GEMINI_API_KEY"):
        make_engine("gemini", EngineSettings())
