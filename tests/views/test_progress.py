"""Bars: what they say, and where they stand."""

import asyncio
import io
from typing import Any

import pytest

import headwater.views.terminal as terminal_module
from headwater import genai
from headwater.core.answer.progress import Progress
from headwater.views.bars import NoBar, TerminalBar, make_bar, progress_bar
from headwater.views.progress import caption, footer
from headwater.views.terminal import ashow, show
from tests.support.screens import AtOnce, File, Screen

STORY = {"model": "m", "contents": "Tell me a story in 60 words."}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client that the offline engine answers at once."""
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "offline:instant")
    monkeypatch.setenv("TERM", "xterm")
    return genai.Client(api_key="offline")


def state(**given: Any) -> Any:
    """Some progress."""
    known = {"fraction": 0.5, "eta": 3.2, "tokens": 120, "tokens_per_second": 40.4, "words": 90, "is_estimate": True}
    return Progress(**(known | given))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "90 words, ~120 tokens, 40 tokens/s, 3 s left"),
        ({"is_estimate": False, "eta": None}, "90 words, 120 tokens, 40 tokens/s"),
        ({"eta": 125, "tokens_per_second": None}, "90 words, ~120 tokens, 2 min 05 s left"),
    ],
)
def test_caption(given: Any, expected: Any) -> None:
    """The words beside a bar say what has come, how fast, and how long it will take; estimates are marked."""
    assert caption(state(**given)) == expected


@pytest.mark.parametrize("width", [1, 8, 20, 40, 200])
@pytest.mark.parametrize("fraction", [None, 0.0, 0.5, 1.0])
def test_a_bar_is_one_line(width: Any, fraction: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bar is one line that fits into the window, however narrow that is."""
    screen = Screen(width + 1, 5)
    (line,) = footer(screen.file, lambda: state(fraction=fraction))(width)
    screen.file.write(line)
    assert len(screen.lines()) <= 1


def test_the_bar_follows_the_stream(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop has every chunk, and the last state of the bar, which stays, is that of the whole answer."""
    monkeypatch.setattr(terminal_module, "Redraw", AtOnce)
    file = File()
    stream = client.models.generate_content_stream(**STORY, target_words=60)
    text = "".join(chunk.text for chunk in progress_bar(stream, file=file))
    assert text == stream.text
    screen = Screen(80, 24)
    screen.file.write(file.getvalue())
    (line,) = screen.lines()
    assert "100%" in line
    assert f"{len(text.split())} words" in line


def test_the_bar_of_an_async_stream(client: Any) -> None:
    """Async as well."""

    async def read() -> Any:
        stream = await client.aio.models.generate_content_stream(**STORY, target_words=60)
        file = File()
        text = "".join([chunk.text async for chunk in progress_bar(stream, file=file)])
        return text == stream.text, file.getvalue()

    same, written = asyncio.run(read())
    assert same
    assert "100%" in written


def test_where_a_bar_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal has a bar and a pipe has none."""
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(make_bar(File()), TerminalBar)
    assert isinstance(make_bar(io.StringIO()), NoBar)


def test_show_returns_the_whole_answer(client: Any) -> None:
    """``show`` and ``ashow`` show all of an answer and return it; without a terminal as plain text."""

    async def ashown(file: Any) -> Any:
        return await ashow(await client.aio.models.generate_content_stream(**STORY), file=file)

    def shown_sync(file: Any) -> Any:
        return show(client.models.generate_content_stream(**STORY), file=file)

    for shown in (shown_sync, lambda file: asyncio.run(ashown(file))):
        plain, drawn = io.StringIO(), File()
        answer = shown(plain)
        assert plain.getvalue() == answer.text
        screen = Screen(80, 24)
        answer = shown(drawn)
        screen.file.write(drawn.getvalue())
        assert " ".join(" ".join(screen.lines()).split()) == " ".join(answer.text.split())
