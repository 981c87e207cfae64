"""Markdown in a terminal: what stands on the screen in the end, and what is never done on the way."""

import io
import random
import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import headwater.views.terminal as terminal_module
from headwater.views.terminal import PlainView, TerminalView
from tests.support.screens import File, Screen, open_view, pieces

TEXT = (
    "# Title\n\nSome **bold** text, `code`, a [link](http://x.org/a) and ![picture](http://y.org/z.png).\n"
    "Wide: 日本語の文章です。これは長い行になりますので折り返されます。ok 👩 done\n\n## Second\n\n"
    "1. one\n2. two\n   - nested\n   - deeper, with a line that is longer than the window is wide, so it is folded\n"
    "3. three\n\n"
    "- a\n- b\n\n| a | b |\n|---|---:|\n| 1 | 2 |\n| 日本 | x |\n\n```python\n"
    + "\n".join(f"def number_{number}():\n    return {number}\n" for number in range(40))
    + "```\n\n> a quote\n> goes on with <b>tags</b>\n\n---\n\n"
    + "\n".join(f"{number}. item" for number in range(8, 30))
    + "\n\nThe end, and ~~not~~ more.\n"
)


@pytest.fixture
def one_shot(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What stands on a screen when the whole text comes at once."""

    def draw(text: Any, columns: Any = 60, rows: Any = 20, **options: Any) -> Any:
        screen = Screen(columns, rows)
        view = open_view(monkeypatch, screen, **options)
        view.feed(text)
        view.finish()
        return screen.lines()

    return draw


@pytest.mark.parametrize(("columns", "rows"), [(60, 20), (24, 6), (100, 50), (12, 4)])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("markdown", [True, False])
def test_the_end_is_that_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, one_shot: Any, columns: Any, rows: Any, seed: Any, markdown: Any
) -> None:
    """However a text is cut and however small the window, in the end each line stands there once, as drawn at once."""
    dice = random.Random(seed)
    cuts = dice.sample(range(len(TEXT)), dice.choice([5, 80, 700]))
    screen = Screen(columns, rows)
    view = open_view(monkeypatch, screen, markdown=markdown)
    for piece in pieces(TEXT, cuts):
        view.feed(piece)
        screen.show()
    view.finish()
    assert screen.lines() == one_shot(TEXT, columns, rows, markdown=markdown)


def test_it_looks_like_markdown(one_shot: Any) -> None:
    """Headings, lists, tables and code are drawn, links keep their addresses, and tags are text."""
    lines = one_shot(TEXT)
    assert lines[0].strip() == "Title"
    assert "  1 one" in lines
    assert "     • nested" in lines
    assert " 日本  x" in lines
    assert "    return 39" in lines
    assert " 29 item" in lines
    text = " ".join(lines)
    assert "link (http://x.org/a)" in text
    assert "picture (http://y.org/z.png)" in text
    assert "<b>tags</b>" in text
    assert "**" not in text


@pytest.mark.parametrize("reflows", [True, False])
@pytest.mark.parametrize("widths", [(40, 60), (90, 30), (30, 25, 80)])
def test_a_window_that_changes_its_width(monkeypatch: pytest.MonkeyPatch, reflows: Any, widths: Any) -> None:
    """After the window became narrower or wider, each line of the text stands on the screen once."""
    monkeypatch.setattr(terminal_module, "reflows", lambda: reflows)
    text = "".join(f"Line {number} of a text that is longer than the narrowest window.\n\n" for number in range(12))
    screen = Screen(60, 20, reflows=reflows)
    view = open_view(monkeypatch, screen)
    places = {len(text) * (index + 1) // (len(widths) + 1) + 9: width for index, width in enumerate(widths)}
    for place, letter in enumerate(text):
        if place in places:
            screen.show()
            screen.resize(places[place])
        view.feed(letter)
    view.finish()
    shown = " ".join(line.strip() for line in screen.lines() if line)
    for number in range(12):
        assert shown.count(f"Line {number} of") == 1


CONTROLS = "\x1b]0;title\x07 \x1b[2J\x1b[31mred \x9b1m \r\b\x7f \x1b]8;;http://evil\x07 \x90q\x9c end"


@pytest.mark.parametrize("markdown", [True, False])
def test_an_answer_cannot_drive_the_terminal(monkeypatch: pytest.MonkeyPatch, markdown: Any) -> None:
    """Control characters of an answer are shown: what is written has no sequence but this view's own."""
    screen = Screen()
    view = open_view(monkeypatch, screen, markdown=markdown)
    for letter in f"before {CONTROLS}\n\n```\n{CONTROLS}\n```\n[{CONTROLS}](http://x/{CONTROLS})\n":
        view.feed(letter)
        view.thought("")
    view.thought(CONTROLS)
    view.finish()
    written = screen.file.getvalue()
    assert not re.sub(r"\x1b\[(\?2026[hl]|\?7[hl]|\d*A|[JK]|[\d;]*m)|[\r\n]", "", written).count("\x1b")
    assert not set(written) & {*map(chr, range(0x80, 0xA0)), "\x07", "\x08", "\x7f"}
    assert "␛]0;title␇" in "".join(screen.lines())


@given(st.text(st.characters(codec="utf-8", exclude_categories=()), max_size=300))
@settings(max_examples=60)
def test_any_text_can_be_shown(text: Any) -> None:
    """No text makes the view fail."""
    screen = Screen()
    with pytest.MonkeyPatch.context() as monkeypatch:
        view = open_view(monkeypatch, screen)
        for letter in text:
            view.feed(letter)
        view.finish()
    assert screen.file.getvalue().endswith("\n") or not text.strip()


def test_plain_words_are_added_and_nothing_is_redrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a line only grows, what is written is what has come."""
    screen = Screen()
    view = open_view(monkeypatch, screen)
    for word in ("Once ", "upon ", "a ", "time."):
        view.feed(word)
    view.finish()
    assert "".join(screen.lines()) == "Once upon a time."
    assert screen.file.getvalue().count("Once") <= 2


def test_finished_blocks_are_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block that is finished is never written again."""
    screen = Screen()
    view = open_view(monkeypatch, screen)
    for number in range(30):
        view.feed(f"Paragraph {number}.\n\n")
    view.finish()
    assert screen.file.getvalue().count("Paragraph 0.") <= 3


def test_the_cost_of_a_piece_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last tenth of a long answer is drawn as fast as the first."""
    part = "Words and `code`.\n\n- a\n- b\n\n```python\nx = 1\n```\n\n"
    view = open_view(monkeypatch, Screen())
    times = []
    for _ in range(10):
        begun = time.process_time()
        for _ in range(8):
            view.feed(part)
        times.append(time.process_time() - begun)
    view.finish()
    assert min(times[-3:]) < 3 * max(times[1:4])


def test_it_draws_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces that come fast are drawn together, and the last of them are drawn without more to come."""
    screen = Screen()
    monkeypatch.setattr(terminal_module, "size", lambda file: (60, 20))
    drawn = []
    view = TerminalView(screen.file)
    write = screen.file.write
    monkeypatch.setattr(screen.file, "write", lambda text: (drawn.append(text), write(text))[1])
    for number in range(300):
        view.feed(f"word{number} ")
    assert len(drawn) < 100
    end = time.monotonic() + 10
    while "word299" not in screen.file.getvalue() and time.monotonic() < end:
        time.sleep(0.01)
    assert "word299" in screen.file.getvalue()
    view.finish()


@pytest.mark.parametrize(
    ("thoughts", "expected"),
    [("show", ["Let me see.", "", "42"]), ("fold", ["thought: 3 words", "", "42"]), ("hide", ["42"])],
)
def test_thoughts(monkeypatch: pytest.MonkeyPatch, thoughts: Any, expected: Any) -> None:
    """Thoughts stand above the answer, as a count, or not at all."""
    screen = Screen()
    view = open_view(monkeypatch, screen, thoughts=thoughts)
    for piece in ("Let ", "me s", "ee."):
        view.thought(piece)
    view.feed("42")
    view.finish()
    assert screen.lines() == expected


def test_the_footer_stays_below_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A footer is the last line while the answer grows, and is gone in the end."""
    screen = Screen()
    view = open_view(monkeypatch, screen, footer=lambda width: ["[bar]"])
    for number in range(40):
        view.feed(f"Line {number}\n\n")
        assert screen.lines()[-1] == "[bar]"
        assert screen.lines().count("[bar]") == 1
    view.finish()
    assert "[bar]" not in screen.lines()
    assert screen.lines()[-1] == "Line 39"


def test_a_view_can_be_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its end a view begins anew below what it has shown."""
    screen = Screen()
    view = open_view(monkeypatch, screen)
    view.feed("- one")
    view.finish()
    assert screen.cursor == (0, 1)
    view.feed("- two")
    view.finish()
    assert screen.lines() == [" • one", " • two"]


def test_without_a_terminal_text_is_plain() -> None:
    """In a pipe the text goes out as it came, and thoughts do not."""
    file = io.StringIO()
    view = PlainView(file)
    view.thought("hm")
    view.feed("**a**\r")
    view.feed("\n\x1b[1m")
    view.finish()
    assert file.getvalue() == "**a**\r\n\x1b[1m"


def test_a_line_end_that_is_cut_is_still_one() -> None:
    """``\\r`` and ``\\n`` in two pieces are one line's end, at a terminal too."""
    file = File()
    view = PlainView(file)
    view.feed("a\r")
    view.feed("\nb\rc")
    view.finish()
    assert file.getvalue() == "a\nb␍c\n"
