"""``headwater run``: runs a program written for google-genai, unedited, with headwater in its place."""

from __future__ import annotations

import ast
import atexit
import builtins
import inspect
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event
from types import CodeType, ModuleType, TracebackType

import click

from headwater import unsupported

#: Modules whose frames do not belong to the program that is run.
_OWN_MODULES = (__name__, "runpy", "asyncio.runners", "asyncio.base_events")


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    short_help="Run a program written for google-genai.",
)
@click.option("--offline", is_flag=True, help="Use the built-in offline engine: no model, no key, no network.")
@click.option("-m", "module", metavar="MODULE", help="Run a module, as python -m does.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[SCRIPT] [ARGUMENTS]...")
def run(offline: bool, module: str | None, arguments: tuple[str, ...]) -> None:
    """Run a Python program with headwater in place of `google.genai`.

    The program is not changed, and google-genai does not have to be installed. Names that the program used and
    headwater does not have are listed at the end, on stderr. The exit code is the program's.

    Scripts exported from notebooks run too: `await` is allowed outside functions. With `-m pytest` tests run so, in
    every process that pytest starts; `pytest -p headwater.pytest_plugin` does the same.
    """
    if module is None and not arguments:
        raise click.UsageError("name a program, for example: headwater run script.py")
    # Not at the top: it loads the types, which `headwater --help` has no use for.
    from headwater import import_shim

    if offline:
        # The variable may have a pace: offline:instant.
        known = os.environ.get("GOOGLE_GEMINI_BASE_URL", "")
        os.environ["GOOGLE_GEMINI_BASE_URL"] = known if known.startswith("offline:") else "offline:"
    # Before any module of the program: what is imported as google.genai once stays that.
    import_shim.install()
    if (module or Path(arguments[0]).stem) == "pytest":
        # For processes that pytest starts, as pytest-xdist does; here it finds everything in place.
        os.environ["PYTEST_ADDOPTS"] = f"{os.environ.get('PYTEST_ADDOPTS', '')} -p headwater.pytest_plugin".lstrip()
    if module is None:
        script, *rest = arguments
        program = partial(_run_script, script, _source(script))
    else:
        script, rest = module, list(arguments)
        program = partial(_run_module, module)
    sys.argv[:] = [script, *rest]
    code = _run_to_end(program)
    _report()
    raise SystemExit(code)


def _source(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise click.UsageError(f"cannot open {path!r}: {error.strerror or error}") from error


def _run_script(path: str, source: bytes) -> None:
    """Run a file as ``python file`` does."""
    # Python makes __file__ absolute since 3.9.
    path = os.path.abspath(path)
    main = ModuleType("__main__")
    main.__dict__.update(__file__=path, __builtins__=builtins, __spec__=None)
    # It stays after the program: its exit handlers, pickles and threads look up names in __main__.
    sys.modules["__main__"] = main
    sys.path[0] = str(Path(path).resolve().parent)
    code = compile(source, path, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    _execute(code, main)


def _execute(code: CodeType, main: ModuleType) -> None:
    if code.co_flags & inspect.CO_COROUTINE:
        # Not at the top, as most programs run their own loop, or none.
        import asyncio

        asyncio.run(eval(code, main.__dict__))  # noqa: S307
    else:
        exec(code, main.__dict__)  # noqa: S102


def _run_module(name: str) -> None:
    import runpy

    sys.path[0] = str(Path.cwd())
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def _run_to_end(program: Callable[[], None]) -> int | str | None:
    """Run the program; return its exit code, or the argument of ``sys.exit``."""
    interrupted = Event()
    # Exit handlers run in reverse order, so this one runs after all that the program registers.
    atexit.register(_die_of_interrupt, interrupted)
    try:
        program()
    except SystemExit as error:
        return error.code
    # Printed here and not by Python, whose traceback would begin with frames of this module.
    except BaseException as error:
        error.__traceback__ = _program_frames(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        if isinstance(error, KeyboardInterrupt):
            interrupted.set()
        return 1
    return 0


def _program_frames(trace: TracebackType | None) -> TracebackType | None:
    """The frames of a traceback that belong to the program."""
    while trace is not None and trace.tb_frame.f_globals.get("__name__") in _OWN_MODULES:
        trace = trace.tb_next
    # None for a file that does not compile: the error itself names the line.
    return trace


def _die_of_interrupt(interrupted: Event) -> None:
    """End as Python does after Ctrl-C: by the signal, so that a loop in a shell script stops too."""
    if interrupted.is_set() and os.name == "posix":
        sys.stdout.flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)


def _report() -> None:
    from headwater import import_shim

    if not import_shim.missed:
        return
    # Both may be the same terminal, where the list has to follow the program's output.
    sys.stdout.flush()
    lines = unsupported.listing(import_shim.missed)
    click.echo("\n".join(["headwater run: the program used names that headwater does not have:", *lines]), err=True)
