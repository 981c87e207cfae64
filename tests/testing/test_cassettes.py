"""A cassette plays what was recorded, piece by piece, and has no secret in it."""

from __future__ import annotations

import base64
import json
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater import genai
from headwater.errors import UsageError
from headwater.genai import errors
from headwater.testing import Cassette, cassette, cut, error, pause, script, stall
from headwater.testing.scrubbing import Scrubber
from tests.support.corpus_cases import shared

KEY = "a-key-that-nobody-may-see"


def client(url: str, key: str = KEY) -> genai.Client:
    return genai.Client(api_key=key, http_options={"base_url": url, "retry_options": {"attempts": 1}})


def ask(url: str, contents: str = "hi", **options: Any) -> str:
    return client(url, **options).models.generate_content_stream(model="m", contents=contents).collect().text


def test_what_was_recorded_is_played(tmp_path: Path) -> None:
    with script("Hel", pause(0.3), "lo") as api:
        with cassette(tmp_path / "c", upstream=api.url) as server:
            assert ask(server.url) == "Hello"
        assert len(api.requests) == 1
        with cassette(tmp_path / "c", upstream=api.url) as server:
            assert ask(server.url, key="another-key-for-the-same-request") == "Hello"
            assert ask(server.url) == "Hello"  # the last one stays
        assert len(api.requests) == 1
    (exchange,) = Cassette(tmp_path / "c").exchanges
    assert exchange.request.path == "/v1/models/m:streamGenerateContent?alt=sse"
    assert exchange.request.body["contents"][0]["parts"] == [{"text": "hi"}]
    times = [piece.after for piece in exchange.response.pieces]
    assert times == sorted(times)
    assert times[-1] - times[0] >= 100  # milliseconds; the first piece may be late
    assert exchange.response.end == "whole"


def test_times_are_kept_at_the_speed_that_is_asked_for(tmp_path: Path) -> None:
    with script("Hel", pause(0.3), "lo") as api, cassette(tmp_path / "c", upstream=api.url) as server:
        ask(server.url)
    with cassette(tmp_path / "c", speed=2) as server:
        stream = client(server.url).models.generate_content_stream(model="m", contents="hi")
        stream.collect()
        assert max(stream.gaps) >= 0.14
    with cassette(tmp_path / "c") as server:
        began = time.monotonic()
        for _ in range(10):
            ask(server.url)
        assert time.monotonic() - began < 2.9


def test_equal_requests_are_played_in_their_order(tmp_path: Path) -> None:
    with script([error(429)], ["first"], ["second"]) as api, cassette(tmp_path / "c", upstream=api.url) as server:
        seen = [_outcome(server.url) for _ in range(3)]
    with cassette(tmp_path / "c") as server:
        assert [_outcome(server.url) for _ in range(4)] == [*seen, "second"]
    assert seen == ["RateLimitError", "first", "second"]


def _outcome(url: str, contents: str = "hi") -> str:
    try:
        return ask(url, contents)
    except errors.APIError as problem:
        return type(problem).__name__


@pytest.mark.parametrize("how", ["close", "reset", "inside"])
def test_a_cut_is_recorded_as_a_cut(tmp_path: Path, how: Any) -> None:
    with script("Hel", cut(how)) as api:
        for _ in range(2):
            with cassette(tmp_path / "c", upstream=api.url) as server:
                stream = client(server.url).models.generate_content_stream(model="m", contents="hi")
                with pytest.raises(errors.StreamInterrupted):
                    stream.collect()
                assert stream.text == "Hel"
    assert Cassette(tmp_path / "c").exchanges[0].response.end == "cut"
    assert len(api.requests) == 1


def test_a_client_that_leaves_leaves_what_had_arrived(tmp_path: Path) -> None:
    with script("Hel", stall()) as api, cassette(tmp_path / "c", upstream=api.url) as server:
        stream = client(server.url).models.generate_content_stream(model="m", contents="hi")
        next(stream)
        stream.close()
        api.wait_for_close()
        server.wait_for_close()
    (exchange,) = Cassette(tmp_path / "c").exchanges
    assert exchange.response.end == "left"
    assert b"Hel" in exchange.body


def test_an_unknown_request_is_explained(tmp_path: Path) -> None:
    with script("Hello") as api, cassette(tmp_path / "c", upstream=api.url) as server:
        ask(server.url)
    with pytest.raises(AssertionError) as caught, cassette(tmp_path / "c", mode="none") as server:  # noqa: PT012
        assert _outcome(server.url) == "Hello"
        assert _outcome(server.url, "something else") == "ServerError"
    lines = [line.replace(" ", "") for line in str(caught.value).splitlines()]
    assert lines[0].endswith("isthisrequest.Thenearestdiffers:")
    assert '-"text":"hi"' in lines
    assert '+"text":"somethingelse"' in lines
    with pytest.raises(AssertionError, match="is empty"), cassette(tmp_path / "none", mode="none") as server:
        assert _outcome(server.url) == "ServerError"


def test_modes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with script("Hello") as api:
        with cassette(tmp_path / "c", upstream=api.url) as server:
            ask(server.url, "one")
        with pytest.raises(AssertionError), cassette(tmp_path / "c", upstream=api.url) as server:
            assert _outcome(server.url, "two") == "ServerError"  # recorded once, and not again
        with cassette(tmp_path / "c", upstream=api.url, mode="new") as server:
            ask(server.url, "one")
            ask(server.url, "two")
        assert len(api.requests) == 2
        monkeypatch.setenv("HEADWATER_CASSETTES", "all")
        with cassette(tmp_path / "c", upstream=api.url) as server:
            ask(server.url, "three")
    assert [one.request.body["contents"][0]["parts"][0]["text"] for one in Cassette(tmp_path / "c").exchanges] == [
        "three"
    ]
    monkeypatch.setenv("HEADWATER_CASSETTES", "never")
    with pytest.raises(UsageError, match="the mode of a cassette is one of none, once, new, all, not 'never'"):
        cassette(tmp_path / "c").__enter__()


def test_an_api_that_is_not_there_is_said(tmp_path: Path) -> None:
    with cassette(tmp_path / "c", upstream="http://127.0.0.1:9") as server:
        assert _outcome(server.url) == "ServerError"
    assert not (tmp_path / "c").exists()


def test_many_at_once(tmp_path: Path) -> None:
    got: list[str] = []
    with script("Hel", pause(0.01), "lo") as api, cassette(tmp_path / "c", upstream=api.url) as server:
        threads = [threading.Thread(target=lambda n=n: got.append(ask(server.url, f"{n}"))) for n in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert got == ["Hello"] * 10
    assert len(Cassette(tmp_path / "c").exchanges) == 10


def test_prompts_are_hidden_on_request(tmp_path: Path) -> None:
    with script("Hello") as api:
        for _ in range(2):
            with cassette(tmp_path / "c", upstream=api.url, hide_texts=True) as server:
                ask(server.url, "my secret plan")
    assert len(api.requests) == 1
    assert b"secret plan" not in _written(tmp_path / "c")
    hide = {"scrub": lambda data: data.replace(b"Hello", b"*****")}
    with script("Hello") as api, cassette(tmp_path / "d", upstream=api.url, **hide) as server:
        assert ask(server.url) == "Hello"
    assert b"Hello" not in _written(tmp_path / "d")


def test_a_scrubber_that_changes_the_length_is_said(tmp_path: Path) -> None:
    shorter = {"scrub": lambda data: data.replace(b"Hello", b"")}
    with script("Hello") as api, pytest.raises(AssertionError, match="scrub= has to keep the length"):  # noqa: SIM117
        with cassette(tmp_path / "c", upstream=api.url, **shorter) as server:
            assert ask(server.url) == "Hello"


def _written(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.iterdir())


def test_no_secret_is_written(tmp_path: Path) -> None:
    token = base64.b64encode(f"x{KEY}".encode()).decode()
    says = f"Your key is {KEY}, {quote(KEY)}, {token}; write to ada@example.com or sk-{'a1' * 12}."
    with script([says], ["Hello"]) as api, cassette(tmp_path / "c", upstream=api.url) as server:
        assert ask(server.url, f"my key is {KEY}") == says
        request = urllib.request.Request(
            f"{server.url}/v1beta/models/m:generateContent?key={KEY}-in-the-query",
            json.dumps({"contents": []}).encode(),
            {"cookie": f"a={KEY}-cookie", "authorization": f"Bearer {KEY}-bearer", "x-api-token": f"{KEY}-token"},
        )
        urllib.request.urlopen(request).close()
    written = _written(tmp_path / "c")
    for secret in (KEY, quote(KEY), token, "example.com", "a1a1"):
        assert secret.encode() not in written


WORDS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~+/", min_size=12, max_size=60)


@given(
    WORDS,
    st.binary(max_size=30),
    st.binary(max_size=30),
    st.sampled_from(["x-goog-api-key", "authorization", "cookie"]),
)
def test_a_secret_of_the_request_is_hidden_in_every_form(secret: str, before: bytes, after: bytes, name: str) -> None:
    value = {"authorization": f"Bearer {secret}", "cookie": f"session={secret}"}.get(name, secret)
    scrubber = Scrubber("/v1/m?alt=sse", {name: value})
    plain = secret.encode()
    forms = [plain, quote(secret, safe="").encode()]
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        forms += [encode(before + plain + after), encode(plain)]
    for form in forms:
        data = b'{"text": "' + form + b'"}'
        hidden = scrubber.scrub(data)
        assert len(hidden) == len(data)
        assert plain not in hidden
        core = base64.b64encode(before + plain + after)
        begin = -(-len(before) * 4 // 3) + 1
        assert core[begin : begin + len(plain)] not in hidden.replace(b"-", b"+").replace(b"_", b"/")


@pytest.mark.parametrize(
    "secret",
    [
        "AIzaSyA1234567890abcdefghijklmnopqrstuv",
        "ya29.a0AfH6SMBxyzxyzxyz",
        "sk-proj-abcdefghijklmnop1234",
        "ghp_abcdefghijklmnopqrstuvwx",
        "AKIAIOSFODNN7EXAMPLE",
        "xoxb-1234567890-abcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefgh",
        "grace.hopper+navy@example.org",
        "grace\\u0040example.org",
        "-----BEGIN PRIVATE KEY-----\\nMIIEvQ\\n-----END PRIVATE KEY-----",
    ],
)
def test_keys_of_others_are_known_by_their_looks(secret: str) -> None:
    data = b'{"text": "it is ' + secret.encode() + b' or so"}'
    hidden = Scrubber("/", {}).scrub(data)
    assert len(hidden) == len(data)
    assert secret[4:12].encode() not in hidden
    assert hidden.startswith(b'{"text": "it is *')


def test_ordinary_text_is_left_alone() -> None:
    data = b'{"text": "a task-oriented sk- word, 3 @ 4, key=value, Bearer of news"}'
    assert Scrubber("/", {"x-goog-api-key": "none", "accept": "application/json"}).scrub(data) == data


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.with_suffix(".body").write_bytes(b"x"), "has 1 bytes"),
        (lambda path: path.write_text("{}"), "is not an exchange of a cassette"),
        (lambda path: path.write_text(path.read_text().replace('"version": 1', '"version": 2')), "has version 2"),
    ],
)
def test_a_damaged_cassette_is_refused(tmp_path: Path, change: Any, message: str) -> None:
    with script("Hello") as api, cassette(tmp_path / "c", upstream=api.url) as server:
        ask(server.url)
    change(tmp_path / "c" / "0001.json")
    with pytest.raises(UsageError, match=message):
        Cassette(tmp_path / "c")


VCR = """
interactions:
- request:
    body: '{"contents": [{"parts": [{"text": "hi"}], "role": "user"}]}'
    headers: {accept: ['*/*']}
    method: POST
    uri: https://generativelanguage.googleapis.com/v1/models/m:streamGenerateContent?alt=sse
  response:
    body:
      string: |+
        data: {"candidates": [{"content": {"parts": [{"text": "Hello"}]}, "finishReason": "STOP"}]}

    headers: {Content-Type: [text/event-stream], Server: [scaffolding]}
    status: {code: 200, message: OK}
version: 1
"""


def test_a_cassette_of_vcrpy_is_played(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(VCR)
    with cassette(tmp_path / "c.yaml", mode="none") as server:
        assert ask(server.url) == "Hello"


def test_recorded_cases_are_played() -> None:
    found = shared("corpus/pydantic-ai")
    if found is None:
        pytest.skip("no recorded traffic beside the checkout, and HEADWATER_SHARED does not name any")
    exchanges = Cassette(found).exchanges
    streams = [one for one in exchanges if "alt=sse" in one.request.path and one.request.body]
    assert len(streams) > 10
    with cassette(found, mode="none") as server:
        for exchange in streams[:5]:
            body = json.dumps(exchange.request.body).encode()
            with urllib.request.urlopen(urllib.request.Request(server.url + exchange.request.path, body)) as response:
                assert response.read() in [one.body for one in exchanges]
