"""The pytest plugin in a project of its own: no import, no conftest, no key."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

SUITE = """
import os

from headwater import genai
from headwater.testing import cut, script


def test_server(headwater_server):
    assert os.environ["GOOGLE_GEMINI_BASE_URL"] == headwater_server.url
    stream = genai.Client().models.generate_content_stream(model="m", contents="Tell me a story in 30 words.")
    assert len(stream.collect().text.split()) > 20


def test_script(headwater_script):
    server = headwater_script("Hel", cut("close"))
    assert os.environ["OPENAI_BASE_URL"] == server.url + "/v1"
    stream = genai.Client().models.generate_content_stream(model="m", contents="hi")
    try:
        stream.collect()
    except genai.errors.StreamInterrupted as error:
        assert error.partial.text == server.said == "Hel"


def test_cassette(headwater_cassette):
    with script("Hel", "lo") as api:
        for name in ("hello", "hello"):
            server = headwater_cassette(name, upstream=api.url)
            assert os.environ["GOOGLE_GEMINI_BASE_URL"] == server.url
            assert genai.Client().models.generate_content(model="m", contents="hi").text == "Hello"
        assert len(api.requests) == 1


def test_environment_is_restored():
    assert "OPENAI_BASE_URL" not in os.environ
"""


def test_fixtures_need_nothing_else(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    pytester.makepyfile(SUITE)
    # One after another: the environment is that of the process.
    result = pytester.runpytest_subprocess("-p", "no:randomly", "-p", "no:xdist", "-q")
    result.assert_outcomes(passed=4)
    assert (pytester.path / "cassettes" / "hello" / "0001.json").is_file()


def test_engine_is_an_option_of_the_project(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nheadwater_engine = nonsense")
    pytester.makepyfile("def test_it(headwater_server): pass")
    result = pytester.runpytest_subprocess("-p", "no:randomly", "-p", "no:xdist", "-q")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*there is no engine 'nonsense'*"])


def test_loading_the_plugin_loads_nothing_of_headwater(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_it():
            assert {name for name in sys.modules if name.startswith("headwater")} == {
                "headwater", "headwater.testing", "headwater.testing.plugin", "headwater.lazy"
            }
        """
    )
    pytester.runpytest_subprocess("-p", "no:randomly", "-p", "no:xdist", "-q").assert_outcomes(passed=1)
