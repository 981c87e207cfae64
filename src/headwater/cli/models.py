"""``headwater models``: the models that can be asked, and their limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from headwater.cli.exits import EPILOG, Exit
from headwater.cli.options import BASE_URL, OFFLINE, TIMEOUT, Options
from headwater.cli.screen import Screen
from headwater.views.escape import escape_controls

if TYPE_CHECKING:
    from headwater.types import Model


@click.command(epilog=EPILOG)
@click.option("--json", "as_json", is_flag=True, help="Print each model as one JSON object per line.")
@OFFLINE
@BASE_URL
@TIMEOUT
def models(*, as_json: bool, offline: bool, base_url: str | None, timeout: float | None) -> Exit:
    """List the models of the API: name, display name, and limits in tokens."""
    import msgspec

    screen = Screen()
    client = Options(offline=offline, base_url=base_url, timeout=timeout).connect(screen)
    found = list(client.models.list())
    if as_json:
        for model in found:
            screen.line(msgspec.json.encode(model))
    elif found:
        screen.text(_table(found, is_terminal=screen.shows_answers))
    else:
        screen.note("the API lists no models")
    return Exit.OK


def _table(found: list[Model], *, is_terminal: bool) -> str:
    rows = [(_short_name(model), model.display_name or "", _limits(model)) for model in found]
    if is_terminal:
        rows = [(escape_controls(name), escape_controls(title), limits) for name, title, limits in rows]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"{name:{widths[0]}}  {title:{widths[1]}}  {limits}".rstrip() for name, title, limits in rows]
    return "".join(f"{line}\n" for line in lines)


def _short_name(model: Model) -> str:
    """The name as --model takes it."""
    return " ".join((model.name or "").removeprefix("models/").split())


def _limits(model: Model) -> str:
    limits = ((model.input_token_limit, "in"), (model.output_token_limit, "out"))
    return ", ".join(f"{tokens:,} {way}" for tokens, way in limits if tokens)
