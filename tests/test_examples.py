"""Every example runs as it stands, offline, and says what it is there to show."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent / "examples"
EXAMPLES = sorted(ROOT.rglob("*.py"))
#: Those of examples/web wait for requests: test_recipes.py sends them some. So does the MCP server: ask.py asks it.
PROGRAMS = [example for example in EXAMPLES if example.parent.name != "web" and example.stem != "weather"]
#: Where no waiting is no use: something has to be under way when it is stopped.
PACES = {"cancellable_stream": "offline:first=0,rate=50"}
#: What each prints, as patterns, in this order.
SAYS = {
    "ask": [r"measure\(\{'city': 'Vienna'\}\)", "measure: 1 of 3, wind", "measure: {'result'", "21 degrees"],
    "async_story": ["The story about two cats begins."],
    "basic_streaming": [r"(\w+\W+){150}"],
    "buffered_stream": [r"(\w+\W+){50}", r"\n\[\d chunks of five\]", r"(.*\|){2}"],
    "cancellable_stream": [
        r"\w+",
        r"\n\[cancelled: the half second is over, with [1-9]\d* words\]",
        r"(\[stopped with [1-9]\d* words\]\s){2}",
    ],
    "clean_up": [r"(?s)^Left: True, cancelled$.+^Left: True, cancelled$.*^Left: True, cancelled$"],
    "dialect": ["^RIVERS RUN TO THE SEA $", "^ClientError 400: the prompt is empty$"],
    "engine": [r"^Polly \|wants \|a \|cracker \|\|$"],
    "full_response": [r"(?s)(.+)\n\nFull response: \1\n\d+ tokens, finished"],
    "log": [r"^\d\d checks passed, [1-9]\d* bytes in the journal$"],
    "multimodal_input": ["32 by 32|32x32|32 x 32|32 × 32"],
    "progress_stream": [r"\r\d\d? %, \d+ words, [\d.]+ s left", r"\n100 %: \d+ tokens", r"\n100 %: \d+ tokens"],
    "protocol": [r"\w[^\[]+\[finished\]$", r"\w[^\[]+\[finished\]$"],
    "safe_stream": [r"(\w+\W+){60}", r"\[finished, \d+ characters\]", r"(\w+\W+){60}", r"\[finished, \d+ characters\]"],
    "stage": [r"^\[1\] .+\w", r"^\[2\] .+\w"],
    "stream_handler": [
        r"(\w+\W+){40}",
        r"\[finished\]\nfirst chunk after [\d.]+ s, [1-9]\d* chunks: Metrics\(",
        r"\[finished\]\nfirst chunk after [\d.]+ s, [1-9]\d* chunks",
    ],
    "streaming_chat": ["> Tell me", "> Summarize", "The conversation has 4 turns."],
    "timeouts": [r"(\w+\W+){60}", r"\n(\w+\W+){60}"],
    "websocket_streamer": [r"(\w+\W+){40}", r"\n\[complete\]"],
}


def run(example: Any, base_url: Any) -> Any:
    """What an example printed. It must end well and warn of nothing."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GOOGLE_", "GEMINI_"))}
    result = subprocess.run(
        [sys.executable, "-W", "error", str(example)],
        env=environment | {"GOOGLE_GEMINI_BASE_URL": base_url, "GEMINI_API_KEY": "any", "PYTHONUTF8": "1"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stderr.decode()) == (0, "")
    return result.stdout.decode()


@pytest.mark.parametrize("example", PROGRAMS, ids=lambda example: example.stem)
def test_example(example: Any) -> None:
    """The example runs without an error or a warning, and prints what it is there to show."""
    printed = run(example, PACES.get(example.stem, "offline:instant"))
    place = 0
    for pattern in SAYS[example.stem]:
        found = re.compile(pattern, re.MULTILINE).search(printed, place)
        assert found, (pattern, printed[place:])
        place = found.end()


@pytest.mark.slow
def test_slow_model_runs_into_the_timeouts() -> None:
    """A model that says nothing makes timeouts.py say which deadline expired, sync and async."""
    printed = run(ROOT / "patterns" / "timeouts.py", "offline:first=30")
    assert re.search(r"^deadline first_content expired after 2\.\d s, with 0 characters$", printed, re.MULTILINE)
    assert re.search(r"^timed out: no content from the model within 2 s .*\(0 characters\)$", printed, re.MULTILINE)


@pytest.mark.slow
def test_dead_server_is_explained() -> None:
    """With nobody there, safe_stream.py says so after three attempts, in sync and in async."""
    printed = run(ROOT / "patterns" / "safe_stream.py", "http://127.0.0.1:9")
    assert len(re.findall(r"ConnectError: .* \(after 3 attempts\)\n\n\[failed, 0 characters\]", printed)) == 2


def test_list_is_whole() -> None:
    """The page of the examples has each of them, and all its links lead to a file."""
    links = set(re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert {link for link in links if link.endswith(".py")} == {
        example.relative_to(ROOT).as_posix() for example in EXAMPLES
    }
    assert [link for link in links if not (ROOT / link).exists()] == []
