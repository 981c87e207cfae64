"""An answer in a real notebook: a kernel runs the cells, and what they show is what stands in the saved file."""

import os
import textwrap
from typing import Any

import nbclient
import nbformat
import pytest

from headwater.views import notebook
from tests.support.servers import unmeasured

pytestmark = pytest.mark.slow

SETUP = """
import os
os.environ["GOOGLE_GEMINI_BASE_URL"] = "offline:instant"
from headwater import genai
from headwater.views.notebook import display, display_in_background
client = genai.Client(api_key="offline")
def ask(prompt, **options):
    return client.models.generate_content_stream(model="m", contents=prompt, **options)
def aask(prompt, **options):
    return client.aio.models.generate_content_stream(model="m", contents=prompt, **options)
"""


def run(*cells: Any, setup: Any = SETUP, **options: Any) -> Any:
    """Run a notebook and return its cells behind the setup."""
    notebook = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
        cells=[nbformat.v4.new_code_cell(textwrap.dedent(cell)) for cell in (setup, *cells)]  # type: ignore[no-untyped-call]
    )
    client = nbclient.NotebookClient(notebook, timeout=60, **options)
    client.execute()
    return notebook.cells[1:]


def pages(cell: Any) -> Any:
    """The HTML that a cell shows."""
    return [output.data["text/html"] for output in cell.outputs if "text/html" in output.get("data", {})]


def printed(cell: Any) -> Any:
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


@pytest.fixture(scope="module")
def cells() -> Any:
    """A notebook with one cell for each way."""
    return run(
        "answer = display(ask('Tell me a story in 80 words.'))\nprint(answer.text)",
        "answer = await display(await aask('Tell me a story in 80 words.'))\nprint(answer.text)",
        """
        thread = display_in_background(ask('Tell me a story in 80 words.'))
        thread.join()
        """,
        """
        import sys
        sys.modules["ipywidgets"] = None   # as where it is not installed
        answer = display(ask('Tell me a story in 80 words.'))
        print(answer.text)
        """,
        """
        from headwater.views import progress_bar
        for chunk in progress_bar(ask('Tell me a story in 80 words.', target_words=80)): pass
        del sys.modules["ipywidgets"]
        bar = progress_bar(ask('Tell me a story in 80 words.', target_words=80))
        for chunk in bar: pass
        print(bar._bar._widget[0].value)
        """,
        """
        from headwater.views import ashow, show
        options = dict(thoughts="hide", progress=True, button=False)
        answer = show(ask('Tell me a story in 80 words.', target_words=80), **options)
        print(answer.text)
        """,
        "answer = await ashow(await aask('Tell me a story in 80 words.'))\nprint(answer.text)",
        "show(ask('Tell me a story in 80 words.'), markdown=False).text",
    )


@pytest.mark.parametrize("index", [0, 1, 3])
def test_the_answer_stands_below_the_cell(cells: Any, index: Any) -> None:
    """A sync stream, an awaited async one, and one without widgets: one output holds the whole answer."""
    (page,) = pages(cells[index])
    text = printed(cells[index]).strip()
    assert len(text.split()) > 40
    assert text.split()[-1] in page
    assert page.startswith("<")


def test_show_is_that_of_the_notebook(cells: Any) -> None:
    """The ``show`` and ``ashow`` of any program draw below the cell; plain text is written as in a terminal."""
    for cell in cells[5:7]:
        assert printed(cell).split()[-1] in pages(cell)[-1]
    assert pages(cells[7]) == []
    assert len(printed(cells[7]).split()) > 40


def test_show_has_a_bar_in_a_notebook(cells: Any) -> None:
    """``progress=True`` adds the widget of ``progress_bar``; there is no button with ``button=False``."""
    assert len(widgets(cells[5])) == 1
    assert widgets(cells[6]) == []


def test_in_the_background(cells: Any) -> None:
    """A stream can be shown by a thread while the cell is over."""
    assert len(pages(cells[2])) == 1


def test_the_button_goes_with_the_end(cells: Any) -> None:
    """In a saved notebook there is no dead button."""
    assert [widgets(cell) for cell in (cells[0], cells[1])] == [[], []]


def widgets(cell: Any) -> Any:
    return [output for output in cell.outputs if "application/vnd.jupyter.widget-view+json" in output.get("data", {})]


def test_a_bar(cells: Any) -> None:
    """A bar is a widget, or a line of text where there are none, and ends at 100 %."""
    assert "100%" in pages(cells[4])[0]
    assert printed(cells[4]).strip() == "1.0"


def test_the_button_stops_the_answer() -> None:
    """Pressing the button ends the stream, the loop and the cell; what had come stays."""
    (cell,) = run(
        """
        import threading, ipywidgets
        os.environ["GOOGLE_GEMINI_BASE_URL"] = "offline:first=0,rate=20"
        client = genai.Client(api_key="offline")
        made = []
        class Button(ipywidgets.Button):
            def __init__(self, **options):
                super().__init__(**options)
                made.append(self)
        ipywidgets.Button = Button
        stream = ask("Tell me a story in 900 words.")
        threading.Timer(1.0, lambda: made[0].click()).start()
        answer = display(stream)
        print(len(answer.text.split()), made[0].disabled, stream.ending.kind)
        """
    )
    words, disabled, kind = printed(cell).split()
    assert 0 < int(words) < 300
    assert (disabled, kind) == ("True", "cancelled")
    assert len(pages(cell)) == 1


def test_an_interrupt_stops_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupting the kernel ends the stream; what had come stays."""
    for name in set(os.environ) - set(unmeasured()):
        monkeypatch.delenv(name)
    first, second = run(
        """
        import signal, threading
        os.environ["GOOGLE_GEMINI_BASE_URL"] = "offline:first=0,rate=20"
        client = genai.Client(api_key="offline")
        stream = ask("Tell me a story in 900 words.")
        threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        display(stream)
        """,
        "print(stream.is_over, len(stream.text.split()))",
        allow_errors=True,
    )
    assert [output.ename for output in first.outputs if output.output_type == "error"] == ["KeyboardInterrupt"]
    is_over, words = printed(second).split()
    assert is_over == "True"
    assert 0 < int(words) < 300
    assert len(pages(first)) == 1


def test_a_long_answer_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long answer is shown in several outputs, which hold all of it, each paragraph once."""
    shown = []

    class Output:
        def __init__(self) -> None:
            shown.append("")
            self.index = len(shown) - 1

        def show(self, page: Any, text: Any) -> None:
            shown[self.index] = page

    monkeypatch.setattr(notebook, "_Output", Output)
    view = notebook.NotebookView()
    for number in range(2000):
        with view._redraw.lock:
            view._pieces.append(f"Paragraph {number}.\n\n")
            if number % 100 == 0:
                view._draw()
    view.finish()
    assert len(shown) > 3
    assert [f"<p>Paragraph {number}.</p>" for number in range(2000)] == "".join(shown).split("\n")[:-1]
