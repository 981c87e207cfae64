"""Recorded answers that are not what the API promises: each is an error that says so, sync and async."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from headwater import genai
from headwater.core.machine.policy import Retry
from headwater.errors import HeadwaterError, NotFoundError, WireError
from tests.support.corpus_cases import Case, drive, odd_cases, pieces
from tests.support.servers import Connection, Request, Server, head

STREAM, COUNT = "streamGenerateContent", "countTokens"
CUTS = ("whole", "bytes", "random")
#: What each case raises, and what the message quotes (docs/decisions/0004-two-readings-of-the-wire.md).
DECIDED: dict[str, tuple[type[HeadwaterError], str]] = {
    "c-test_embeddings-TestGoogle.test_count_tokens_error": (
        NotFoundError,
        "models/nonexistent-model is not found for API version v1beta, or is not supported for countTokens",
    ),
    "s-vertexai-streaming-failure-invalid-json": (WireError, '{"this": [{"is": {"not": [{"a": "valid"}]}'),
    "u-vertexai-unary-failure-invalid-response": (WireError, '{ "this": [ { "is": { "not": [ { "a": "valid" } ] }'),
}


@pytest.fixture(scope="module")
def known() -> dict[str, Case]:
    return {case.id.rpartition("/")[2]: case for case in odd_cases()}


@pytest.fixture(scope="module")
def server(known: dict[str, Case]) -> Iterator[Server]:
    """Serves the case that the model's name gives, in the cut that it gives."""
    by_number = {str(number): case for number, case in enumerate(known.values())}

    def script(connection: Connection, request: Request) -> None:
        number, cut = request.path.rpartition("/")[2].partition(":")[0].split("-")
        case = by_number[number]
        headers = {"content-type": case.content_type, "transfer-encoding": "chunked"}
        body = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces(case.body, cut, case.id)]
        connection.send(head(f"{case.status} Status", headers) + b"".join(body) + b"0\r\n\r\n")

    with Server(script) as running:
        yield running


def test_every_odd_case_is_decided(known: dict[str, Case]) -> None:
    assert set(known) == set(DECIDED)


@pytest.mark.parametrize("name", DECIDED)
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("call", [pytest.param(0, id="sync"), pytest.param(1, id="async")])
def test_an_odd_answer_is_an_error_that_quotes_it(
    server: Server, known: dict[str, Case], name: str, cut: str, call: int
) -> None:
    kind, quoted = DECIDED[name]
    model = f"{list(known).index(name)}-{cut}"
    work = (_sync, _async)[call]
    with server.client() as client, pytest.raises(HeadwaterError) as raised:
        work(client, known[name].meta["method"], model)
    assert type(raised.value) is kind
    assert quoted in str(raised.value)
    assert raised.value.partial is None


def _calls(method: str, model: str) -> Callable[[Any], Any]:
    arguments: dict[str, Any] = {"model": model, "contents": "hi"}
    if method == COUNT:
        return lambda client: client.models.count_tokens(**arguments)
    if method == STREAM:
        return lambda client: client.models.generate_content_stream(**arguments)
    return lambda client: client.models.generate_content(**arguments)


def _sync(client: genai.Client, method: str, model: str) -> None:
    answer = _calls(method, model)(client)
    if method == STREAM:
        list(answer)


def _async(client: genai.Client, method: str, model: str) -> None:
    async def work() -> None:
        async with client.aio as aio:
            answer = await _calls(method, model)(aio)
            if method == STREAM:
                [chunk async for chunk in answer]

    asyncio.run(work())


def test_an_answer_of_another_shape_is_not_asked_for_again(known: dict[str, Case]) -> None:
    """Whoever sends something else sends it again: the request is made once."""
    case = known["s-vertexai-streaming-failure-invalid-json"]
    result = drive(pieces(case.body, "whole", case.id), retry=Retry(attempts=5))
    assert (result.chunks, type(result.error)) == ([], WireError)  # drive() fails at the step that would wait or close
