"""``headwater record``, ``replay``, ``inspect`` and ``diff``: recorded exchanges on the command line."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import click

from headwater.cli.exits import EPILOG, Exit
from headwater.cli.screen import Screen

_DIRECTORY = click.Path(path_type=Path)


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}, epilog=EPILOG)
@click.option("--to", "directory", type=_DIRECTORY, default="cassette", show_default=True, help="The cassette.")
@click.option("--upstream", metavar="URL", help="The API that is recorded; Google's or OpenAI's by default.")
@click.option("--hide-texts", is_flag=True, help="Write requests without their texts.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def record(directory: Path, upstream: str | None, hide_texts: bool, command: tuple[str, ...]) -> int:
    """Run a program and record its requests and responses, with their timing.

    The program finds the recorder by GOOGLE_GEMINI_BASE_URL and OPENAI_BASE_URL. Keys, tokens, cookies and e-mail
    addresses are not written. Requests that the cassette has are replayed, others are added.

    \b
      headwater record -- python program.py
      headwater record --to tape -- pytest -k chat
    """  # noqa: D301 - \b keeps click from wrapping the lines below it
    from headwater.testing import cassette
    from headwater.testing.loopback import base_urls

    with cassette(directory, upstream=upstream, mode="new", hide_texts=hide_texts) as server:
        before = len(server.cassette.exchanges)
        try:
            code = subprocess.run(command, env={**os.environ, **base_urls(server.url)}, check=False).returncode  # noqa: S603
        except OSError as error:
            raise click.UsageError(f"cannot run {command[0]}: {error.strerror}") from error
    Screen().note(f"exchanges recorded in {directory}: {len(server.cassette.exchanges) - before}")
    return code


@click.command(epilog=EPILOG)
@click.argument("directory", type=_DIRECTORY)
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes any free one.")
@click.option("--speed", type=click.FloatRange(min=0, min_open=True), help="Keep the timing, but N times as fast.")
def replay(directory: Path, port: int, speed: float | None) -> Exit:
    """Serve the exchanges of a cassette, to any client.

    DIRECTORY is a cassette, a directory of recorded cases, or a file of vcrpy. A request that was not recorded gets an
    error that says what differs.

    \b
      headwater replay tape --speed 1
    """  # noqa: D301 - \b keeps click from wrapping the lines below it
    import threading

    from headwater.testing.recorder import CassetteServer

    tape = _open(directory)
    with CassetteServer(tape, speed=speed, port=port) as server:
        Screen().note(f"Replaying {directory} on {server.url} (Ctrl-C stops it)")
        threading.Event().wait()
    return Exit.OK


@click.command(epilog=EPILOG)
@click.argument("directory", type=_DIRECTORY)
@click.option("--bodies", is_flag=True, help="Print the bodies of the responses, too.")
def inspect(directory: Path, bodies: bool) -> Exit:
    """List the exchanges of a cassette."""
    from headwater.testing.cassettes import describe

    for number, exchange in enumerate(_open(directory).exchanges, 1):
        click.echo(f"{number:4d}  {describe(exchange)}")
        if bodies:
            click.echo(exchange.body.decode("utf-8", "replace"))
    return Exit.OK


@click.command(epilog=EPILOG)
@click.argument("one", type=_DIRECTORY)
@click.argument("other", type=_DIRECTORY)
def diff(one: Path, other: Path) -> Exit:
    """Show how two cassettes differ: requests, statuses and bodies, in their order. Times are not compared.

    The exit code is 1 if they differ.
    """
    from headwater.testing.cassettes import differences

    found = differences(_open(one), _open(other))
    for line in found:
        click.echo(line)
    return Exit.FAILED if found else Exit.OK


def _open(directory: Path) -> Any:
    from headwater.testing import Cassette

    tape = Cassette(directory)
    if not tape.exchanges:
        raise click.UsageError(f"there is no recorded exchange in {directory}")
    return tape
