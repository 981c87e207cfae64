"""``headwater ask``: one question, and its answer as it streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from headwater.cli.exits import EPILOG, Exit
from headwater.cli.options import Options, shared_options
from headwater.cli.output import show, teller
from headwater.cli.prompts import asked_words, gather
from headwater.cli.screen import Screen

if TYPE_CHECKING:
    from headwater.client.options.call_options import StreamOptions


@click.command(epilog=EPILOG)
@click.argument("words", nargs=-1, metavar="[PROMPT]...")
@click.option(
    "--image",
    "images",
    multiple=True,
    metavar="FILE",
    help="Ask about this image too: a file, '-' for standard input, or a URI. Can be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print each chunk as the API sent it, one JSON object per line.")
@click.option(
    "--progress", is_flag=True, help="Show a bar: how far the answer is, how fast, and how long it will take."
)
@click.option(
    "--words",
    "length",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many words the bar goes toward (else what the prompt asks for, else --max-tokens).",
)
@shared_options
def ask(
    words: tuple[str, ...], images: tuple[str, ...], as_json: bool, progress: bool, length: int | None, **given: Any
) -> Exit:
    """Ask once and stream the answer.

    The prompt is what stands behind the options; what is piped in is added to it, or takes the place of a "-".

    \b
      headwater ask --offline "Tell me a story in 100 words."
      headwater ask Why is the sky blue?
      headwater ask "Summarize this:" < notes.txt
      headwater ask --image cat.jpg "What is in this picture?"
    """  # noqa: D301 - click's mark for lines that stay as they are
    options = Options(**given)
    contents = gather(words, images)
    screen = Screen(markdown=False if as_json else options.markdown)
    client = options.connect(screen)
    target: StreamOptions = {"on_retry": teller(screen)}
    if words_asked := length or asked_words(contents):
        target["target_words"] = words_asked
    stream = client.models.generate_content_stream(
        model=options.model, contents=contents, config=options.config(), **target
    )
    return show(stream, screen, as_json=as_json, stats=options.stats, progress=progress)
