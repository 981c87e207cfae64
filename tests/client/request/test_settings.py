"""What a client knows before it asks: arguments first, then the environment, and words where something is missing."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from headwater import genai
from headwater.errors import UsageError
from tests.support.servers import Server, whole


def asked(side: Any, server: Server, **options: Any) -> Any:
    """Return the request of a client with these options, whose address is the environment's."""
    side.ask(genai.Client(**options))
    return server.requests[-1]


@pytest.mark.parametrize(
    ("argument", "google", "gemini", "wanted"),
    [
        ("arg", "google", "gemini", "arg"),
        (None, "google", "gemini", "google"),
        (None, "", "gemini", "gemini"),
        (None, None, "gemini", "gemini"),
        ("", "google", None, "google"),
        (" arg\n", None, None, "arg"),
    ],
)
def test_key_is_found(
    side: Any,
    monkeypatch: pytest.MonkeyPatch,
    argument: str | None,
    google: str | None,
    gemini: str | None,
    wanted: str,
) -> None:
    """The key is the argument's, else GOOGLE_API_KEY's, else GEMINI_API_KEY's; what is empty does not count."""
    for name, value in {"GOOGLE_API_KEY": google, "GEMINI_API_KEY": gemini}.items():
        if value is not None:
            monkeypatch.setenv(name, value)
    with Server(whole) as server:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        assert asked(side, server, api_key=argument).headers["x-goog-api-key"] == wanted


def test_two_keys_are_worth_a_warning(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Two different keys in the environment are a warning, which does not show them."""
    monkeypatch.setenv("GOOGLE_API_KEY", "SECRET-1")
    monkeypatch.setenv("GEMINI_API_KEY", "SECRET-2")
    genai.Client()
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "GOOGLE_API_KEY" in record.getMessage()
    assert "SECRET" not in record.getMessage()


@pytest.mark.parametrize("value", [None, ""])
def test_missing_key_is_explained(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    """Without a key the error names what to set, and that offline works without one."""
    if value is not None:
        monkeypatch.setenv("GEMINI_API_KEY", value)
    with pytest.raises(UsageError) as caught:
        genai.Client()
    for word in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "api_key", "offline:", "GOOGLE_GEMINI_BASE_URL"):
        assert word in str(caught.value)


def test_offline_needs_no_key(side: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """offline: as an argument or in the environment needs no key."""
    assert side.ask(genai.Client(http_options={"base_url": "offline:instant"}), model="gemini-2.5-flash").text
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "offline:instant")
    assert side.ask(genai.Client(), model="gemini-2.5-flash").text


def test_address_of_the_argument_wins(side: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """base_url as an argument wins over GOOGLE_GEMINI_BASE_URL."""
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "http://nowhere.invalid")
    with Server(whole) as server:
        assert side.ask(server.client()).text == "Hello world"


@pytest.mark.parametrize(
    ("environment", "argument", "path"),
    [
        (None, None, "/v1/models/m:generateContent"),
        ("beta", None, "/v1beta/models/m:generateContent"),
        ("v1alpha", None, "/v1alpha/models/m:generateContent"),
        ("v1alpha", "v1beta", "/v1beta/models/m:generateContent"),
    ],
)
def test_version_is_found(
    side: Any, monkeypatch: pytest.MonkeyPatch, environment: str | None, argument: str | None, path: str
) -> None:
    """The version is the argument's, else GOOGLE_GENAI_API_VERSION's, else v1."""
    if environment is not None:
        monkeypatch.setenv("GOOGLE_GENAI_API_VERSION", environment)
    with Server(whole) as server:
        side.ask(server.client(**({} if argument is None else {"api_version": argument})))
        assert server.requests[-1].target == path


@pytest.mark.parametrize("name", ["GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_ENTERPRISE"])
def test_vertex_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The environment can switch to Vertex AI, and the argument back."""
    monkeypatch.setenv(name, "True")
    assert genai.Client(api_key="test-key").vertexai
    assert not genai.Client(api_key="test-key", vertexai=False).vertexai


@pytest.mark.parametrize(
    "arguments",
    [
        {"http_options": {"base_ulr": "x"}},
        {"http_options": 5},
        {"enterprise": True, "vertexai": False},
        {"credentials": object()},
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments: dict[str, Any]) -> None:
    """An argument that does not fit is a UsageError."""
    with pytest.raises(UsageError):
        genai.Client(api_key="test-key", **arguments)


def test_http_options_may_be_written_both_ways(side: Any) -> None:
    """http_options is a dict in either case of its keys, or HttpOptions."""
    with Server(whole) as server:
        for options in (
            {"base_url": server.url},
            {"baseUrl": server.url},
            genai.types.HttpOptions(base_url=server.url),
        ):
            assert side.ask(genai.Client(api_key="test-key", http_options=options)).text == "Hello world"


@pytest.mark.parametrize(
    ("argument", "words"), [("proxy", "must be a URL"), ("verify", "cannot be used"), ("transport", "has no method")]
)
@pytest.mark.parametrize("name", ["client_args", "async_client_args"])
def test_arguments_of_the_http_client_are_not_passed_over_in_silence(name: str, argument: str, words: str) -> None:
    """Who asks for a proxy and gets none would send the key past it; what changes nothing is let through."""
    with pytest.raises(UsageError, match=words):
        genai.Client(api_key="k", http_options={name: {argument: "x"}})
    genai.Client(api_key="k", http_options={name: {"limits": "x", "http2": True}})
