"""The options that commands share: model, configuration, and where requests go."""

from __future__ import annotations

import ipaddress
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from headwater.cli.screen import Screen
from headwater.contract.defaults import API_KEY_VARIABLES, DEFAULT_MODEL
from headwater.errors import ConnectError, UsageError

if TYPE_CHECKING:
    from headwater.genai import Client

F = TypeVar("F", bound=Callable[..., Any])

#: Where `headwater serve` listens by default.
SERVER_URL = "http://127.0.0.1:8080"
#: A server answers at once or is not running, so there is nothing to wait for.
ONCE = {"attempts": 2, "initial_delay": 0.2, "jitter": 0.1}
_NO_KEY = (
    "no API key: set GEMINI_API_KEY (get one at https://aistudio.google.com/apikey), "
    "or add --offline, which works now and needs no key"
)


def _finite(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a duration")
    return value


def address(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Return ``value`` if it can be a base URL; the callback of an option."""
    if value is not None and not value.startswith(("http://", "https://", "offline:")):
        raise click.BadParameter(f"{value!r} must start with https://, http:// or offline:")
    return value


MARKDOWN = click.option(
    "--markdown/--plain",
    default=None,
    help="Render Markdown at a terminal, or print plain text; by default rendered if rich is installed.",
)
STATS = click.option("--stats", is_flag=True, help="Print timing and token counts to stderr.")
SERVER = click.option(
    "--base-url",
    callback=address,
    metavar="URL",
    envvar="GOOGLE_GEMINI_BASE_URL",
    default=SERVER_URL,
    show_default=True,
    help="URL of the headwater server, or of another one on the same store.",
)
OFFLINE = click.option("--offline", is_flag=True, help="Use the built-in offline engine: no model, no key, no network.")
BASE_URL = click.option(
    "--base-url",
    callback=address,
    metavar="URL",
    help="Base URL of the API; by default GOOGLE_GEMINI_BASE_URL, else the Gemini API.",
)
TIMEOUT = click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    callback=_finite,
    metavar="SECONDS",
    help="Seconds without data after which the request fails.",
)
_OPTIONS = (
    OFFLINE,
    click.option(
        "--model",
        "-m",
        metavar="NAME",
        envvar="HEADWATER_MODEL",
        default=DEFAULT_MODEL,
        show_default=True,
        show_envvar=True,
        help="Model to use; see headwater models.",
    ),
    click.option("--system", "-s", metavar="TEXT", help="System instruction."),
    click.option("--temperature", type=click.FloatRange(min=0), help="Sampling temperature: higher is more varied."),
    click.option(
        "--max-tokens", type=click.IntRange(min=1), metavar="N", help="Maximum length of the answer, in tokens."
    ),
    click.option("--thinking", is_flag=True, help="Print the model's thoughts to stderr."),
    MARKDOWN,
    STATS,
    BASE_URL,
    TIMEOUT,
)


def shared_options(command: F) -> F:
    """Add the options that ``ask`` and ``chat`` share."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass
class Options:
    """The options of one run; commands in a chat change ``model`` and ``system``."""

    offline: bool = False
    model: str = DEFAULT_MODEL
    system: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    thinking: bool = False
    markdown: bool | None = None
    stats: bool = False
    base_url: str | None = None
    timeout: float | None = None
    #: JSON Schema that the answer has to follow.
    schema: dict[str, Any] | None = None
    needs_key: bool = True

    def config(self) -> dict[str, Any]:
        """Return the configuration of the request."""
        config = {
            "system_instruction": self.system or None,
            "temperature": self.temperature,
            "max_output_tokens": self.max_tokens,
            "thinking_config": {"include_thoughts": True} if self.thinking else None,
            "response_mime_type": "application/json" if self.schema is not None else None,
            "response_json_schema": self.schema,
        }
        return {name: value for name, value in config.items() if value is not None}

    def url(self) -> str | None:
        """Return the base URL; None leaves it to the client."""
        if not self.offline:
            return self.base_url
        asked = self.base_url or ""
        if asked and not asked.startswith("offline:"):
            raise click.UsageError(f"--offline and --base-url {asked} cannot be combined")
        # The variable may have a pace (offline:instant), which --offline alone should not override.
        known = os.environ.get("GOOGLE_GEMINI_BASE_URL", "")
        return asked or (known if known.startswith("offline:") else "offline:")

    def to_server(self) -> str:
        """Use a headwater server, the local one unless another address is set; return its URL."""
        self.base_url = self.url() or os.environ.get("GOOGLE_GEMINI_BASE_URL") or SERVER_URL
        self.needs_key = False
        return self.base_url

    # Imports of the client are inside functions, because `headwater --help` and shell completion do not need it.
    def connect(self, screen: Screen) -> Client:
        """Return a client; at a terminal, note if no model will answer.

        Raises:
            UsageError: if no API key is set.
        """
        url = self.url()
        asked = url or os.environ.get("GOOGLE_GEMINI_BASE_URL", "")
        offline = asked.startswith("offline:")
        options: dict[str, Any] = {"base_url": url} if url else {}
        if self.timeout is not None:
            # In milliseconds, as google-genai has it; the client refuses 0.
            options["timeout"] = max(1, round(self.timeout * 1000))
        needs_key = self.needs_key and not _is_local(asked)
        client = _client(options, key="offline" if offline else None, needs_key=needs_key)
        if offline and screen.shows_notes:
            screen.note("offline engine: no model answers here")
        return client


def server_client(url: str, **options: Any) -> Client:
    """Return a client for a headwater server."""
    return _client({"base_url": url, **options}, needs_key=False)


@contextmanager
def explain_missing_server(url: str) -> Iterator[None]:
    """Replace the error of a failed connection by one that says how to start a server.

    Raises:
        ConnectError: if no server answers at ``url``.
    """
    try:
        yield
    except ConnectError as error:
        words = f"no headwater server answers at {url}: start one with `headwater serve`, or set --base-url"
        raise ConnectError(words) from error


def _client(options: dict[str, Any], *, key: str | None = None, needs_key: bool) -> Client:
    from headwater import genai

    # A variable that is empty, or has only spaces, counts as not set.
    has_none = key is None and not any(os.environ.get(name, "").strip() for name in API_KEY_VARIABLES)
    try:
        return genai.Client(http_options=options, api_key="none" if has_none and not needs_key else key)
    except UsageError:
        if has_none:
            raise UsageError(_NO_KEY) from None
        raise


def _is_local(url: str) -> bool:
    """Whether the URL is a server on this machine, which usually needs no key."""
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        # Not a URL: the client raises the error, with a better message.
        return False


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
