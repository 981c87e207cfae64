"""Frameworks that are built on google-genai give the same with headwater in its place, on the same server.

Each has a program in ``frameworks/`` with a stream, tools, structured output and coroutines, which runs twice in an
environment of its own: as it is, and by ``headwater run``. The large ones run only if ``HEADWATER_FRAMEWORKS=all``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.serve_process import Process

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).with_name("frameworks")
#: Boxes that a framework draws on the terminal whenever one of its threads gets to it, and the lines between them.
_DRAWN = re.compile(r"[│╭╰]|$")


class Framework(NamedTuple):
    """What is installed beside headwater. A large one takes more than 300 MB, or half a minute."""

    requirements: tuple[str, ...]
    is_large: bool = False


FRAMEWORKS = {
    "agno": Framework(("agno==3.1.10", "google-genai==3.6.1")),
    "chatlas": Framework(("chatlas==0.23.0", "google-genai==3.6.1")),
    "crewai": Framework(("crewai[google-genai]==1.15.30",), is_large=True),
    "google_adk": Framework(("google-adk==2.13.0",)),
    "haystack": Framework(("google-genai-haystack==7.0.0",), is_large=True),
    "instructor": Framework(("instructor==1.17.0", "google-genai==3.6.1", "jsonref")),
    "langchain": Framework(("langchain-google-genai==4.4.3",)),
    "llama_index": Framework(("llama-index-llms-google-genai==0.11.3",), is_large=True),
    "mcp_1": Framework(("mcp==1.30.0", "google-genai==3.6.1")),
    "mirascope": Framework(("mirascope[google]==2.8.2",)),
    "pydantic_ai": Framework(("pydantic-ai-slim[google]==2.66.0",)),
    "semantic_kernel": Framework(("semantic-kernel[google]==1.45.0",), is_large=True),
    "strands": Framework(("strands-agents[gemini]==1.62.0",)),
}


#: Packages that instrument google-genai.
INSTRUMENTATION = {
    "logfire": "logfire==5.4.0",
    "openinference": "openinference-instrumentation-google-genai==1.4.14",
    "opentelemetry": "opentelemetry-instrumentation-google-genai==1.3b0",
    "traceloop": "opentelemetry-instrumentation-google-generativeai==0.62.4",
}


@pytest.fixture(scope="module")
def server() -> Iterator[Process]:
    """``headwater serve`` with the offline engine, which gives the same answer to the same request."""
    with Process("--engine", "offline", "--pace", "instant") as process:
        yield process


def install(folder: Path, *requirements: str) -> Path:
    """Make an environment with headwater and ``requirements``; return its directory of programs."""
    uv, programs = [sys.executable, "-m", "uv", "-q"], folder / "bin"
    subprocess.run([*uv, "venv", "--python", sys.executable, str(folder)], check=True)
    install = [*uv, "pip", "install", "-p", str(programs / "python"), str(ROOT), *requirements]
    # Certificates as pip finds them: those of the system, whatever the variable is called in this version.
    trust = {"UV_SYSTEM_CERTS": "1", "UV_NATIVE_TLS": "1"}
    done = subprocess.run(install, env=os.environ | trust, capture_output=True, text=True, check=False)
    # Not a skip: a check that cannot run has not passed.
    assert done.returncode == 0, f"{requirements} could not be installed:\n{done.stderr[-3000:]}"
    return programs


def run(command: list[str], port: int, **variables: str) -> str:
    """What a program printed. It must end well."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GOOGLE_", "GEMINI_"))}
    clean |= {"GOOGLE_GEMINI_BASE_URL": f"http://127.0.0.1:{port}", "PYTHONUTF8": "1"}
    done = subprocess.run(
        command,
        env=clean | {"GEMINI_API_KEY": "any", "GOOGLE_API_KEY": "any"} | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return "\n".join(line for line in done.stdout.splitlines() if not _DRAWN.match(line))


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_framework_gives_the_same(name: str, server: Process, tmp_path: Path) -> None:
    framework = FRAMEWORKS[name]
    if framework.is_large and os.environ.get("HEADWATER_FRAMEWORKS") != "all":
        pytest.skip("large: HEADWATER_FRAMEWORKS=all runs it")
    programs = install(tmp_path / "venv", *framework.requirements)
    program = str(PROGRAMS / f"with_{name}.py")
    official = run([str(programs / "python"), program], server.port)
    assert len(official.splitlines()) >= 4, official
    assert run([str(programs / "headwater"), "run", program], server.port) == official


@pytest.fixture(scope="module")
def instrumentation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with four packages that instrument google-genai."""
    folder = tmp_path_factory.mktemp("instrumentation") / "venv"
    return install(folder, "google-genai==2.34.0", *INSTRUMENTATION.values())  # one of them wants 2


@pytest.mark.parametrize("name", INSTRUMENTATION)
def test_instrumentation_makes_the_same_spans(name: str, server: Process, instrumentation: Path) -> None:
    """As many, with the same attributes, of streams, chats, functions, coroutines and a refused request."""
    program = str(PROGRAMS / "instrumented.py")
    capture = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY"}
    official = run([str(instrumentation / "python"), program, name], server.port, **capture)
    assert len(official.splitlines()) >= 8, official
    assert run([str(instrumentation / "headwater"), "run", program, name], server.port, **capture) == official


def test_every_program_is_run() -> None:
    assert {path.stem.removeprefix("with_") for path in PROGRAMS.glob("with_*.py")} == set(FRAMEWORKS)
