"""``headwater chat``: a conversation in the terminal, or one line after another from a pipe."""

from __future__ import annotations

import contextlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.answers import show, teller
from headwater.cli.exits import EPILOG, Exit
from headwater.cli.options import Options, shared_options
from headwater.cli.prompts import as_text
from headwater.cli.screen import Screen

if TYPE_CHECKING:
    from headwater.genai import Client, Stream
    from headwater.types import Content

_HELP = """\
/reset         forget the conversation
/system TEXT   change the system instruction; without TEXT drop it
/model NAME    go on with another model; without NAME say which it is
/save FILE     save the conversation as JSON
/exit          leave (so does Ctrl-D)
Ctrl-C stops an answer. What had come of it stays in the conversation."""
_COMMAND = re.compile(r"/([a-z]+)(?:\s+(.*))?$", re.DOTALL)


@click.command(epilog=EPILOG)
@shared_options
def chat(**given: Any) -> Exit:
    """Hold a conversation.

    Ctrl-C stops the answer, not the program; /help lists the commands. From a pipe each line is a message, and the
    first failure ends the conversation.
    """
    options = Options(**given)
    screen = Screen(markdown=options.markdown)
    talk = Conversation(options.connect(screen), options, screen)
    if sys.stdin is not None and sys.stdin.isatty():
        return _talk_with_a_person(talk, screen)
    return _talk_with_a_pipe(talk)


def _talk_with_a_person(talk: Conversation, screen: Screen) -> Exit:
    with contextlib.suppress(ImportError):
        if screen.shows_answers:
            import readline  # noqa: F401 - input() then edits lines and remembers them
    screen.note("/help lists the commands, Ctrl-D leaves")
    warned = False
    while True:
        try:
            line = _read_line(screen)
        except EOFError:
            screen.after_interrupt()
            return Exit.OK
        except KeyboardInterrupt:
            screen.after_interrupt()
            if warned:
                return Exit.INTERRUPTED
            warned = True
            screen.note("press Ctrl-C again to leave, or go on")
            continue
        warned = False
        try:
            talk.take(line)
        except KeyboardInterrupt:  # between two steps of an answer
            screen.after_interrupt()
        except _Leave:
            return Exit.OK


def _talk_with_a_pipe(talk: Conversation) -> Exit:
    for line in sys.stdin.buffer if sys.stdin is not None else ():
        try:
            code = talk.take(as_text(line))
        except _Leave:
            break
        if code is not Exit.OK:
            return code
    return Exit.OK


def _read_line(screen: Screen) -> str:
    if screen.shows_answers:
        return input("> ")
    sys.stderr.write("> ")  # standard output goes elsewhere and holds answers only
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line


class _Leave(Exception):
    """The person wants to go."""


class Conversation:
    """The turns so far, and how the next one is asked. Lives as long as the program."""

    def __init__(self, client: Client, options: Options, screen: Screen) -> None:
        self._client = client
        self._options = options
        self._screen = screen
        self._turns: list[Content] = []

    def take(self, line: str) -> Exit:
        """Carry out a line: a command, or a message whose answer is shown."""
        line = line.strip()
        command = _COMMAND.match(line)
        if command:
            return self._obey(command[1], (command[2] or "").strip())
        return self._say(line) if line else Exit.OK

    def _say(self, message: str) -> Exit:
        from headwater.types import Content, Part

        text = message.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        question = Content(role="user", parts=[Part(text=text)])
        stream = self._client.models.generate_content_stream(
            model=self._options.model,
            contents=[*self._turns, question],
            config=self._options.config(),
            on_retry=teller(self._screen),
        )
        code = show(stream, self._screen, stats=self._options.stats)
        self._screen.end(always=True)
        self._remember(question, stream, code)
        return code

    def _remember(self, question: Content, stream: Stream, code: Exit) -> None:
        """Keep what was seen, a stopped answer as well; forget an exchange that was blocked or had no answer."""
        candidates = stream.response.candidates
        answer = candidates[0].content if candidates else None
        if code is not Exit.BLOCKED and answer is not None and answer.parts:
            self._turns += [question, answer]

    def _obey(self, command: str, argument: str) -> Exit:
        match command:
            case "exit" | "quit":
                raise _Leave
            case "help":
                self._screen.note(_HELP)
            case "reset":
                self._turns.clear()
                self._screen.note("the conversation begins anew")
            case "system":
                self._options.system = argument or None
                self._screen.note("the system instruction is " + ("changed" if argument else "gone"))
            case "model":
                self._options.model = argument or self._options.model
                self._screen.note(f"the model is {self._options.model}")
            case "save":
                return self._save(argument)
            case _:
                self._screen.error(f"there is no command /{command}: /help lists them")
                return Exit.USAGE
        return Exit.OK

    def _save(self, name: str) -> Exit:
        import msgspec

        if not name:
            self._screen.error("where to? /save FILE")
            return Exit.USAGE
        data = msgspec.json.format(msgspec.json.encode(self._turns), indent=2)
        try:
            Path(name).expanduser().write_bytes(data + b"\n")
        except OSError as error:
            self._screen.error(f"cannot save to {name!r}: {error.strerror}")
            return Exit.FAILED
        self._screen.note(f"saved {len(self._turns)} turns to {name}")
        return Exit.OK
