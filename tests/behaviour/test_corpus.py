"""Every recorded answer, served in every cut to both colours, gives exactly what it holds.

What it holds is ``expected`` in its ``meta.json``, recomputed there by plain JSON. Two readings are ours:

* a numeric ``finishReason`` (1) is ``FinishReason.STOP``;
* a stream that ends without any finish reason, and without a refusal of the prompt, raises ``StreamTruncated`` with all
  that came in ``partial`` and in ``stream.response`` (``partial`` is None where nothing came).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from headwater import genai
from headwater.client.stream.aio import AsyncStream
from headwater.client.stream.sync import Stream
from headwater.errors import APIError, HeadwaterError, StreamTruncated, WireError, api_error
from headwater.types import GenerateContentResponse
from tests.support.corpus_cases import Case, cases, drive, facts, pieces, refused, some_cases
from tests.support.servers import Connection, Request, Server, head

STREAMS, UNARY, COUNTS = "streamGenerateContent", "generateContent", "countTokens"
CUTS = ("whole", "bytes", "random")


def outcome(case: Case, answer: GenerateContentResponse | None, count: int, error: Exception | None) -> dict[str, Any]:
    """What came, in the words of ``expected``."""
    if error is None:
        return facts(answer, count=count)
    assert isinstance(error, HeadwaterError)
    assert error.partial == answer, "what had come is in the error as it is in the stream"
    if isinstance(error, StreamTruncated):
        return facts(error.partial, count=count) | {"truncated": True}
    result: dict[str, Any] = {"error": _told(error)}
    return result | ({"partial": facts(error.partial, count=count)} if "partial" in case.expected else {})


def _told(error: HeadwaterError) -> Any:
    if not isinstance(error, APIError):
        return type(error)
    assert type(error) is type(api_error(error.code, ""))
    return (error.code, error.status, error.message)


def wanted(case: Case, error: Exception | None) -> dict[str, Any]:
    """What should have come."""
    expected = dict(case.expected)
    if "error" in expected:
        told = refused(expected["error"])
        expected["error"] = WireError if told is None else tuple(told)
        if told is not None and told.message is None:  # what is no JSON at all is quoted
            assert isinstance(error, APIError)
            expected["error"] = (told.code, error.status, error.message)
            assert error.message.split()[0] in case.body.decode("utf-8", "replace")
    elif case.meta["method"] == STREAMS and expected["finish_reason"] is None and "block_reason" not in expected:
        expected["truncated"] = True
    return expected


def check(case: Case, answer: GenerateContentResponse | None, count: int, error: Exception | None) -> None:
    assert outcome(case, answer if count else None, count, error) == wanted(case, error), case.id


def read(stream: Stream) -> tuple[int, HeadwaterError | None]:
    """How many chunks came, and the error after them."""
    count = 0
    try:
        for _ in stream:
            count += 1
    except HeadwaterError as error:
        return count, error
    return count, None


async def aread(stream: AsyncStream) -> tuple[int, HeadwaterError | None]:
    count = 0
    try:
        async for _ in stream:
            count += 1
    except HeadwaterError as error:
        return count, error
    return count, None


@pytest.mark.parametrize("cut", CUTS)
def test_every_stream_in_every_cut(cut: str) -> None:
    """Exactly these cuts, which an HTTP library may put together again."""
    for case in some_cases(STREAMS):
        result = drive(pieces(case.body, cut, case.id), status=case.status)
        fold = result.machine.snapshot.fold
        check(case, fold.response, len(result.chunks), result.error)
        assert fold.text == case.expected.get("partial", case.expected).get("text", "")


@pytest.mark.parametrize("cut", CUTS)
def test_every_unary_answer_in_every_cut(cut: str) -> None:
    for case in some_cases(UNARY):
        result = drive(pieces(case.body, cut, case.id), status=case.status, unary=True)
        answer = result.chunks[0] if result.chunks else None
        check(case, answer, len(result.chunks), result.error)


def test_what_was_received_is_kept_byte_for_byte() -> None:
    """The JSON of each chunk is a piece of the recorded body, so fields that nobody knows survive a hop."""
    for case in some_cases(STREAMS):
        for chunk in drive(pieces(case.body, "random", case.id), status=case.status).chunks:
            assert chunk.raw in case.body, case.id


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Serves the case and the cut that the model's name gives, over HTTP and in chunks of those sizes."""
    known = {str(number): case for number, case in enumerate(cases(STREAMS, UNARY, COUNTS))}

    def script(connection: Connection, request: Request) -> None:
        number, cut = request.path.rpartition("/")[2].partition(":")[0].split("-")
        case = known[number]
        headers = {"content-type": case.content_type, "transfer-encoding": "chunked"}
        body = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces(case.body, cut, case.id)]
        connection.send(head(f"{case.status} Status", headers) + b"".join(body) + b"0\r\n\r\n")

    with Server(script) as running:
        yield running


def named(method: str, cut: str) -> Iterator[tuple[Case, str]]:
    some_cases(method)
    return (
        (case, f"{n}-{cut}") for n, case in enumerate(cases(STREAMS, UNARY, COUNTS)) if case.meta["method"] == method
    )


@pytest.mark.slow
@pytest.mark.parametrize("cut", CUTS)
def test_every_stream_over_http(server: Server, cut: str) -> None:
    with server.client() as client:
        for case, model in named(STREAMS, cut):
            stream = client.models.generate_content_stream(model=model, contents="hi")
            count, error = read(stream)
            check(case, stream.response, count, error)


@pytest.mark.parametrize("cut", CUTS)
def test_every_stream_over_http_from_coroutines(server: Server, cut: str) -> None:
    async def work() -> None:
        async with server.client().aio as client:
            for case, model in named(STREAMS, cut):
                stream = await client.models.generate_content_stream(model=model, contents="hi")
                count, error = await aread(stream)
                check(case, stream.response, count, error)

    asyncio.run(work())


@pytest.mark.parametrize("cut", CUTS)
def test_every_unary_answer_over_http(server: Server, cut: str) -> None:
    with server.client() as client:
        for case, model in named(UNARY, cut):
            answer, error = None, None
            try:
                answer = client.models.generate_content(model=model, contents="hi")
            except HeadwaterError as raised:
                error = raised
            check(case, answer, int(answer is not None), error)


@pytest.mark.parametrize("cut", CUTS)
def test_every_unary_answer_over_http_from_coroutines(server: Server, cut: str) -> None:
    async def work() -> None:
        async with server.client().aio as client:
            for case, model in named(UNARY, cut):
                answer, error = None, None
                try:
                    answer = await client.models.generate_content(model=model, contents="hi")
                except HeadwaterError as raised:
                    error = raised
                check(case, answer, int(answer is not None), error)

    asyncio.run(work())


def test_every_count_of_tokens_in_both_colours(server: Server) -> None:
    async def count(client: genai.AsyncClient, model: str) -> Any:
        return (await client.models.count_tokens(model=model, contents="hi")).total_tokens

    async def work(client: genai.Client) -> list[Any]:
        async with client.aio as aio:
            return [await count(aio, model) for cut in CUTS for _, model in named(COUNTS, cut)]

    expected = [case.expected["total_tokens"] for _ in CUTS for case in some_cases(COUNTS)]
    with server.client() as client:
        models = [model for cut in CUTS for _, model in named(COUNTS, cut)]
        assert [client.models.count_tokens(model=model, contents="hi").total_tokens for model in models] == expected
        assert asyncio.run(work(client)) == expected


def test_the_number_of_cases_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    counts = {method: len(some_cases(method)) for method in (STREAMS, UNARY, COUNTS)}
    arrays = sum(case.meta["wire"] == "json_array" for case in cases(STREAMS))
    with capsys.disabled():
        told = ", ".join(f"{count} {method}" for method, count in counts.items())
        print(f"\ncorpus: {told} ({arrays} of the streams as a JSON array), each in {len(CUTS)} cuts and both colours")
    assert counts[STREAMS] > 100
    assert arrays > 0
