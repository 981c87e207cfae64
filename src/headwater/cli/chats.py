"""``headwater chats``: the chats that a headwater server keeps, listed, shown, written to files, renamed, deleted."""

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
from headwater.cli.options import MARKDOWN, SERVER, calling, server_client
from headwater.cli.screen import Screen, has_rich
from headwater.contract.paths import CHATS
from headwater.errors import UsageError, api_error
from headwater.views.escape import escape_controls

if TYPE_CHECKING:
    from headwater.contract.chats import SavedChatInfo
    from headwater.genai import Client

#: So many chats come with one request where all of them are looked at.
_PAGE = 1000
#: The fewest letters of an id that are shown.
_SHORT = 8
#: A server that is there answers at once; one that is not is not waited for.
_ONCE = {"attempts": 2, "initial_delay": 0.2, "jitter": 0.1}


@click.group(epilog=EPILOG, invoke_without_command=True)
@click.pass_context
def chats(context: click.Context) -> None:
    """See to the chats that a headwater server keeps.

    They are those of its page, and of `headwater chat --continue`. ID may be the beginning of an id, where only one
    begins so.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@chats.command("list", epilog=EPILOG)
@click.argument("query", nargs=-1)
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, metavar="N", help="List the last N chats."
)
@click.option("--json", "as_json", is_flag=True, help="Print each chat as one JSON object per line.")
@SERVER
def list_chats(query: tuple[str, ...], limit: int, *, as_json: bool, base_url: str) -> Exit:
    """List chats, the last changed first.

    With QUERY those that have its words, by how they begin.
    """
    screen, words = Screen(), " ".join(query)
    with calling(base_url):
        pager = _client(base_url).chats.list(words or None, page_size=min(limit + 1, _PAGE))
        found = list(itertools.islice(pager, limit + 1))
    shown = found[:limit]
    if as_json:
        for chat in shown:
            screen.line(_as_json(chat))
    elif shown:
        _show_table(shown, screen)
    if not found and words:
        screen.note(f"no chat has these words: {words}")
    elif not found:
        begin = f"headwater chat --base-url {base_url}, and /save there"
        screen.note(f"no chats are saved here yet: open {base_url} in a browser, or begin one with {begin}")
    elif len(found) > limit:
        screen.note(f"there are more: headwater chats list --limit {limit * 4}")
    return Exit.OK


@chats.command(epilog=EPILOG)
@click.argument("id")
@MARKDOWN
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON, with every branch.")
@SERVER
def show(id: str, *, markdown: bool | None, as_json: bool, base_url: str) -> Exit:
    """Show a chat, the branch that is shown on the page, too."""
    screen = Screen(markdown=False if as_json else markdown)
    with calling(base_url):
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
    help=f"Markdown of the branch that is shown, or JSON of all of it, which POST {CHATS} takes.",
)
@click.option("--output", "-o", metavar="FILE", help="Write it to FILE, else to standard output.")
@SERVER
def export(id: str, *, format: str, output: str | None, base_url: str) -> Exit:
    """Write a chat as Markdown or JSON."""
    screen = Screen()
    with calling(base_url):
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
    """Give a chat another title."""
    with calling(base_url):
        client = _client(base_url)
        chat = client.chats.rename(find(client, id).id, " ".join(title))
    Screen().note(f"the chat is now {chat.title!r}")
    return Exit.OK


@chats.command(epilog=EPILOG)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@SERVER
def delete(ids: tuple[str, ...], *, yes: bool, base_url: str) -> Exit:
    """Delete chats for good, after a question."""
    screen = Screen()
    with calling(base_url):
        client = _client(base_url)
        found = {chat.id: chat for chat in find_all(client, ids)}
        if not yes and not _agrees(list(found.values())):
            screen.note("nothing was deleted")
            return Exit.OK
        for chat in found.values():
            client.chats.delete(chat.id)
    screen.note("deleted" if len(found) == 1 else f"deleted {len(found)} chats")
    return Exit.OK


def find(client: Client, start: str) -> SavedChatInfo:
    """Return the chat whose id is, or begins with, ``start``.

    Raises:
        NotFoundError: there is none.
        UsageError: there are several.
    """
    return find_all(client, [start])[0]


def find_all(client: Client, starts: Sequence[str]) -> list[SavedChatInfo]:
    """Return the chats whose ids begin so, each start one chat.

    Raises:
        NotFoundError: there is none that begins so.
        UsageError: there are several.
    """
    there = list(client.chats.list(page_size=_PAGE))
    return [_only(start, [chat for chat in there if chat.id.startswith(start)]) for start in starts]


def _only(start: str, found: Sequence[SavedChatInfo]) -> SavedChatInfo:
    if not found or not start:
        message = f"there is no chat {start!r}: headwater chats list says which there are"
        raise api_error(404, message, status="NOT_FOUND")
    exact = [chat for chat in found if chat.id == start]
    if len(found) > 1 and not exact:
        some = ", ".join(f"{chat.id} ({chat.title})" for chat in found[:5])
        raise UsageError(f"{len(found)} chats begin with {start!r}: {some}{', ...' if len(found) > 5 else ''}")
    return (exact or found)[0]


def _agrees(found: Sequence[SavedChatInfo]) -> bool:
    """Ask whether these are to go.

    Raises:
        click.UsageError: nobody is there to be asked.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here: add --yes")
    names = ", ".join(escape_controls(chat.title) or chat.id for chat in found)
    return click.confirm(f"Delete {names} for good?", err=True)


def _as_json(chat: SavedChatInfo) -> bytes:
    """Everything that the server says of a chat, also where that is nothing."""
    import msgspec

    return msgspec.json.encode({name: getattr(chat, name) for name in chat.__struct_fields__})


def _show_table(found: Sequence[SavedChatInfo], screen: Screen) -> None:
    """Write the chats, one to a line: in a pipe their whole ids first, at a terminal what fits."""
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
    """How many letters of these ids tell them apart."""
    longest = max(len(name) for name in ids)
    return next((n for n in range(_SHORT, longest) if len({name[:n] for name in ids}) == len(ids)), longest)


def _titled(chat: SavedChatInfo) -> str:
    title = " ".join(chat.title.split())
    return f"{title} (answering)" if chat.running else title


def _when(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M") if moment is not None else " " * 16


def _client(url: str) -> Client:
    return server_client(url, retry_options=_ONCE)
