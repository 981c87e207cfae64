"""The options that every question has: model, configuration, and where it goes."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from headwater.cli.screen import Screen
from headwater.errors import UsageError

if TYPE_CHECKING:
    from headwater.genai import Client

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_MODEL = "gemini-2.5-flash"
KEYS = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
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

    def connect(self, screen: Screen) -> Client:
        """Return a client, and tell a person when no model will answer.

        Raises:
            UsageError: there is no key.
        """
        url = self.url()
        offline = (url or os.environ.get("GOOGLE_GEMINI_BASE_URL", "")).startswith("offline:")
        options: dict[str, Any] = {"base_url": url} if url else {}
        if self.timeout is not None:
            options["timeout"] = max(1, round(self.timeout * 1000))
        client = _client(options, key="offline" if offline else None)
        if offline and screen.shows_notes:
            screen.note("offline engine: no model answers here")
        return client


def _client(options: dict[str, Any], *, key: str | None) -> Client:
    from headwater import genai

    try:
        return genai.Client(http_options=options, api_key=key)
    except UsageError:
        if key is None and not any(os.environ.get(name, "").strip() for name in KEYS):
            raise UsageError(_NO_KEY) from None
        raise
