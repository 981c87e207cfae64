"""A file of engines: which are there, which answers for which model, and one line for each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.engines import OfflineEngine, OpenAIEngine
from headwater.engines.engine_file import EngineSet, read_engine_file
from headwater.errors import UsageError

TWO = """
[engines.local]
kind = "openai"
url = "http://127.0.0.1:1/v1"
preset = "llamacpp"
default = true
top_k = false

[engines.cloud]
kind = "openai"
url = "https://api.example.com/v1"
key_env = "EXAMPLE_API_KEY"
models = ["big-*", "huge"]
"""


def read(tmp_path: Path, text: str) -> EngineSet:
    path = tmp_path / "engines.toml"
    path.write_text(text)
    return read_engine_file(path)


def test_engines_have_names_settings_and_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXAMPLE_API_KEY", "a-key-of-the-cloud")
    found = read(tmp_path, TWO)
    local, cloud = found.engines["local"], found.engines["cloud"]
    assert (found.default, found.by_model()) == ("local", {"big-*": cloud, "huge": cloud})
    assert isinstance(local, OpenAIEngine)
    assert isinstance(cloud, OpenAIEngine)
    assert (local.name, cloud.name, local.preset, local._traits.top_k) == ("local", "cloud", "llamacpp", False)
    assert cloud._headers["authorization"] == "Bearer a-key-of-the-cloud"


def test_every_kind_of_engine_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only engine is the default; a factory of one's own gets its settings, and engines that are there."""
    case = tmp_path / "source" / "case"
    case.mkdir(parents=True)
    (case / "meta.json").write_text('{"id": "source/case", "response_file": "body"}')
    (tmp_path / "pair_module.py").write_text(
        "from headwater.engines import OfflineEngine\n"
        "def make(settings):\n"
        "    engine = OfflineEngine()\n"
        "    engine.made_of = [settings.engines[name] for name in settings.options['of']]\n"
        "    engine.weight = settings.options['weight']\n"
        "    return engine\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("G", "a-gemini-key")
    found = read(
        tmp_path,
        '[engines.pair]\nkind = "pair_module:make"\nof = ["words", "tape"]\nweight = 3\ndefault = true\n'
        '[engines.words]\nkind = "offline"\npace = "instant"\n'
        f'[engines.tape]\nkind = "replay"\ndirectory = "{tmp_path}"\n'
        '[engines.google]\nkind = "gemini"\nkey_env = "G"\nmodels = ["gemini-*"]\n'
        '[engines.proxy]\nkind = "gemini"\nurl = "http://127.0.0.1:1"\nmodels = ["p-*"]\n',
    )
    pair = found.engines["pair"]
    assert pair.made_of == [found.engines["words"], found.engines["tape"]]  # type: ignore[attr-defined]
    assert pair.weight == 3  # type: ignore[attr-defined]
    assert found.members == {"words", "tape"}
    alone = read(tmp_path, '[engines.a]\nkind = "offline"\n')
    assert alone.default == "a"
    assert isinstance(alone.engines["a"], OfflineEngine)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[engines", "is not TOML"),
        ("", "has no engines"),
        ("engines = 5", "has no engines"),
        ("[engine.a]\nkind = 'offline'", "'engine' is not known"),
        ("[engines.a]\nurl = 'x'", "engines.a has no kind"),
        ("[engines]\na = 5", "engines.a has no kind"),
        ("[engines.'a b']\nkind = 'offline'", "'a b' is not the name of an engine"),
        ("[engines.a]\nkind = 5", "kind is a text, not 5"),
        ("[engines.a]\nkind = 'offline'\ndefault = 'yes'", "default is true or false"),
        ("[engines.a]\nkind = 'offline'\nmodels = 'x-*'", "models is a list of texts"),
        ("[engines.a]\nkind = 'openai'\nkey = 'sk-secret'", "key_env names the variable"),
        ("[engines.a]\nkind = 'nonsense'", "engines.a: there is no engine 'nonsense'"),
        ("[engines.a]\nkind = 'offline'\nspeed = 3", "the offline engine has no setting 'speed' \\(it has pace\\)"),
        ("[engines.a]\nkind = 'replay'", "needs the directory"),
        ("[engines.a]\nkind = 'openai'", "engines.a: the openai engine has no URL"),
        ("[engines.a]\nkind = 'openai'\nurl = '127.0.0.1:8000'", "must start with http"),
        ("[engines.a]\nkind = 'openai'\nurl = 'http://127.0.0.1/v1'\npreset = 'olama'", "there is no preset 'olama'"),
        ("[engines.a]\nkind = 'openai'\nurl = 'http://127.0.0.1/v1'\nkey_env = 'NOT_SET_ANYWHERE'", "is not set"),
        (
            "[engines.a]\nkind = 'headwater.engines.offline:OfflineEngine'\nof = ['b']",
            "there is no engine 'b' in this file",
        ),
        (
            "[engines.a]\nkind = 'openai'\nurl = 'http://127.0.0.1/v1'\nmodles = ['x']",
            "engines.a: the openai engine has no setting 'modles': did you mean 'models'\\?",
        ),
        (
            "[engines.a]\nkind = 'offline'\nmodels = ['x']\n[engines.b]\nkind = 'offline'\nmodels = ['x']",
            "two engines for 'x': a and b",
        ),
        (
            "[engines.a]\nkind = 'offline'\ndefault = true\n[engines.b]\nkind = 'offline'\ndefault = true",
            "two engines are the default: a and b",
        ),
    ],
)
def test_each_mistake_is_one_line_that_says_where(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        read(tmp_path, text)
    assert "engines.toml" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "sk-secret" not in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_engine_file(tmp_path / "none.toml")
    (tmp_path / "odd.toml").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="it is not UTF-8"):
        read_engine_file(tmp_path / "odd.toml")
