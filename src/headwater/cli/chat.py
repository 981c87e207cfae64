"""``headwater chat``: a conversation in the terminal, or one line after another from a pipe."""

from __future__ import annotations

import contextlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.chats import find
from headwater.cli.exits import EPILOG, Exit, exit_for, explain
from headwater.cli.options import Options, calling, shared_options
from headwater.cli.output import show, teller
from headwater.cli.prompts import as_text
from headwater.cli.screen import Screen
from headwater.errors import HeadwaterError, UsageError

if TYPE_CHECKING:
    from headwater.genai import Client
    from headwater.genai.chats import Chat

_HELP = """\
/reset         forget the conversation
/system TEXT   change the system instruction; without TEXT drop it
/model NAME    go on with another model; without NAME say which it is
/save          save the conversation on the server, now and after each answer
/save FILE     save it as JSON
/exit          leave (so does Ctrl-D)
Ctrl-C stops an answer. What had come of it stays in the conversation."""
_COMMAND = re.compile(r"/([a-z]+)(?:\s+(.*))?$", re.DOTALL)


@click.command(epilog=EPILOG)
@click.option(
    "--continue",
    "chat_id",
    is_flag=False,
    flag_value="",
    metavar="[ID]",
    help="Go on with a chat that a headwater server keeps, and save each answer there; without ID the last one.",
)
@shared_options
@click.pass_context
def chat(context: click.Context, /, chat_id: str | None, **given: Any) -> Exit:
    """Hold a conversation.

    Ctrl-C stops the answer, not the program; /help lists the commands. From a pipe each line is a message, and the
    first failure ends the conversation.
    """
    options = Options(**given)
    screen = Screen(markdown=options.markdown)
    if chat_id is None:
        talk = TerminalChat(options.connect(screen), options, screen)
    else:
        is_chosen = context.get_parameter_source("model") is click.core.ParameterSource.COMMANDLINE
        talk = _continued(chat_id, options, screen, keep_model=not is_chosen)
    if sys.stdin is not None and sys.stdin.isatty():
        return _talk_with_a_person(talk, screen)
    return _talk_with_a_pipe(talk)


def _continued(start: str, options: Options, screen: Screen, *, keep_model: bool) -> TerminalChat:
    """Return a conversation that a server keeps.

    Raises:
        NotFoundError: there is none.
        UsageError: several have ids that begin so, or there is no server.
        ConnectError: the server does not answer.
    """
    url = options.to_server()
    client = options.connect(screen)
    with calling(url):
        last = client.chats.list(page_size=1).page if not start else []
        if not start and not last:
            raise UsageError(f"no chats are saved at {url} yet: leave out --continue, and /save")
        kept = client.chats.load((last[0] if last else find(client, start)).id)
    if keep_model:
        options.model = kept.model or options.model
    screen.note(f"{kept.title} ({len(kept.turns)} turns; headwater chats show {kept.id})")
    return TerminalChat(client, options, screen, kept)


def _talk_with_a_person(talk: TerminalChat, screen: Screen) -> Exit:
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


def _talk_with_a_pipe(talk: TerminalChat) -> Exit:
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


class TerminalChat:
    """The turns so far, and how the next one is asked. Lives as long as the program."""

    def __init__(self, client: Client, options: Options, screen: Screen, chat: Chat | None = None) -> None:
        self._client = client
        self._options = options
        self._screen = screen
        self._chat = chat or self._begin()

    def take(self, line: str) -> Exit:
        """Carry out a line: a command, or a message whose answer is shown."""
        line = line.strip()
        command = _COMMAND.match(line)
        if command:
            return self._obey(command[1], (command[2] or "").strip())
        return self._say(line) if line else Exit.OK

    def _begin(self) -> Chat:
        # a stopped answer was seen, and stays in the conversation
        return self._client.chats.create(model=self._options.model, keep_partial=True)

    def _say(self, message: str) -> Exit:
        text = message.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        self._chat.model = self._options.model
        stream = self._chat.send_message_stream(text, self._options.config(), on_retry=teller(self._screen))
        code = show(stream, self._screen, stats=self._options.stats)
        self._screen.end(always=True)
        return self._keep(code) if self._chat.id is not None else code

    def _keep(self, code: Exit) -> Exit:
        """Save what is new where the conversation is kept; what can not be saved is saved with the next answer."""
        try:
            self._chat.save()
        except HeadwaterError as error:
            self._screen.error(f"not saved: {explain(error)}")
            return code or exit_for(error)
        return code

    def _obey(self, command: str, argument: str) -> Exit:
        match command:
            case "exit" | "quit":
                raise _Leave
            case "help":
                self._screen.note(_HELP)
            case "reset":
                was_kept = self._chat.id is not None
                self._chat = self._begin()
                self._screen.note("the conversation begins anew" + (", and is not saved" if was_kept else ""))
            case "system":
                self._options.system = argument or None
                self._screen.note("the system instruction is " + ("changed" if argument else "gone"))
            case "model":
                self._options.model = argument or self._options.model
                self._screen.note(f"the model is {self._options.model}")
            case "save":
                return self._save_to(argument) if argument else self._save()
            case _:
                self._screen.error(f"there is no command /{command}: /help lists them")
                return Exit.USAGE
        return Exit.OK

    def _save(self) -> Exit:
        try:
            self._chat.save()
        except UsageError as error:
            self._screen.error(f"{explain(error)}. /save FILE needs no server")
            return Exit.USAGE
        except HeadwaterError as error:
            self._screen.error(explain(error))
            return exit_for(error)
        self._screen.note(f"saved, and so is what follows: headwater chat --continue {self._chat.id}")
        return Exit.OK

    def _save_to(self, name: str) -> Exit:
        import msgspec

        turns = self._chat.get_history(curated=True)
        data = msgspec.json.format(msgspec.json.encode(turns), indent=2)
        try:
            Path(name).expanduser().write_bytes(data + b"\n")
        except OSError as error:
            self._screen.error(f"cannot save to {name!r}: {error.strerror}")
            return Exit.FAILED
        self._screen.note(f"saved {len(turns)} turns to {name}")
        return Exit.OK
