"""The replay engine: recorded exchanges, served as they were."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from headwater import genai
from headwater.core.wire.framing import DocumentStream
from headwater.engines.base import EngineRequest
from headwater.engines.replay import ReplayEngine
from headwater.errors import APIError, HeadwaterError, UsageError
from tests.support.corpus_cases import shared
from tests.support.live import Live, events

CORPUS = shared("corpus")
STREAM = 'data: {"candidates":[{"content":{"parts":[{"text":"%s"}]},"finishReason":"STOP","new":1.50}]}\r\n\r\n'


def record(root: Path, name: str, body: str, **meta: Any) -> None:
    """Write a case down."""
    case = root / name
    case.mkdir(parents=True)
    (case / "response.sse").write_text(body)
    (case / "meta.json").write_text(json.dumps({"id": name, "response_file": "response.sse", **meta}))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    record(tmp_path, "src/one", STREAM % "a" + STREAM % "b")
    record(tmp_path, "src/none", '{"error": {"code": 429, "message": "no", "status": "X"}}', http_status=429)
    record(tmp_path, "src/page", "<html>gone</html>", http_status=404)
    record(tmp_path, "src/cut", STREAM % "a" + 'data: {"error": {"code": 503, "message": "m", "status": "S"}}\r\n\r\n')
    record(tmp_path, "src/count", '{"totalTokens": 7}', method="countTokens")
    return tmp_path


@pytest.mark.parametrize("model", ["src/one", "src--one", "replay--src--one", "replay/src/one", "src%2Fone"])
def test_the_models_name_chooses_the_case(directory: Path, model: str) -> None:
    """A case is found by its id, with slashes, encoded slashes or two dashes, and its events are the recorded bytes."""
    with Live(ReplayEngine(directory)) as live:
        reply = live.post(f"/v1beta/models/{model}:streamGenerateContent?alt=sse")
        assert reply.body.decode() == STREAM % "a" + STREAM % "b"


def test_errors_are_answered_as_recorded(directory: Path) -> None:
    """A recorded refusal has its status and its body, one in the middle comes as an event."""
    with Live(ReplayEngine(directory)) as live:
        none = live.post("/v1beta/models/src/none:streamGenerateContent?alt=sse")
        assert (none.status, none.json) == (429, {"error": {"code": 429, "message": "no", "status": "X"}})
        page = live.post("/v1beta/models/src/page:generateContent")
        assert (page.status, page.json["error"]["message"]) == (404, "<html>gone</html>")
        assert (
            json.loads(events(live.post("/v1/models/src/cut:streamGenerateContent?alt=sse").body)[-1])["error"]["code"]
            == 503
        )
        assert live.post("/v1/models/src/nope:generateContent").status == 404


def test_a_stream_is_folded_where_none_is_wanted(directory: Path) -> None:
    """generateContent of a recorded stream is the whole answer; counts and the list of cases work too."""
    with Live(ReplayEngine(directory)) as live:
        whole = live.post("/v1/models/src/one:generateContent").json
        assert "".join(part["text"] for part in whole["candidates"][0]["content"]["parts"]) == "ab"
        assert live.post("/v1/models/src/count:countTokens").json == {"totalTokens": 7}
        names = [model["name"] for model in live.get("/v1/models").json["models"]]
        assert "models/src--one" in names
        assert live.get("/v1/models/src--one").json["displayName"] == "src/one"


def test_the_pace_is_kept(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine waits ``pace`` seconds before each chunk."""
    waits: list[float] = []

    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        if threading.current_thread() is threading.main_thread():
            waits.append(seconds)
        else:  # a server of another test sleeps too
            await real(seconds)

    monkeypatch.setattr("headwater.engines.replay.asyncio.sleep", sleep)

    async def run() -> None:
        engine = ReplayEngine(directory, pace=0.5)
        assert len([chunk async for chunk in engine.stream(EngineRequest("src/one", b"{}"))]) == 2

    asyncio.run(run())
    assert waits == [0.5, 0.5]


def test_a_directory_without_cases(tmp_path: Path) -> None:
    """A directory with nothing to play is refused at once."""
    with pytest.raises(UsageError, match="no recorded exchanges"):
        ReplayEngine(tmp_path)


@pytest.fixture(scope="module")
def corpus() -> Iterator[Live]:
    assert CORPUS is not None
    with Live(ReplayEngine(CORPUS)) as live:
        yield live


def cases(*methods: str) -> list[dict[str, Any]]:
    """The recorded cases of these methods."""
    found = [json.loads(path.read_text()) for path in sorted((CORPUS or Path("/none")).glob("*/*/meta.json"))]
    return [meta for meta in found if meta["method"] in methods]


@pytest.mark.slow
@pytest.mark.skipif(CORPUS is None, reason="the recorded traffic is not here")
def test_recorded_streams_arrive_as_google_sent_them(corpus: Live) -> None:
    """Each recorded stream reaches headwater's client with the text, calls, tokens, end and error that it has."""
    client, wrong = corpus.client(), {}
    for meta in cases("streamGenerateContent"):
        found, wanted = result(client, meta["id"]), meta["expected"]
        partial = wanted.get("partial", wanted)
        same = ("error" in wanted) == (found["error"] is not None or (found["truncated"] and "error" in wanted))
        for field in ("text", "thought_text"):
            same = same and ("error" in wanted or found[field] == partial.get(field, ""))
        if not same:
            wrong[meta["id"]] = (found, wanted)
    assert not wrong, list(wrong.items())[:3]


def result(client: genai.Client, model: str) -> dict[str, Any]:
    """What a client gets of a case."""
    text, thought, error, truncated = "", "", None, False
    stream = client.models.generate_content_stream(model=model, contents="x")
    try:
        for chunk in stream:
            candidates = [one for one in chunk.candidates or () if not one.index]
            for part in [part for one in candidates if one.content for part in one.content.parts or ()]:
                if part.thought:
                    thought += part.text or ""
                else:
                    text += part.text or ""
    except APIError as problem:
        error = problem
    except HeadwaterError:
        truncated = True
    return {"text": text, "thought_text": thought, "error": error, "truncated": truncated}


@pytest.mark.skipif(CORPUS is None, reason="the recorded traffic is not here")
def test_recorded_events_pass_byte_for_byte(corpus: Live) -> None:
    """The JSON of each event of a recorded stream is served as the bytes that were recorded."""
    assert CORPUS is not None
    compared = 0
    for meta in cases("streamGenerateContent"):
        if meta["wire"] != "sse" or meta["http_status"] != 200 or "error" in meta["expected"]:
            continue
        recorded = (CORPUS / meta["id"] / meta["response_file"]).read_bytes()
        framing = DocumentStream()
        wanted = [data for data in framing.feed(recorded) + framing.flush() if b"\n" not in data]
        reply = corpus.post(f"/v1beta/models/{quote(meta['id'], safe='')}:streamGenerateContent?alt=sse")
        served = events(reply.body)
        if len(wanted) == len(served):
            compared += 1
            served = [data.replace(b"\\u2028", "\u2028".encode()) for data in served]
            assert served == [data.replace(b"\\u2028", "\u2028".encode()) for data in wanted], meta["id"]
    assert compared > 300


@pytest.mark.skipif(CORPUS is None, reason="the recorded traffic is not here")
def test_recorded_answers_and_counts_arrive(corpus: Live) -> None:
    """Each recorded unary answer, count and refusal arrives with its text, number and status."""
    for meta in cases("generateContent", "countTokens"):
        reply = corpus.post(f"/v1beta/models/{quote(meta['id'], safe='')}:{meta['method']}")
        assert reply.status == meta["http_status"], meta["id"]
        assert CORPUS is not None
        recorded = (CORPUS / meta["id"] / meta["response_file"]).read_bytes()
        if meta["method"] == "countTokens":
            assert reply.json["totalTokens"] == json.loads(recorded)["totalTokens"]
        elif meta["wire"] == "json":
            assert reply.json == json.loads(recorded), meta["id"]


@pytest.mark.slow
@pytest.mark.skipif(CORPUS is None, reason="the recorded traffic is not here")
def test_the_official_client_cannot_tell_replay_from_google(corpus: Live) -> None:
    """google-genai, unmodified, gets of each recorded stream exactly what it gets when Google's bytes come to it."""
    official: Any = pytest.importorskip("google.genai")
    from tests.support.servers import Connection, Server
    from tests.support.servers import Request as Asked

    assert CORPUS is not None
    found = cases("streamGenerateContent", "generateContent")
    # An array is what Google sends to those who ask for no events; google-genai always asks for events.
    # And a recording whose blank lines were lost is one that it can not read at all.
    found = [meta for meta in found if "no_blank_lines_between_events" not in meta["tags"]]
    metas = {meta["id"]: meta for meta in found if meta["wire"] != "json_array"}
    assert len(metas) > 450
    bodies = {name: (CORPUS / name / meta["response_file"]).read_bytes() for name, meta in metas.items()}

    def google(connection: Connection, request: Asked) -> None:
        name = request.path.removeprefix("/v1/models/").rpartition(":")[0]
        status = metas[name]["http_status"]
        label = "text/event-stream" if metas[name]["wire"] == "sse" else "application/json"
        connection.answer(bodies[name], f"{status} {HTTPStatus(status).phrase}", content_type=label)

    differ = {}
    with Server(google) as original:
        clients = [official.Client(api_key="k", http_options={"base_url": url}) for url in (original.url, corpus.url)]
        for name, meta in metas.items():
            recorded, replayed = (official_result(client, name, meta["method"]) for client in clients)
            if recorded != replayed:
                differ[name] = (meta["tags"], recorded, replayed)
    assert not differ, {name: [str(part)[:700] for part in entry] for name, entry in differ.items()}


def official_result(client: Any, name: str, method: str) -> Any:
    """What google-genai makes of a case: its chunks, and its error."""
    found: list[Any] = []
    try:
        if method == "generateContent":
            found.append(_plain(client.models.generate_content(model=name, contents="x")))
        else:
            found += map(_plain, client.models.generate_content_stream(model=name, contents="x"))
    except Exception as error:
        found.append((type(error).__name__, getattr(error, "code", None), getattr(error, "status", None)))
    return found


def _plain(response: Any) -> Any:
    return response.model_dump(exclude={"sdk_http_response"}, mode="python", warnings=False)
