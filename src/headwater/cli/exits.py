"""Exit codes, and errors as one line for a person."""

from __future__ import annotations

import os
import re
import traceback
from enum import IntEnum

from headwater.contract.defaults import API_KEY_VARIABLES
from headwater.errors import APIError, HeadwaterError, StreamCancelled, StreamError, UsageError

#: What ``--help`` says about exit codes.
EPILOG = """\b
Exit codes:
  0    the answer is complete
  1    the API or the network failed
  2    the command is wrong, or no API key is set
  3    the prompt or the answer was blocked
  4    the answer was truncated
  130  interrupted with Ctrl-C
"""


#: What the client calls the setting behind ``--timeout``.
_TIMEOUT = re.compile(r"\(http_options\.timeout=[^)]*\)")


class Exit(IntEnum):
    """The exit code of a command."""

    OK = 0
    FAILED = 1
    USAGE = 2
    BLOCKED = 3
    CUT_OFF = 4
    INTERRUPTED = 130


def exit_for(error: HeadwaterError) -> Exit:
    """Return the exit code for ``error``."""
    # The order matters: a cancelled stream is a StreamError with a partial answer, too.
    if isinstance(error, UsageError):
        return Exit.USAGE
    if isinstance(error, StreamCancelled):
        return Exit.INTERRUPTED
    if isinstance(error, StreamError) and error.partial is not None:
        return Exit.CUT_OFF
    return Exit.FAILED


def explain(error: BaseException) -> str:
    """Return the message for ``error``: one line, or the traceback if HEADWATER_DEBUG is set."""
    if os.environ.get("HEADWATER_DEBUG"):
        return without_keys("".join(traceback.format_exception(error)).rstrip())
    return sentence(error)


def sentence(error: BaseException) -> str:
    """Return ``error`` as one line, with API keys masked."""
    said = error.summary if isinstance(error, HeadwaterError) else str(error)
    text = _TIMEOUT.sub("(--timeout)", said) or type(error).__name__
    if isinstance(error, APIError) and error.retry_after:
        text = f"{text.rstrip('. ')}. Try again in {error.retry_after:g} s"
    return without_keys(" ".join(text.split()))


def without_keys(text: str) -> str:
    """Return ``text`` with the API keys of the environment masked."""
    for name in API_KEY_VARIABLES:
        key = os.environ.get(name, "").strip()
        # A message may quote the key with escapes. Keys of a few letters are placeholders, and would mask words.
        for form in (key, repr(key)[1:-1]):
            if len(form) >= 8:
                text = text.replace(form, "***")
    return text
