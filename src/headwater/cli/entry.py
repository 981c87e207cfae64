"""The program ``headwater``: its commands, and the one place where errors become exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from headwater import __version__
from headwater.cli.ask import ask
from headwater.cli.cassettes import diff, inspect, record, replay
from headwater.cli.chat import chat
from headwater.cli.chats import chats
from headwater.cli.exits import EPILOG, Exit, exit_for, explain
from headwater.cli.models import models
from headwater.cli.option_groups import SectionedGroup
from headwater.cli.run import run
from headwater.cli.screen import OutputClosed, Screen, forget_output
from headwater.cli.serve import serve
from headwater.cli.tail import tail
from headwater.errors import HeadwaterError

#: For each shell, the line that turns on completion, and the file that it belongs in. They are click's own.
_SHELLS = {
    "bash": ('eval "$(_HEADWATER_COMPLETE=bash_source headwater)"', "~/.bashrc"),
    "zsh": ('eval "$(_HEADWATER_COMPLETE=zsh_source headwater)"', "~/.zshrc"),
    "fish": ("_HEADWATER_COMPLETE=fish_source headwater | source", "~/.config/fish/completions/headwater.fish"),
}


@click.command(epilog=EPILOG)
@click.argument("shell", type=click.Choice(list(_SHELLS)), required=False)
def completion(shell: str | None) -> None:
    """Print the line that turns on completion.

    It belongs in the start-up file of your shell, which is the one of SHELL unless you name another.

    \b
      headwater completion bash >> ~/.bashrc
    """  # noqa: D301 - \b keeps click from wrapping the lines below it
    shell = shell or os.path.basename(os.environ.get("SHELL", ""))
    if shell not in _SHELLS:
        raise click.UsageError(f"name your shell: {', '.join(_SHELLS)}")
    line, file = _SHELLS[shell]
    click.echo(line)
    # Only for a person: with >> the line is where it belongs.
    if sys.stdout is not None and sys.stdout.isatty():
        Screen().note(f"add this line to {file}")


#: The sections of the help, and the commands in them.
_SECTIONS = {
    "Ask a model": (ask, chat, models),
    "Run a server": (serve, chats, tail),
    "Existing programs": (run,),
    "Tests": (record, replay, inspect, diff),
    "Your shell": (completion,),
}


@click.group(
    cls=SectionedGroup,
    sections={title: tuple(command.name or "" for command in commands) for title, commands in _SECTIONS.items()},
    invoke_without_command=True,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, "--version", "-V", message="headwater %(version)s")
@click.pass_context
def headwater(context: click.Context) -> None:
    """Stream answers from the Gemini API to the terminal.

    The key comes from GEMINI_API_KEY. Without one, try: headwater ask --offline "Tell me a story."
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for _commands in _SECTIONS.values():
    for _command in _commands:
        headwater.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the program with its exit code."""
    sys.exit(int(_run(arguments)))


def _run(arguments: Sequence[str] | None) -> int:
    # Not in standalone mode, where click would print errors and exit by its own rules.
    try:
        code = headwater.main(arguments, prog_name="headwater", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        # Outside of an answer: while a command starts, reads its input or asks for confirmation.
        Screen().after_interrupt()
        return Exit.INTERRUPTED
    except OutputClosed:
        # `headwater ask ... | head` is not an error.
        forget_output()
        return Exit.OK
    except HeadwaterError as error:
        Screen().error(explain(error))
        return exit_for(error)
    # Errors of the network are HeadwaterErrors. What is left is output that cannot be written, as on a full disk.
    except OSError as error:
        Screen().error(f"cannot write the answer: {error.strerror or explain(error)}")
        return Exit.FAILED
    except Exception as error:
        # A bug of ours: one line as well, since whoever runs the command cannot do much with a traceback.
        Screen().error(f"unexpected {type(error).__name__}: {explain(error)} (HEADWATER_DEBUG=1 shows where)")
        return Exit.FAILED
    return code if isinstance(code, int) else Exit.OK
