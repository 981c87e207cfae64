"""Messages of a conversation, of one line or several: lines between triple quotes, and pasted lines."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

#: Begins and ends a message of several lines.
QUOTES = '"""'


def read_message(read_line: Callable[[str], str]) -> str:
    """Return the next message. ``read_line`` returns a line for a prompt.

    Raises:
        EOFError: if the input has ended.
    """
    line = read_line("> ")
    if not line.lstrip().startswith(QUOTES):
        return line
    return "\n".join(_quoted(line.lstrip().removeprefix(QUOTES), read_line)).strip("\n")


def _quoted(line: str, read_line: Callable[[str], str]) -> Iterator[str]:
    # The end of the input ends a message as well: what was typed is not thrown away.
    with contextlib.suppress(EOFError):
        while not line.rstrip().endswith(QUOTES):
            yield line
            line = read_line("... ")
        yield line.rstrip().removesuffix(QUOTES)


def enable_editing() -> None:
    """Give ``input`` line editing and history, where there is readline, and keep pasted lines together."""
    with contextlib.suppress(ImportError):
        import readline

        # A terminal marks what is pasted, and readline inserts it as a whole. Python turns that off by default, because
        # its own prompt cannot take it. libedit, which stands in for readline in some builds, does not know it.
        if "libedit" not in (readline.__doc__ or ""):
            readline.parse_and_bind("set enable-bracketed-paste on")


def read_redirected(prompt: str) -> str:
    """Return a line of standard input while standard output is not the terminal.

    Standard output gets answers only, so the prompt goes to standard error; ``input`` would not do that.

    Raises:
        EOFError: at the end.
    """
    sys.stderr.write(prompt)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.removesuffix("\n")
