"""A pytest plugin: coroutine tests, and the fixtures of google-genai's own conftest that need no recordings."""

import asyncio
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType

import pytest

if importlib.util.find_spec("httpx") is None:  # the same names, under which google-genai has it now
    sys.modules["httpx"] = __import__("httpx2")

sys.modules.setdefault("pytest_asyncio", ModuleType("pytest_asyncio"))  # some of the files ask for it by name


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "asyncio: a coroutine")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(autouse=True)
def _no_notice_was_given() -> None:
    """google-genai keeps a private flag for each notice, which its tests reset; here a test begins without any."""
    from headwater.types.notices import given

    given.clear()


@pytest.fixture
def use_vertex() -> bool:
    return False


@pytest.fixture
def image_jpeg(tmp_path: Path) -> object:
    return _image(tmp_path / "image.jpg")


@pytest.fixture
def image_png(tmp_path: Path) -> object:
    return _image(tmp_path / "image.png")


def _image(path: Path) -> object:
    """Theirs is a file that the wheel leaves out; any image does."""
    image = pytest.importorskip("PIL.Image")
    image.new("RGB", (8, 8), "red").save(path)
    opened = image.open(path)
    opened.load()
    return opened
