"""One stream in every format: an encoding of the same log at the time it is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from headwater.log.sqlite.log import SqliteLog
from headwater.server import Limits
from tests.support.grammars import AgUiReader, AiSdkReader, PlainReader, documents
from tests.support.live import ASK, Held, Live, Scripted, read_all, read_until, says

PATH = "/v1/streams"
FORMATS = ("numbered", "gemini", "text", "ai-sdk-5", "ai-sdk-6", "ai-sdk-7", "ag-ui")
TEXT = [says("Once "), says("upon "), says("a time.", "STOP")]


def begin(live: Live) -> str:
    name: str = live.post(PATH, {"model": "m", **ASK}).json["name"]
    return name


def text_of(form: str, body: bytes) -> str:
    match form:
        case "text":
            return PlainReader(body).text
        case "ag-ui":
            return AgUiReader(body).text
        case "numbered" | "gemini":
            chunks = [one for one in documents(body) if "candidates" in one]
            return "".join(chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in chunks)
    return AiSdkReader(body, int(form[-1])).text


@pytest.mark.parametrize("form", FORMATS)
def test_stream_is_read_in_every_format(form: str) -> None:
    """Its text is the same in each, while it grows and after its end, and so are its bytes."""
    held = Held(first=2)
    with Live(held) as live:
        name = begin(live)
        connection = live.connect()
        path = f"{PATH}/{name}/events?format={form}"
        connection.sendall(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
        head = read_until(connection, b"\r\n\r\n")
        if b"1 " not in head.partition(b"\r\n\r\n")[2]:
            read_until(connection, b"1 ")
        assert b"text/event-stream" in head
        live.on_loop(lambda: held.gate and held.gate.set())
        read_until(connection, b"0\r\n\r\n")
        again = live.get(path)
        assert text_of(form, again.body) == "0 1 end"
        assert live.get(path).body == again.body
        assert again.headers["cache-control"] == "no-cache, no-store, no-transform"
        assert again.headers.get("x-vercel-ai-ui-message-stream") == ("v1" if form.startswith("ai-sdk") else None)
        assert live.get(f"{PATH}/{name}/events?format=").body == live.get(f"{PATH}/{name}/events").body


def test_message_has_the_same_id_everywhere_and_gives_no_name_away(tmp_path: Path) -> None:
    logs = [SqliteLog(str(tmp_path / "answers.db"), is_shared=True) for _ in range(2)]
    with Live(Scripted(lambda _: TEXT), log=logs[0]) as one, Live(Held(), log=logs[1]) as other:
        name = begin(one)
        one.get(f"{PATH}/{name}/events")
        path = f"{PATH}/{name}/events?format="
        ids = {
            documents(live.get(f"{path}ai-sdk-{major}").body)[0]["messageId"]
            for live in (one, other)
            for major in "567"
        }
        assert len(ids) == 1
        runs = {documents(live.get(f"{path}ag-ui").body)[0]["runId"] for live in (one, other)}
        assert len(runs) == 1
        assert not [found for found in ids | runs if name in found]


def test_plain_text_goes_on_where_it_was() -> None:
    """From any place, by header or query; after the end there is nothing more."""
    with Live(Scripted(lambda _: TEXT)) as live:
        name = begin(live)
        live.get(f"{PATH}/{name}/events")
        path = f"{PATH}/{name}/events?format=text"
        for after, text in enumerate(("Once upon a time.", "upon a time.", "a time.", "")):
            for reply in (live.get(f"{path}&after={after}"), live.get(path, last_event_id=str(after))):
                read = PlainReader(reply.body)
                assert (read.text, read.ended, read.last_id) == (text, "end", "4")
        assert live.get(path, last_event_id="4").status == 204


@pytest.mark.parametrize("form", ["ai-sdk-5", "ai-sdk-6", "ai-sdk-7", "ag-ui"])
def test_what_only_replays_can_not_be_asked_for_its_rest(form: str) -> None:
    with Live(Scripted(lambda _: TEXT)) as live:
        name = begin(live)
        for reply in (
            live.get(f"{PATH}/{name}/events?format={form}&after=1"),
            live.get(f"{PATH}/{name}/events?format={form}", last_event_id="1"),
        ):
            assert reply.status == 400
            assert "read from the beginning" in reply.json["error"]["message"]


def test_unknown_format_is_refused_with_those_that_are_known() -> None:
    with Live(Scripted(lambda _: TEXT)) as live:
        reply = live.get(f"{PATH}/{begin(live)}/events?format=xml")
        assert reply.status == 400
        assert all(form in reply.json["error"]["message"] for form in FORMATS)


@pytest.mark.parametrize("form", FORMATS[2:])
def test_error_and_stop_are_the_formats_own(form: str) -> None:
    """An answer that fails says so, one that was stopped ends."""
    held = Held(first=1)
    with Live(Scripted(lambda _: [says("a"), ValueError("secret")])) as live:
        body = live.get(f"{PATH}/{begin(live)}/events?format={form}").body
        assert text_of(form, body) == "a"
        assert b"the engine failed" in body
        assert b"secret" not in body
    with Live(held) as live:
        name = begin(live)
        live.until(lambda: held.running == 1)
        live.request("POST", f"{PATH}/{name}/stop")
        body = live.get(f"{PATH}/{name}/events?format={form}").body
        assert text_of(form, body) in ("0 ", "")
        assert b"cancelled" in body


def test_silence_is_filled_with_blank_lines() -> None:
    """The beginning comes at once, and then nothing that a reader would take for an event."""
    with Live(Held(first=0), limits=Limits(keep_alive=0.05)) as live:
        connection = live.connect()
        path = f"{PATH}/{begin(live)}/events?format=ai-sdk-5"
        connection.sendall(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
        data = b""
        while data.count(b"2\r\n\r\n\r\n") < 3:
            data += connection.recv(1000)
        assert data.count(b"data: ") == 2
        assert b'"start-step"' in data


@pytest.mark.parametrize(("form", "last"), [("ai-sdk-5", b"[DONE]"), ("ag-ui", b"RUN_ERROR"), ("text", b"0 ")])
def test_reader_that_is_let_go_is_told(tmp_path: Path, form: str, last: bytes) -> None:
    """At the shutdown of the server it reads from; not where it comes back by itself, to go on elsewhere."""
    logs = [SqliteLog(str(tmp_path / "answers.db"), is_shared=True) for _ in range(2)]
    with Live(Held(), log=logs[0]) as one, Live(Held(), log=logs[1]) as two:
        path = f"{PATH}/{begin(one)}/events?format={form}"
        connection = two.connect()
        connection.sendall(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
        head = read_until(connection, b"\r\n\r\n")
        if b"0 " not in (begun := head.partition(b"\r\n\r\n")[2]):
            begun += read_until(connection, b"0 ")
        two.stop()
        rest = begun + read_all(connection)
        assert last in rest
        assert (b"let this reader go" in rest) == (form != "text")
        assert rest.endswith(b"0\r\n\r\n")


def test_chunk_that_does_not_fit_is_read_as_far_as_it_does() -> None:
    """Upstreams send numbers for enums and worse; what is passed on as bytes elsewhere is read here."""
    from headwater.server.streams.protocol_encoding import read_chunk

    odd: Any = {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": 1, "index": "x"}]}
    assert read_chunk(json.dumps(odd).encode()).text == "a"
    assert read_chunk(b"[]").text == read_chunk(b"{").text == ""
