"""``headwater tail``: follows a stored stream, through lost connections and restarts of the server."""

from __future__ import annotations

import click

from headwater.cli.exits import EPILOG, Exit
from headwater.cli.options import MARKDOWN, SERVER, STATS, server_client
from headwater.cli.output import retry_notes, show
from headwater.cli.screen import Screen


@click.command(epilog=EPILOG)
@click.argument("name")
@click.option(
    "--after",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Skip the first N events.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print each chunk as the server sent it, as one JSON object per line."
)
@MARKDOWN
@STATS
@SERVER
def tail(name: str, after: int, *, as_json: bool, markdown: bool | None, stats: bool, base_url: str) -> Exit:
    """Follow a stream that is stored on a headwater server.

    NAME is the stream's name: client.streams.start(...).name, or from the response of POST /v1/streams. Lost
    connections and restarts of the server are waited out. Ctrl-C disconnects; the stream continues.

    \b
      headwater tail 0Wk7Zr1mSgq2cF3nVb9xLdPtYhEoUaIj
    """  # noqa: D301 - \b keeps click from wrapping the lines below it
    screen = Screen(markdown=False if as_json else markdown)
    # Retries are announced, as a restart of the server can take a while.
    stream = server_client(base_url).streams.attach(name, after, on_retry=retry_notes(screen))
    code = show(stream, screen, as_json=as_json, stats=stats)
    if code is not Exit.INTERRUPTED:
        return code
    if stream.ending is not None and stream.ending.reason == "stopped":
        screen.error("the stream was stopped")
        return Exit.CUT_OFF
    screen.note(
        f"the stream continues; to follow it again: headwater tail --after {after + stream.metrics.chunks} -- {name}"
    )
    return code
