"""Every log keeps the contract of ``headwater.testing``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.errors import ConflictError, SealedError, UnknownStreamError
from headwater.log.memory import MemoryLog
from headwater.log.open import open_log
from headwater.testing import Check, log_contract
from tests.support.sides import run_async
from tests.support.stores import RedisServer, needs_redis, redis_server

CHECKS = pytest.mark.parametrize("check", log_contract(), ids=lambda check: check.__name__)


async def _check(check: Check, url: str) -> None:
    log = open_log(url)
    try:
        await check(log)
    finally:
        await log.aclose()


@CHECKS
def test_memory_log(check: Check) -> None:
    """The log in memory keeps the contract."""
    run_async(_check(check, "memory:"))


@CHECKS
@pytest.mark.parametrize("options", ["", "?sync=full", "?shared=yes"], ids=["normal", "full", "shared"])
def test_sqlite_log(check: Check, options: str, tmp_path: Path) -> None:
    """The log in an SQLite file keeps the contract, in each of its settings."""
    run_async(_check(check, f"sqlite:{tmp_path}/log.db{options}"))


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@needs_redis
@CHECKS
def test_redis_log(check: Check, redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log in Redis keeps the contract, and its connection."""
    monkeypatch.setattr("headwater.log.redis.log.RedisLog._on_lost", _fail)
    run_async(_check(check, f"{redis.url}?prefix={check.__name__}"))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("cluster"), "--cluster-enabled", "yes") as server:
        server.tell("CLUSTER ADDSLOTSRANGE 0 16383")
        while b"cluster_state:ok" not in server.tell("CLUSTER INFO"):
            time.sleep(0.02)
        yield server


@needs_redis
@CHECKS
def test_redis_cluster_log(check: Check, cluster: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log in a Redis Cluster keeps the contract: no command has keys of two slots."""
    monkeypatch.setattr("headwater.log.redis.log.RedisLog._on_lost", _fail)
    run_async(_check(check, f"{cluster.url}?prefix={check.__name__}&cluster=yes"))


def _fail(*_: object) -> None:
    raise AssertionError("the connection was lost")


def test_a_broken_log_is_found() -> None:
    """A log that forgets, doubles or goes on after its end does not pass."""

    class Forgets(MemoryLog):
        async def append(self, key: str, records: Any, **options: Any) -> int:
            return await super().append(key, records[:1], **options)

    class Deaf(MemoryLog):
        async def wait(self, key: str, after: int, timeout: float) -> None:
            await asyncio.Event().wait()

    for log in (Forgets, Deaf):
        failed = 0
        for check in log_contract():
            try:
                asyncio.run(asyncio.wait_for(check(log()), 0.2))
            except (AssertionError, TimeoutError):
                failed += 1
        assert failed, log


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("create"), st.sampled_from("ab")),
        st.tuples(st.just("append"), st.sampled_from("ab"), st.lists(st.binary(max_size=3), max_size=3)),
        st.tuples(st.just("at"), st.sampled_from("ab"), st.integers(0, 4)),
        st.tuples(st.just("seal"), st.sampled_from("ab")),
        st.tuples(st.just("drop"), st.sampled_from("ab")),
    ),
    max_size=20,
)


@given(OPERATIONS)
@settings(max_examples=150)
def test_any_history_is_that_of_a_list(operations: list[Any]) -> None:
    """Whatever is done in whatever order, a log is a list of records that can be sealed."""

    async def run() -> None:
        log, model = MemoryLog(), dict[str, tuple[list[bytes], bool]]()
        for name, key, *rest in operations:
            known = model.get(key)
            try:
                await _do(log, name, key, rest)
            except ConflictError:
                assert known is not None
                assert name == "create" or (name == "at" and rest[0] != len(known[0]))
                continue
            except SealedError:
                assert known is not None
                assert known[1]
                continue
            except UnknownStreamError:
                assert known is None
                continue
            _model(model, name, key, rest)
            for key, (records, is_sealed) in model.items():
                page = await log.read(key, 0)
                assert (page.records, page.next, page.is_end) == (records, len(records), is_sealed)

    asyncio.run(run())


async def _do(log: MemoryLog, name: str, key: str, rest: list[Any]) -> None:
    match name:
        case "append":
            await log.append(key, rest[0])
        case "at":
            await log.append(key, [b"at"], at=rest[0])
        case _:
            await getattr(log, name)(key)


def _model(model: dict[str, tuple[list[bytes], bool]], name: str, key: str, rest: list[Any]) -> None:
    records, is_sealed = model.get(key, ([], False))
    match name:
        case "create":
            model[key] = ([], False)
        case "append":
            model[key] = (records + rest[0], is_sealed)
        case "at":
            model[key] = ([*records, b"at"], is_sealed)
        case "seal":
            model[key] = (records, True)
        case "drop":
            model.pop(key, None)
