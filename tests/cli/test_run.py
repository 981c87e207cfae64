"""``headwater run``: programs for google-genai as they are, and everything else as with python itself."""

import importlib.util
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.corpus_cases import shared

STORY = """\
from google import genai
from google.genai import types

client = genai.Client()
config = types.GenerateContentConfig(temperature=0.5)
for chunk in client.models.generate_content_stream(model="gemini-3.8-flash", contents="Tell me a story", config=config):
    print(chunk.text, end="", flush=True)
"""


@pytest.fixture
def program(run: Any, offline: Any, tmp_path: Path) -> Any:
    """Write a program, run it offline with ``headwater run``, and return what became of it."""

    def program(
        source: Any, *arguments: Any, name: Any = "program.py", options: Any = ("--offline",), **more: Any
    ) -> Any:
        (tmp_path / name).write_text(source, "utf-8")
        return run("run", *options, name, *arguments, cwd=tmp_path, env=offline | more)

    return program


def test_a_program_for_google_genai_runs_without_a_key(program: Any) -> None:
    """Offline, a program that streams a story does so, and nothing is said beside it."""
    result = program(STORY)
    assert (result.returncode, result.stderr) == (0, b"")
    assert len(result.stdout.split()) > 40


@pytest.mark.slow
@pytest.mark.parametrize("guide", ["000", "001", "003"])
def test_the_cells_of_a_guide_saved_as_a_script(program: Any, guide: Any) -> None:
    """The guides' cells run one below the other, unedited: no key, no Colab, ``await`` outside of functions."""
    path = shared("guides/run_guides.py")
    if path is None:
        pytest.skip("no shared/guides beside the checkout, and HEADWATER_SHARED does not name one")
    spec = importlib.util.spec_from_file_location("run_guides", path)
    guides = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(guides)
    cells = guides.cells(guide)
    result = program("\n".join(code for _, code in cells))
    said = result.stdout.decode()
    assert (result.returncode, result.stderr) == (0, b"")
    assert len(cells) == {"000": 4, "001": 6, "003": 9}[guide]
    assert said.count("not blocked!") == (0 if guide == "003" else 5)
    assert len(said.split()) > 600


def test_the_module_is_headwater_under_each_of_its_names(program: Any) -> None:
    """However a program imports google-genai, it gets headwater's own classes."""
    result = program(
        "import google.genai\nimport google.genai.types as one\nfrom google.genai import Client, errors, types\n"
        "from google.genai.types import *\nfrom google.genai.errors import APIError\nimport headwater\n"
        "from headwater import genai\n"
        "assert one is types is google.genai.types\n"
        "assert Client is genai.Client and Part is genai.types.Part and APIError is genai.errors.APIError\n"
        "assert google.genai.__version__ == headwater.__version__\n"
        "import pickle; assert pickle.loads(pickle.dumps(Part('a'))) == Part('a')\n"
    )
    assert (result.returncode, result.stderr) == (0, b"")


def test_other_packages_of_google_stay_what_they_are(run: Any, tmp_path: Path) -> None:
    """``google`` is shared by many packages: those that are installed are found, before and after ours."""
    (tmp_path / "google" / "neighbour").mkdir(parents=True)
    (tmp_path / "google" / "neighbour" / "__init__.py").write_text("name = 'neighbour'")
    (tmp_path / "a.py").write_text("import google.neighbour, google.genai, google\nprint(google.neighbour.name)")
    result = run("run", "--offline", "a.py", cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    assert (result.returncode, result.stdout) == (0, b"neighbour\n")


def test_nothing_of_google_need_be_installed() -> None:
    """Where no package of google's is installed, the names are answered all the same; installing twice is once."""
    code = (
        "import headwater.genai, headwater.import_shim as import_shim, importlib.machinery, sys\n"
        "sys.path = [place for place in sys.path if 'site-packages' not in place]\n"
        "assert importlib.machinery.PathFinder.find_spec('google') is None\n"
        "before = len(sys.meta_path); import_shim.install(); import_shim.install()\n"
        "from google import genai; from google.colab import userdata\n"
        "print(genai.Client.__module__, userdata.get('NOT_SET'), len(sys.meta_path) - before)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=20)
    assert (told.stderr, told.stdout) == ("", "headwater.client.client None 2\n")


def test_what_is_missing_is_said_at_the_end(program: Any) -> None:
    """Names that were used and are missing are listed, each with what to use; those that were only probed are not."""
    result = program(
        "from google import genai\nfrom google.genai import live, types\nclient = genai.Client()\n"
        "print(hasattr(client, 'batches'), getattr(client.models, 'model', None), hasattr(client, 'models'))\n"
        "def say(message: types.LiveServerMessage | None, session: live.AsyncSession) -> None: ...\n"
        "for use in (lambda: client.live, lambda: client.aio.models.generate_videos, lambda: genai.nothing,\n"
        "            lambda: types.LiveServerMessage(), lambda: __import__('google.genai._live_converters')):\n"
        "    try:\n        use()\n    except (AttributeError, ImportError, ValueError) as error:\n"
        "        print(type(error).__name__)\n"
        "try:\n    from google.genai import nowhere\nexcept ImportError:\n    print('ImportError')\n"
    )
    assert result.stdout.decode().split("\n")[:-1] == [
        "False None True",
        *("AttributeError", "AttributeError", "AttributeError"),
        *("UnsupportedNameError", "ModuleNotFoundError", "ImportError"),
    ]
    first, *rest = result.stderr.decode().splitlines()
    assert "does not have" in first
    assert [line.split()[0] for line in rest] == [
        "client.live",
        "client.aio.models.generate_videos",
        "nothing",
        "types.LiveServerMessage",
        "_live_converters",
        "nowhere",
    ]
    assert "generate_content_stream" in rest[0]
    assert all(len(line.split(maxsplit=1)[1]) > 20 for line in rest)


TESTS = """
from google import genai
from google.genai import types

def test_it_is_headwater():
    assert genai.Client.__module__.startswith("headwater.")

def test_a_missing_name_is_an_error():
    types.TuningJob()
"""


@pytest.mark.parametrize(
    ("arguments", "options"),
    [(("run", "-m", "pytest"), {}), (("-m", "pytest"), {"PYTEST_ADDOPTS": "-p headwater.pytest_plugin"})],
    ids=["headwater run -m pytest", "PYTEST_ADDOPTS"],
)
def test_tests_written_for_google_genai_run(tmp_path: Path, arguments: Any, options: Any) -> None:
    """With the command, or with a plugin alone; what is missing is listed once, and only what was used."""
    (tmp_path / "test_theirs.py").write_text(TESTS, "utf-8")
    (tmp_path / "conftest.py").write_text(
        "import google.genai.types\nassert 'headwater' in repr(google.genai.types.Part)"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", "utf-8")  # many projects have that
    program = [str(Path(sys.executable).with_name("headwater"))] if arguments[0] == "run" else [sys.executable]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    told = subprocess.run(
        [*program, *arguments, "-q", "-p", "no:cacheprovider", "test_theirs.py"],
        cwd=tmp_path,
        env=clean | options,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 failed, 1 passed" in told.stdout, told.stdout + told.stderr
    assert (told.stdout + told.stderr).count("  types.TuningJob  ") == 1
    assert told.returncode == 1


def test_packages_that_google_genai_imports_are_there_without_an_import(program: Any) -> None:
    """Programs use PIL.Image and google.auth.credentials, since google-genai imports them; here on first use."""
    result = program(
        "import sys, PIL\nfrom google import genai\nimport google\nprint('PIL.Image' in sys.modules)\n"
        "print(PIL.Image.new('RGB', (1, 2)).size, google.auth.credentials.Credentials.__name__)\n"
        "print(hasattr(PIL, 'Nothing'), hasattr(google, 'nothing'))\n"
    )
    assert result.stdout.decode().split("\n")[:-1] == ["False", "(1, 2) Credentials", "False False"]


def test_the_program_sees_what_python_would_show_it(program: Any, tmp_path: Path) -> None:
    """Arguments, names and the search path are those of ``python program.py``."""
    (tmp_path / "beside.py").write_text("here = True")
    source = "import sys, beside, __main__\nprint(sys.argv, __name__, __file__, beside.here, __main__.sys is sys)\n"
    ours = program(source, "--offline", "-x", "a b")
    theirs = subprocess.run(
        [sys.executable, "program.py", "--offline", "-x", "a b"], cwd=tmp_path, capture_output=True, check=True
    )
    assert ours.stdout == theirs.stdout


@pytest.mark.parametrize(
    ("source", "code", "last"),
    [
        ("import sys; sys.exit(7)", 7, b""),
        ("import sys; sys.exit('it is over')", 1, b"it is over"),
        ("raise SystemExit", 0, b""),
        ("pass", 0, b""),
        ("x = = 1", 1, b"SyntaxError: invalid syntax"),
        ("import click; raise click.UsageError('its own')", 1, b"click.exceptions.UsageError: its own"),
    ],
)
def test_the_exit_code_is_the_programs(program: Any, source: Any, code: Any, last: Any) -> None:
    """It ends as the program ended."""
    result = program(source)
    assert (result.returncode, (result.stderr.splitlines() or [b""])[-1]) == (code, last)


@pytest.mark.parametrize("source", ["def f():\n    1 / 0\nf()\n", "await __import__('asyncio').sleep(0)\n1 / 0\n"])
def test_a_traceback_begins_in_the_program(program: Any, source: Any, tmp_path: Path) -> None:
    """What a program raises is shown as python shows it, without a frame of what ran it."""
    result = program(source)
    files = re.findall(r'File "([^"]*)"', result.stderr.decode())
    assert result.returncode == 1
    assert set(files) == {str(tmp_path / "program.py")}
    assert result.stderr.endswith(b"ZeroDivisionError: division by zero\n")


def test_a_module(program: Any) -> None:
    """``-m`` runs a module, its arguments behind it."""
    result = program("import sys; print(__name__, sys.argv[1:])", name="a.py", options=("--offline", "-m", "a"))
    assert (result.returncode, result.stdout) == (0, b"__main__ ['a.py']\n")


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_ends_it_as_it_ends_python(program: Any) -> None:
    """The program dies by the signal, after its traceback and its ``finally``: a shell then stops its loop."""
    result = program(
        "import atexit, os, signal, time\natexit.register(print, 'the end')\n"
        "try:\n    os.kill(os.getpid(), signal.SIGINT); time.sleep(20)\nfinally:\n    print('tidy')\n"
    )
    assert (result.returncode, result.stdout) == (-signal.SIGINT, b"tidy\nthe end\n")
    assert result.stderr.endswith(b"KeyboardInterrupt\n")


def test_without_a_program_it_says_what_it_needs(run: Any) -> None:
    """No program, or one that is not there, is a usage error."""
    assert run("run").returncode == run("run", "--offline", "not-there.py").returncode == 2
