"""``headwater ask``: one prompt, and its answer as it streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from headwater.cli.exits import EPILOG, Exit
from headwater.cli.options import Options, shared_options
from headwater.cli.output import retry_notes, show
from headwater.cli.prompts import build_contents, requested_words
from headwater.cli.screen import Screen

if TYPE_CHECKING:
    from headwater.client.options.call_options import StreamOptions


@click.command(epilog=EPILOG)
@click.argument("words", nargs=-1, metavar="[PROMPT]...")
@click.option(
    "--file",
    "--image",
    "-f",
    "files",
    multiple=True,
    metavar="FILE",
    help="File to include (image, PDF, text, audio, video): a path, '-' for standard input, or a URI. Repeatable.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print each chunk as the API sent it, as one JSON object per line."
)
@click.option("--progress", is_flag=True, help="Show a progress bar with speed and time remaining.")
@click.option(
    "--words",
    "length",
    type=click.IntRange(min=1),
    metavar="N",
    help="Target length for the progress bar, in words; by default what the prompt asks for, else the token limit.",
)
@shared_options
def ask(
    words: tuple[str, ...], files: tuple[str, ...], as_json: bool, progress: bool, length: int | None, **given: Any
) -> Exit:
    """Send one prompt and stream the answer.

    Everything after the options is the prompt. Piped input is appended, or replaces a lone "-".

    \b
      headwater ask --offline "Tell me a story in 100 words."
      headwater ask Why is the sky blue?
      headwater ask "Summarize this:" < notes.txt
      headwater ask -f cat.jpg "What is in this picture?"
    """  # noqa: D301 - \b keeps click from wrapping the lines below it
    options = Options(**given)
    contents = build_contents(words, files)
    screen = Screen(markdown=False if as_json else options.markdown)
    client = options.connect(screen)
    target: StreamOptions = {"on_retry": retry_notes(screen)}
    if target_words := length or requested_words(contents):
        target["target_words"] = target_words
    stream = client.models.generate_content_stream(
        model=options.model, contents=contents, config=options.config(), **target
    )
    return show(stream, screen, as_json=as_json, stats=options.stats, progress=progress)
