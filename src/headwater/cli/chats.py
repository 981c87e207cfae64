"""``headwater chats``: lists, shows, exports, renames and deletes the chats saved on a headwater server."""

from __future__ import annotations

import itertools
import shutil
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headwater.cli.exits import EPILOG, Exit
from headwater.cli.options import MARKDOWN, ONCE, SERVER, explain_missing_server, server_client
from headwater.cli.screen import Screen, has_rich
from headwater.contract.paths import CHATS
from headwater.errors import UsageError, api_error
from headwater.views.escape import escape_controls

if TYPE_CHECKING:
    from headwater.contract.chats import SavedChatInfo
    from headwater.genai import Client

#: Chats per request when all of them are needed.
_PAGE = 1000
#: The least number of characters of an id that is shown.
_SHORT = 8


@click.group(epilog=EPILOG, invoke_without_command=True)
@click.pass_context
def chats(context: click.Context) -> None:
    """Manage chats saved on a headwater server.

    They are the chats of its web page and of `headwater chat --continue`. ID can be any unambiguous prefix.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@chats.command("list", epilog=EPILOG)
@click.argument("query", nargs=-1)
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, metavar="N", help="List the latest N chats."
)
@click.option("--json", "as_json", is_flag=True, help="Print each chat as one JSON object per line.")
@SERVER
def list_chats(query: tuple[str, ...], limit: int, *, as_json: bool, base_url: str) -> Exit:
    """List chats, the most recently changed first.

    With QUERY, only chats containing words that start with it.
    """
    screen, words = Screen(), " ".join(query)
    with explain_missing_server(base_url):
        # One more than is shown tells whether there are more.
        pager = _client(base_url).chats.list(words or None, page_size=min(limit + 1, _PAGE))
        found = list(itertools.islice(pager, limit + 1))
    shown = found[:limit]
    if as_json:
        for chat in shown:
            screen.line(_as_json(chat))
    elif shown:
        _show_table(shown, screen)
    if not found and words:
        screen.note(f"no chat contains these words: {words}")
    elif not found:
        begin = f"headwater chat --base-url {base_url}, and /save there"
        screen.note(f"no chats are saved here yet: open {base_url} in a browser, or start one with {begin}")
    elif len(found) > limit:
        screen.note(f"more chats: headwater chats list --limit {limit * 4}")
    return Exit.OK


@chats.command(epilog=EPILOG)
@click.argument("id")
@MARKDOWN
@click.option("--json", "as_json", is_flag=True, help="Print the whole chat as JSON, with every branch.")
@SERVER
def show(id: str, *, markdown: bool | None, as_json: bool, base_url: str) -> Exit:
    """Show a chat (the branch selected on the page)."""
    screen = Screen(markdown=False if as_json else markdown)
    with explain_missing_server(base_url):
        client = _client(base_url)
        screen.text(client.chats.export(find(client, id).id, "json" if as_json else "markdown"))
    screen.end(always=True)
    return Exit.OK


@chats.command(epilog=EPILOG)
@click.argument("id")
@click.option(
    "--format",
    type=click.Choice(["markdown", "json"]),
    default="markdown",
    show_default=True,
    help=f"Markdown of the selected branch, or JSON of the whole chat, which POST {CHATS} imports.",
)
@click.option("--output", "-o", metavar="FILE", help="File to write; by default standard output.")
@SERVER
def export(id: str, *, format: str, output: str | None, base_url: str) -> Exit:
    """Export a chat as Markdown or JSON."""
    screen = Screen()
    with explain_missing_server(base_url):
        client = _client(base_url)
        text = client.chats.export(find(client, id).id, "json" if format == "json" else "markdown")
    if output is None or output == "-":
        screen.text(text)
        screen.end(always=True)
        return Exit.OK
    try:
        Path(output).expanduser().write_text(text, "utf-8")
    except OSError as error:
        screen.error(f"cannot write to {output!r}: {error.strerror}")
        return Exit.FAILED
    return Exit.OK


@chats.command(epilog=EPILOG)
@click.argument("id")
@click.argument("title", nargs=-1, required=True)
@SERVER
def rename(id: str, title: tuple[str, ...], *, base_url: str) -> Exit:
    """Change the title of a chat."""
    with explain_missing_server(base_url):
        client = _client(base_url)
        chat = client.chats.rename(find(client, id).id, " ".join(title))
    Screen().note(f"renamed to {chat.title!r}")
    return Exit.OK


@chats.command(epilog=EPILOG)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")
@SERVER
def delete(ids: tuple[str, ...], *, yes: bool, base_url: str) -> Exit:
    """Delete chats permanently (asks first)."""
    screen = Screen()
    with explain_missing_server(base_url):
        client = _client(base_url)
        # All are found before the first is deleted, so that one wrong id deletes nothing.
        found = {chat.id: chat for chat in find_all(client, ids)}
        if not yes and not _confirm(list(found.values())):
            screen.note("nothing was deleted")
            return Exit.OK
        for chat in found.values():
            client.chats.delete(chat.id)
    screen.note("deleted" if len(found) == 1 else f"deleted {len(found)} chats")
    return Exit.OK


def find(client: Client, start: str) -> SavedChatInfo:
    """Return the chat whose id is or starts with ``start``.

    Raises:
        NotFoundError: if there is no such chat.
        UsageError: if there are several.
    """
    return find_all(client, [start])[0]


def find_all(client: Client, starts: Sequence[str]) -> list[SavedChatInfo]:
    """Return one chat for each of ``starts``, its id or a prefix of it.

    Raises:
        NotFoundError: if there is no such chat.
        UsageError: if a prefix is ambiguous.
    """
    # The server does not search by the prefix of an id, and a list without messages is small.
    there = list(client.chats.list(page_size=_PAGE))
    return [_resolve(start, [chat for chat in there if chat.id.startswith(start)]) for start in starts]


def _resolve(start: str, found: Sequence[SavedChatInfo]) -> SavedChatInfo:
    if not found or not start:
        message = f"no chat {start!r}: see headwater chats list"
        raise api_error(404, message, status="NOT_FOUND")
    # An exact id wins: it may also be the beginning of another one.
    exact = [chat for chat in found if chat.id == start]
    if len(found) > 1 and not exact:
        some = ", ".join(f"{chat.id} ({chat.title})" for chat in found[:5])
        raise UsageError(
            f"{len(found)} chats have an id that starts with {start!r}: {some}{', ...' if len(found) > 5 else ''}"
        )
    return (exact or found)[0]


def _confirm(found: Sequence[SavedChatInfo]) -> bool:
    """Ask whether to delete these chats.

    Raises:
        click.UsageError: if standard input is not a terminal.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise click.UsageError("not interactive: pass --yes")
    names = ", ".join(escape_controls(chat.title) or chat.id for chat in found)
    return click.confirm(f"Delete {names} permanently?", err=True)


def _as_json(chat: SavedChatInfo) -> bytes:
    """All fields of a chat, null ones too, so that every line has the same fields."""
    import msgspec

    return msgspec.json.encode({name: getattr(chat, name) for name in chat.__struct_fields__})


def _show_table(found: Sequence[SavedChatInfo], screen: Screen) -> None:
    """Write one line per chat: with whole ids to a pipe, with what fits to a terminal."""
    rows = [(chat.id, _when(chat.updated), _titled(chat)) for chat in found]
    if not screen.shows_answers:
        width = max(len(name) for name, _, _ in rows)
        screen.text("".join(f"{name:{width}}  {when}  {title}\n" for name, when, title in rows))
        return
    length = _length([name for name, _, _ in rows])
    rows = [(name[:length], when, escape_controls(title)) for name, when, title in rows]
    if has_rich():
        _draw_table(rows)
        return
    # What is left of a line; titles longer than that are cut, so that each chat stays on one line.
    room = max(20, shutil.get_terminal_size().columns - length - len(rows[0][1]) - 4)
    lines = [(name, when, title if len(title) <= room else f"{title[: room - 1]}…") for name, when, title in rows]
    screen.text("".join(f"{name:{length}}  {when}  {title}\n" for name, when, title in lines))


def _draw_table(rows: Sequence[tuple[str, str, str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for style, cell in zip(("cyan", "dim"), rows[0], strict=False):
        table.add_column(style=style, no_wrap=True, min_width=len(cell))
    table.add_column(no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(highlight=False).print(table)


def _length(ids: Sequence[str]) -> int:
    """How many characters of these ids distinguish them."""
    longest = max(len(name) for name in ids)
    return next((n for n in range(_SHORT, longest) if len({name[:n] for name in ids}) == len(ids)), longest)


def _titled(chat: SavedChatInfo) -> str:
    title = " ".join(chat.title.split())
    return f"{title} (answering)" if chat.running else title


def _when(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M") if moment is not None else " " * 16


def _client(url: str) -> Client:
    return server_client(url, retry_options=ONCE)
