"""One current model: the default, and the one of all examples. Whatever name a guide uses works offline."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from headwater import genai
from headwater.contract.defaults import DEFAULT_MODEL

_ROOT = Path(__file__).parent.parent
#: Models that are retired, or about to be.
_OLD = re.compile(r"gemini-(?:1\.5|2\.0|2\.5)-flash(?!-)|gemini-pro\b")
#: What guides and READMEs of other programs name.
_NAMES = (
    DEFAULT_MODEL,
    "gemini-3.6-flash",
    "gemini-3.5-flash",
    "gemini-3.1-pro-preview",
    "gemini-3-pro-preview",
    "gemini-3-flash-preview",
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
    "gemini-2.5-flash-preview",
    "gemini-2.0-flash",
    "gemini-1.5-flash",
    "gemini-flash-latest",
    "gemini-pro",
)


def _texts() -> list[Path]:
    """The pages and programs that a reader copies from."""
    found = [*_ROOT.glob("docs/*.md"), _ROOT / "README.md"]
    found += [*_ROOT.glob("web/src/*.js"), *_ROOT.glob("src/headwater/server/page/static/*.js")]
    return [*found, *(path for path in _ROOT.glob("examples/**/*") if path.suffix in {".py", ".html", ".js", ".tsx"})]


def test_examples_use_the_default_model() -> None:
    """No page and no example names a model that is being retired."""
    old = [path.name for path in _texts() if _OLD.search(path.read_text("utf-8"))]
    assert old == []
    assert "preview" not in DEFAULT_MODEL
    assert f'WITHOUT_LIST = "{DEFAULT_MODEL}"' in (_ROOT / "web/src/models.js").read_text("utf-8")
    assert sum(DEFAULT_MODEL in path.read_text("utf-8") for path in _texts()) > 20


@pytest.mark.parametrize("name", _NAMES)
def test_every_name_works_offline(name: str) -> None:
    """With and without ``models/``."""
    client = genai.Client(http_options={"base_url": "offline:instant"})
    for model in (name, f"models/{name}"):
        assert client.models.generate_content(model=model, contents="Hello!").text
        assert client.models.count_tokens(model=model, contents="Hello!").total_tokens


def test_the_default_is_in_the_offline_list() -> None:
    """First, so that a list of models begins with it."""
    client = genai.Client(http_options={"base_url": "offline:instant"})
    assert next(iter(client.models.list())).name == f"models/{DEFAULT_MODEL}"
