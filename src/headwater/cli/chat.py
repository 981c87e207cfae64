"""``headwater chat``: a conversation in the terminal, or one message per line from a pipe."""

from __future__ import annotations

import contextlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.chats import find
from headwater.cli.exits import EPILOG, Exit, exit_for, explain
from headwater.cli.options import Options, explain_missing_server, shared_options
from headwater.cli.output import retry_notes, show
from headwater.cli.prompts import input_text
from headwater.cli.screen import Screen
from headwater.cli.terminal.messages import enable_editing, read_message, read_redirected
from headwater.errors import HeadwaterError, UsageError

if TYPE_CHECKING:
    from headwater.genai import Client
    from headwater.genai.chats import Chat

_HELP = """\
\"\"\"            begin a message of several lines; \"\"\" at the end of a line ends it. Pasted lines are one message
/reset         start a new conversation
/system TEXT   change the system instruction; without TEXT remove it
/model NAME    switch to another model; without NAME show the current one
/save          save the conversation on the server, now and after each answer
/save FILE     save it as JSON
/exit          leave (so does Ctrl-D)
Ctrl-C stops an answer. What was received of it stays in the conversation."""
#: One line: a text of several lines that begins with a slash is a message.
_COMMAND = re.compile(r"/([a-z]+)(?:[ \t]+(.*))?\Z")


@click.command(epilog=EPILOG)
@click.option(
    "--continue",
    "chat_id",
    is_flag=False,
    flag_value="",
    metavar="[ID]",
    help="Continue a chat saved on a headwater server, and save each answer there; without ID the latest one.",
)
@shared_options
@click.pass_context
def chat(context: click.Context, /, chat_id: str | None, **given: Any) -> Exit:
    """Chat with a model.

    Ctrl-C stops the answer, not the program; /help lists the commands. Pasted lines are one message, and so are lines
    between two \"\"\". From a pipe, each line is a message, and the first failure ends the conversation.
    """
    options = Options(**given)
    screen = Screen(markdown=options.markdown)
    if chat_id is None:
        talk = TerminalChat(options.connect(screen), options, screen)
    else:
        # A saved chat keeps its model, unless the user names one now; the default does not count as naming.
        is_chosen = context.get_parameter_source("model") is click.core.ParameterSource.COMMANDLINE
        talk = _resume_chat(chat_id, options, screen, keep_model=not is_chosen)
    if sys.stdin is not None and sys.stdin.isatty():
        return _run_interactive(talk, screen)
    return _run_from_pipe(talk)


def _resume_chat(start: str, options: Options, screen: Screen, *, keep_model: bool) -> TerminalChat:
    """Return a conversation that is saved on a server.

    Raises:
        NotFoundError: if no chat has that id.
        UsageError: if several chats have ids that start with it, or no chats are saved.
        ConnectError: if the server does not answer.
    """
    url = options.to_server()
    client = options.connect(screen)
    with explain_missing_server(url):
        last = client.chats.list(page_size=1).page if not start else []
        if not start and not last:
            raise UsageError(f"no chats are saved at {url} yet: leave out --continue, and /save")
        saved = client.chats.load((last[0] if last else find(client, start)).id)
    if keep_model:
        options.model = saved.model or options.model
    screen.note(f"{saved.title} ({len(saved.turns)} turns; headwater chats show {saved.id})")
    return TerminalChat(client, options, screen, saved)


def _run_interactive(talk: TerminalChat, screen: Screen) -> Exit:
    if screen.shows_answers:
        enable_editing()
    read_line = input if screen.shows_answers else read_redirected
    screen.note("/help lists the commands, Ctrl-D leaves")
    # One Ctrl-C at the prompt may be a late try to stop an answer, so only the second in a row leaves.
    warned = False
    while True:
        try:
            line = read_message(read_line)
        except EOFError:
            screen.after_interrupt()
            return Exit.OK
        except KeyboardInterrupt:
            screen.after_interrupt()
            if warned:
                return Exit.INTERRUPTED
            warned = True
            screen.note("press Ctrl-C again to leave")
            continue
        warned = False
        try:
            talk.handle(line)
        except KeyboardInterrupt:
            # Just before or after an answer; during one, `show` handles it.
            screen.after_interrupt()
        except _ExitChat:
            return Exit.OK


def _run_from_pipe(talk: TerminalChat) -> Exit:
    with contextlib.suppress(EOFError, _ExitChat):
        while True:
            code = talk.handle(read_message(_read_piped))
            if code is not Exit.OK:
                return code
    return Exit.OK


def _read_piped(prompt: str) -> str:
    # Bytes, because a pipe may have any encoding.
    line = sys.stdin.buffer.readline() if sys.stdin is not None else b""
    if not line:
        raise EOFError
    return input_text(line).rstrip("\r\n")


class _ExitChat(Exception):
    """The user asked to leave."""


class TerminalChat:
    """A conversation and its commands; one per run."""

    def __init__(self, client: Client, options: Options, screen: Screen, chat: Chat | None = None) -> None:
        self._client = client
        self._options = options
        self._screen = screen
        self._chat = chat or self._new_chat()

    def handle(self, line: str) -> Exit:
        """Run a command, or send a message and show its answer."""
        line = line.strip()
        command = _COMMAND.match(line)
        if command:
            return self._run_command(command[1], (command[2] or "").strip())
        return self._send(line) if line else Exit.OK

    def _new_chat(self) -> Chat:
        # The user saw the part of a stopped answer that arrived, so the model should know it too.
        return self._client.chats.create(model=self._options.model, keep_partial=True)

    def _send(self, message: str) -> Exit:
        # Bytes of the terminal that are not UTF-8 arrive as surrogates, which JSON cannot carry.
        text = message.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        # /model may have changed it since the last message.
        self._chat.model = self._options.model
        stream = self._chat.send_message_stream(text, self._options.config(), on_retry=retry_notes(self._screen))
        code = show(stream, self._screen, stats=self._options.stats)
        # In a pipe too: answers of a conversation are separated by lines.
        self._screen.end(always=True)
        return self._autosave(code) if self._chat.id is not None else code

    def _autosave(self, code: Exit) -> Exit:
        """Save new turns; after a failure they are saved with the next answer."""
        try:
            self._chat.save()
        except HeadwaterError as error:
            self._screen.error(f"not saved: {explain(error)}")
            return code or exit_for(error)
        return code

    def _run_command(self, command: str, argument: str) -> Exit:
        match command:
            case "exit" | "quit":
                raise _ExitChat
            case "help":
                self._screen.note(_HELP)
            case "reset":
                was_saved = self._chat.id is not None
                self._chat = self._new_chat()
                self._screen.note("new conversation" + (", which is not saved" if was_saved else ""))
            case "system":
                self._options.system = argument or None
                self._screen.note("the system instruction is " + ("changed" if argument else "removed"))
            case "model":
                self._options.model = argument or self._options.model
                self._screen.note(f"the model is {self._options.model}")
            case "save":
                return self._save_to(argument) if argument else self._save()
            case _:
                self._screen.error(f"unknown command /{command}: see /help")
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
        self._screen.note(
            f"saved, and so will be what follows; to continue later: headwater chat --continue {self._chat.id}"
        )
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
