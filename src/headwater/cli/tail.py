"""``headwater tail``: a stream that a server keeps, shown as it grows, through cut lines and restarts."""

from __future__ import annotations

import click

from headwater.cli.exits import EPILOG, Exit
from headwater.cli.options import MARKDOWN, SERVER, STATS, server_client
from headwater.cli.output import show, teller
from headwater.cli.screen import Screen


@click.command(epilog=EPILOG)
@click.argument("name")
@click.option(
    "--after",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Leave out its first N events.",
)
@click.option("--json", "as_json", is_flag=True, help="Print each chunk as it came, one JSON object per line.")
@MARKDOWN
@STATS
@SERVER
def tail(name: str, after: int, *, as_json: bool, markdown: bool | None, stats: bool, base_url: str) -> Exit:
    """Follow a stream that a headwater server keeps.

    NAME is what the server called it: client.streams.start(...).name, or what POST /v1/streams answered. Cut lines and
    restarts of the server are waited out. Ctrl-C leaves the stream; it goes on.

    \b
      headwater tail 0Wk7Zr1mSgq2cF3nVb9xLdPtYhEoUaIj
    """  # noqa: D301 - click's mark for lines that stay as they are
    screen = Screen(markdown=False if as_json else markdown)
    stream = server_client(base_url).streams.attach(name, after, on_retry=teller(screen))
    code = show(stream, screen, as_json=as_json, stats=stats)
    if code is not Exit.INTERRUPTED:
        return code
    if stream.ending is not None and stream.ending.reason == "stopped":
        screen.error("the stream was stopped")
        return Exit.CUT_OFF
    screen.note(f"the stream goes on: headwater tail --after {after + stream.metrics.chunks} -- {name}")
    return code
