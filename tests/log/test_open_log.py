"""From an address to a log."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from headwater.errors import LogError, UsageError
from headwater.log.base import Log
from headwater.log.memory import MemoryLog
from headwater.log.open import _METHODS, default_path, open_log
from headwater.log.sqlite.log import SqliteLog
from tests.support.sides import run_async


def test_memory() -> None:
    assert isinstance(open_log("memory:"), MemoryLog)


def test_sqlite_without_a_path_is_in_the_data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is made where there is none."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "data"))
    log = open_log("sqlite:")
    assert isinstance(log, SqliteLog)
    assert log.path == str(default_path()) == str(tmp_path / "data" / "headwater" / "headwater.db")
    assert Path(log.path).exists()
    run_async(log.aclose())


@pytest.mark.parametrize(("sync", "level"), [("normal", 1), ("full", 2)])
def test_sync_is_what_sqlite_does(tmp_path: Path, sync: str, level: int) -> None:
    """``sync=full`` is synchronous=FULL in the connection that writes, and ``normal`` is NORMAL."""
    log = open_log(f"sqlite://{tmp_path}/a.db?sync={sync}")
    assert isinstance(log, SqliteLog)
    assert log._writer._connection.execute("PRAGMA synchronous").fetchone() == (level,)
    run_async(log.aclose())


@pytest.mark.parametrize(
    "url",
    ["", "a.db", "file:a", "memory:x", "sqlite:a.db?sync=some", "sqlite:a.db?shared=1", "sqlite:a.db?synk=full"],
)
def test_what_is_no_log_is_a_usage_error(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped option is not ignored: it might be the one that was to keep the data. No file is made."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="log"):
        open_log(url)
    assert not list(tmp_path.iterdir())


CODE = """
from headwater.log import MemoryLog

class Kept(MemoryLog):
    def __init__(self, url):
        super().__init__()
        self.url = url

class Half:
    def __init__(self, url): pass
    async def append(self, key, records): pass
    read = wait = state = take_over = stale = seal = drop = append

number = 5
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module ``kept_logs`` that can be imported."""
    (tmp_path / "kept_logs.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("module")
def test_a_log_by_its_import_path_is_called_with_the_url() -> None:
    for url in ("kept_logs:Kept", "kept_logs:Kept?path=/tmp/a.db"):
        assert open_log(url).url == url  # type: ignore[attr-defined]


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("kept_logs:Half", r"Half has no create\(\), sweep\(\), aclose\(\)$"),
        ("kept_logs:number", "cannot be called"),
        ("kept_logs:Missing", "Missing.*sqlite:"),
        ("sqlit:a", "No module named 'sqlit'.*sqlite:"),
    ],
)
def test_what_opens_no_log_is_said(url: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        open_log(url)


def test_a_log_is_checked_for_every_method_of_the_protocol() -> None:
    assert set(_METHODS) == {name for name in vars(Log) if not name.startswith("_")}


def test_a_data_directory_that_cannot_be_made_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").write_text("a file where a folder should be")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "data"))
    with pytest.raises(LogError, match="cannot be used"):
        open_log("sqlite:")


def test_without_redis_py_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        name for name in sys.modules if name == "redis" or name.startswith(("redis.", "headwater.log.redis.log"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    with pytest.raises(UsageError, match=r"needs redis, which is not installed: .* -m pip install .redis\[hiredis\]"):
        open_log("redis://127.0.0.1")


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("redis://a:1/2?prefix=p", "redis://a:1/2"),
        ("valkey://a:1", "redis://a:1"),
        ("valkeys://a:1?cluster=no", "rediss://a:1"),
        ("rediss://u:p@a:1/0?prefix=p&ssl_cert_reqs=none", "rediss://u:p@a:1/0?ssl_cert_reqs=none"),
    ],
)
def test_redis_gets_what_is_not_ours(url: str, sent: str) -> None:
    """Our options are taken out of the address; redis-py's stay."""
    pytest.importorskip("redis")
    log = open_log(url)
    assert log._url == sent  # type: ignore[attr-defined]
    run_async(log.aclose())


def test_an_address_that_redis_does_not_know_is_an_error() -> None:
    pytest.importorskip("redis")
    with pytest.raises(LogError, match="not the address of a Redis"):
        open_log("redis://127.0.0.1:port")
