"""``headwater ask``: one prompt, and its answer as it streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from headwater.cli.exits import EPILOG, Exit
from headwater.cli.formats.code import FirstCodeBlock
from headwater.cli.formats.schema import is_json, read_schema
from headwater.cli.options import Options, shared_options
from headwater.cli.output import retry_notes, show
from headwater.cli.prompts import build_contents, requested_words
from headwater.cli.screen import Screen

if TYPE_CHECKING:
    from headwater.cli.conversation import ChatTurn, InteractionTurn
    from headwater.client.options.call_options import StreamOptions


@click.command(epilog=EPILOG)
@click.argument("words", nargs=-1, metavar="[PROMPT]...")
@click.option("--continue", "-c", "continues", is_flag=True, help="Continue the last conversation.")
@click.option(
    "--no-save",
    is_flag=True,
    envvar="HEADWATER_NO_SAVE",
    show_envvar=True,
    help="Do not keep this conversation for --continue.",
)
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
@click.option(
    "--schema",
    metavar="SCHEMA",
    help="Make the answer JSON of this form: a JSON Schema file, or fields such as 'name: str, age: int'; "
    "in brackets, a list of them.",
)
@click.option("--extract", "-x", is_flag=True, help="Print only the first fenced code block of the answer.")
@click.option("--interactions", is_flag=True, help="Use the Interactions API, which keeps the conversation itself.")
@click.option(
    "--previous",
    metavar="ID",
    help="Continue from an interaction, by its id, which --stats prints. Implies --interactions.",
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
@click.pass_context
def ask(
    context: click.Context,
    /,
    words: tuple[str, ...],
    continues: bool,
    no_save: bool,
    files: tuple[str, ...],
    as_json: bool,
    schema: str | None,
    extract: bool,
    interactions: bool,
    previous: str | None,
    progress: bool,
    length: int | None,
    **given: Any,
) -> Exit:
    """Send one prompt and stream the answer.

    Everything after the options is the prompt. Piped input is appended, or replaces a lone "-".

    \b
      headwater ask --offline "Tell me a story in 100 words."
      headwater ask Why is the sky blue?
      headwater ask -c "And at night?"
      headwater ask "Summarize this:" < notes.txt
      headwater ask -f cat.jpg "What is in this picture?"
      headwater ask --schema "name: str, age: int" "Invent a person."
      headwater ask --interactions "Tell me about rivers."
      headwater ask --extract "Write quicksort in Python." > sort.py
    """  # noqa: D301 - \b keeps click from wrapping the lines below it
    if extract and (as_json or schema is not None):
        raise click.UsageError(f"--extract and {'--json' if as_json else '--schema'} cannot be combined")
    options = Options(schema=read_schema(schema) if schema is not None else None, **given)
    contents = build_contents(words, files)
    # What programs read is not rendered for people.
    is_data = as_json or extract or schema is not None
    screen = Screen(markdown=False if is_data else options.markdown)
    from headwater.cli import conversation  # here, since --help has no use for it

    last = conversation.last_conversation(is_interaction=interactions, previous=previous) if continues else None
    client = options.connect(screen)
    # A conversation keeps its model, unless the user names one now; the default does not count as naming.
    keep_model = context.get_parameter_source("model") is not click.core.ParameterSource.COMMANDLINE
    target: StreamOptions = {"on_retry": retry_notes(screen)}
    if target_words := length or requested_words(contents):
        target["target_words"] = target_words
    turn: ChatTurn | InteractionTurn
    if interactions or previous is not None or (last is not None and last.interaction is not None):
        turn = conversation.InteractionTurn(client, options, last, previous=previous, keep_model=keep_model)
    else:
        turn = conversation.ChatTurn(client, options, last, keep_model=keep_model)
    stream = turn.send(contents, target)
    only = FirstCodeBlock() if extract else None
    try:
        code = show(stream, screen, as_json=as_json, stats=options.stats, progress=progress, only=only)
    finally:
        # Also when `head` has closed the output.
        if not no_save:
            _keep(turn, screen)
    if code is Exit.OK and schema is not None and not is_json(stream.text):
        # Text that stops at the token limit is still an answer; JSON without its end is useless.
        screen.error("the answer is not complete JSON")
        return Exit.CUT_OFF
    return code


def _keep(turn: ChatTurn | InteractionTurn, screen: Screen) -> None:
    try:
        turn.keep()
    except OSError as error:
        # Where there is no home, as in a container, nobody is going to continue: a pipe need not hear of it.
        if screen.shows_notes:
            screen.note(f"not kept for --continue: {error.strerror}")
