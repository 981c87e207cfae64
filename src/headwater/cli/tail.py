"""``headwater tail``: a stream that a server keeps, shown as it grows, through cut lines and restarts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.answers import show, teller
from headwater.cli.exits import EPILOG, Exit
from headwater.cli.options import KEYS, MARKDOWN, STATS, address
from headwater.cli.screen import Screen

if TYPE_CHECKING:
    from headwater.genai import Client

_URL = "http://127.0.0.1:8080"


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
@click.option(
    "--base-url",
    callback=address,
    metavar="URL",
    envvar="GOOGLE_GEMINI_BASE_URL",
    default=_URL,
    show_default=True,
    help="The headwater server that has it, or one that shares its log (else GOOGLE_GEMINI_BASE_URL).",
)
def tail(name: str, after: int, *, as_json: bool, markdown: bool | None, stats: bool, base_url: str) -> Exit:
    """Follow a stream that a headwater server keeps.

    NAME is what the server called it: client.streams.start(...).name, or what POST /v1/streams answered. Cut lines and
    restarts of the server are waited out. Ctrl-C leaves the stream; it goes on.

    \b
      headwater tail 0Wk7Zr1mSgq2cF3nVb9xLdPtYhEoUaIj
    """  # noqa: D301 - click's mark for lines that stay as they are
    screen = Screen(markdown=False if as_json else markdown)
    stream = _client(base_url).streams.attach(name, after, on_retry=teller(screen))
    code = show(stream, screen, as_json=as_json, stats=stats)
    if code is not Exit.INTERRUPTED:
        return code
    if stream.ending is not None and stream.ending.reason == "stopped":
        screen.error("the stream was stopped")
        return Exit.CUT_OFF
    screen.note(f"the stream goes on: headwater tail --after {after + stream.metrics.chunks} -- {name}")
    return code


def _client(url: str) -> Client:
    from headwater import genai

    key = None if any(os.environ.get(name, "").strip() for name in KEYS) else "none"  # a server may need none
    options: dict[str, Any] = {"base_url": url}
    return genai.Client(http_options=options, api_key=key)
