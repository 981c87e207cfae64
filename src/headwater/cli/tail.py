"""``headwater tail``: follows a stored stream, through lost connections and restarts of the server."""

from __future__ import annotations

import click

from headwater.cli.exits import EPILOG, Exit
from headwater.cli.options import MARKDOWN, ONCE, SERVER, STATS, explain_missing_server, server_client
from headwater.cli.output import retry_status, show
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
    client = server_client(base_url, retry_options=ONCE)
    # A stream that was seen is worth waiting for. Before that, a wrong address or name should fail at once.
    with explain_missing_server(base_url):
        client.streams.get(name)
    stream = client.streams.attach(name, after, on_retry=retry_status(screen))
    # Ctrl-C ends the reading and not the stream, which is said below.
    code = show(stream, screen, as_json=as_json, stats=stats, marks_stop=False)
    if code is not Exit.INTERRUPTED:
        return code
    if stream.ending is not None and stream.ending.reason == "stopped":
        screen.error("the stream was stopped")
        return Exit.CUT_OFF
    screen.note(
        f"the stream continues; to follow it again: headwater tail --after {after + stream.metrics.chunks} -- {name}"
    )
    return code
