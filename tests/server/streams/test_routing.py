"""Several engines on one server: which models they list together, what becomes of one that fails, and their names."""

from __future__ import annotations

import pytest

from headwater.errors import APIError, api_error
from headwater.server.streams.routing import EngineRouter
from headwater.types import Model
from tests.support.live import Held, Live
from tests.support.sides import run_async


class Lists(Held):
    """An engine that lists models, or raises."""

    def __init__(self, name: str, *models: str, error: Exception | None = None, is_resting: bool = False) -> None:
        super().__init__()
        self.name = name
        self.is_resting = is_resting
        self.asked = 0
        self._models = models
        self._error = error

    async def models(self) -> list[Model]:
        self.asked += 1
        if self._error is not None:
            raise self._error
        return [Model(name=f"models/{name}") for name in self._models]


BROKEN = api_error(503, "down", status="UNAVAILABLE")


def listed(router: EngineRouter) -> list[str | None]:
    """The names of the models that a router lists."""
    return [model.name for model in run_async(router.models())]


def test_models_of_all_engines_are_listed_once() -> None:
    local, cloud = Lists("local", "small", "shared"), Lists("cloud", "big-1", "shared")
    assert listed(EngineRouter(local, {"big-*": cloud})) == ["models/small", "models/shared", "models/big-1"]


def test_an_engine_that_fails_or_rests_is_left_out() -> None:
    resting = Lists("resting", "r-1", is_resting=True)
    router = EngineRouter(Lists("local", "small"), {"b-*": Lists("broken", error=BROKEN), "r-*": resting})
    assert listed(router) == ["models/small"]
    assert resting.asked == 0


def test_if_no_engine_answers_the_first_error_is_raised() -> None:
    with pytest.raises(APIError, match="down"):
        listed(EngineRouter(Lists("a", error=BROKEN), {"b-*": Lists("b", error=BROKEN)}))
    with pytest.raises(APIError, match="down"):
        listed(EngineRouter(Lists("a", error=BROKEN, is_resting=True)))


def test_the_health_names_every_engine_once_and_which_rest() -> None:
    cloud = Lists("cloud", is_resting=True)
    with Live(Lists("local"), engines={"big-*": cloud, "huge": cloud}) as live:
        health = live.get("/healthz").json
    assert (health["engine"], health["status"]) == ("local", "ok")
    assert health["engines"] == [{"name": "local", "resting": False}, {"name": "cloud", "resting": True}]
