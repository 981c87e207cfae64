"""The options that every question has: model, configuration, and where it goes."""

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

#: Where `headwater serve` listens unless it is told otherwise.
SERVER_URL = "http://127.0.0.1:8080"
_NO_KEY = (
    "no API key: set GEMINI_API_KEY (get one at https://aistudio.google.com/apikey), "
    "or add --offline, which works now and needs no key"
)


def _finite(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no length of time")
    return value


def address(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Return ``value`` when it can be a base URL; for an option's ``callback``."""
    if value is not None and not value.startswith(("http://", "https://", "offline:")):
        raise click.BadParameter(f"{value!r} begins neither with https:// (or http://) nor with offline:")
    return value


MARKDOWN = click.option(
    "--markdown/--plain",
    default=None,
    help="At a terminal, draw the answer's Markdown or write its text (else drawn if rich is installed).",
)
STATS = click.option("--stats", is_flag=True, help="Say on standard error how long it took and how many tokens.")
SERVER = click.option(
    "--base-url",
    callback=address,
    metavar="URL",
    envvar="GOOGLE_GEMINI_BASE_URL",
    default=SERVER_URL,
    show_default=True,
    help="The headwater server that has it, or one that shares its log (else GOOGLE_GEMINI_BASE_URL).",
)
_OPTIONS = (
    click.option("--offline", is_flag=True, help="Let the built-in storyteller answer: no key, no network."),
    click.option(
        "--model",
        "-m",
        metavar="NAME",
        envvar="HEADWATER_MODEL",
        default=DEFAULT_MODEL,
        show_default=True,
        show_envvar=True,
        help="The model to ask.",
    ),
    click.option("--system", "-s", metavar="TEXT", help="The system instruction."),
    click.option("--temperature", type=click.FloatRange(min=0), help="How freely the model chooses its words."),
    click.option("--max-tokens", type=click.IntRange(min=1), metavar="N", help="The longest answer, in tokens."),
    click.option("--thinking", is_flag=True, help="Show the model's thoughts on standard error."),
    MARKDOWN,
    STATS,
    click.option(
        "--base-url", callback=address, metavar="URL", help="Where requests go (else GOOGLE_GEMINI_BASE_URL)."
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        callback=_finite,
        metavar="SECONDS",
        help="The longest silence allowed.",
    ),
)


def shared_options(command: F) -> F:
    """Give ``command`` the options of every question."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass
class Options:
    """The options of one run; a chat changes ``model`` and ``system`` as it goes."""

    offline: bool
    model: str
    system: str | None
    temperature: float | None
    max_tokens: int | None
    thinking: bool
    markdown: bool | None
    stats: bool
    base_url: str | None
    timeout: float | None
    needs_key: bool = True

    def config(self) -> dict[str, Any]:
        """Return what goes into the request."""
        config = {
            "system_instruction": self.system or None,
            "temperature": self.temperature,
            "max_output_tokens": self.max_tokens,
            "thinking_config": {"include_thoughts": True} if self.thinking else None,
        }
        return {name: value for name, value in config.items() if value is not None}

    def url(self) -> str | None:
        """Return the base URL that was asked for; None leaves it to the client."""
        if not self.offline:
            return self.base_url
        asked = self.base_url or ""
        if asked and not asked.startswith("offline:"):
            raise click.UsageError(f"--offline and --base-url {asked} do not go together")
        known = os.environ.get("GOOGLE_GEMINI_BASE_URL", "")  # it may name a pace
        return asked or (known if known.startswith("offline:") else "offline:")

    def to_server(self) -> str:
        """Go to the headwater server on this machine where no other address is known; return where to."""
        self.base_url = self.url() or os.environ.get("GOOGLE_GEMINI_BASE_URL") or SERVER_URL
        self.needs_key = False
        return self.base_url

    def connect(self, screen: Screen) -> Client:
        """Return a client, and tell a person when no model will answer.

        Raises:
            UsageError: there is no key.
        """
        url = self.url()
        asked = url or os.environ.get("GOOGLE_GEMINI_BASE_URL", "")
        offline = asked.startswith("offline:")
        options: dict[str, Any] = {"base_url": url} if url else {}
        if self.timeout is not None:
            options["timeout"] = max(1, round(self.timeout * 1000))
        needs_key = self.needs_key and not _is_here(asked)
        client = _client(options, key="offline" if offline else None, needs_key=needs_key)
        if offline and screen.shows_notes:
            screen.note("offline engine: no model answers here")
        return client


def server_client(url: str, **options: Any) -> Client:
    """Return a client of a headwater server."""
    return _client({"base_url": url, **options}, needs_key=False)


@contextmanager
def calling(url: str) -> Iterator[None]:
    """Say in the error of a server that does not answer how there can be one.

    Raises:
        ConnectError: no server answers at ``url``.
    """
    try:
        yield
    except ConnectError as error:
        words = f"no headwater server answers at {url}: start one with `headwater serve`, or name it with --base-url"
        raise ConnectError(words) from error


def _client(options: dict[str, Any], *, key: str | None = None, needs_key: bool) -> Client:
    from headwater import genai

    has_none = key is None and not any(os.environ.get(name, "").strip() for name in API_KEY_VARIABLES)
    try:
        return genai.Client(http_options=options, api_key="none" if has_none and not needs_key else key)
    except UsageError:
        if has_none:
            raise UsageError(_NO_KEY) from None
        raise


def _is_here(url: str) -> bool:
    """Whether a server of this machine is meant, which mostly needs no key."""
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:  # no address at all, as the client will say
        return False


def is_loopback(host: str) -> bool:
    """Return whether a host, by name or address, is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
