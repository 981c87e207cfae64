"""The command ``headwater serve``: any engine as the Gemini API."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from headwater.cli.option_groups import GroupedCommand, OptionGroup
from headwater.cli.options import is_loopback
from headwater.contract.defaults import API_KEY_VARIABLES, DEFAULT_MODEL
from headwater.contract.paths import DURABLE
from headwater.errors import UsageError
from headwater.extras import missing_package
from headwater.server.config import ServerConfig

if TYPE_CHECKING:
    from headwater.engines.base import Engine
    from headwater.engines.engine_file import EngineSet
    from headwater.engines.registry import EngineSettings

F = TypeVar("F", bound=Callable[..., Any])
_LEVELS = click.Choice(["debug", "info", "warning", "error"], case_sensitive=False)
_MIB = 1024 * 1024
_HOUR = 3600
_DEFAULTS = ServerConfig().by_option()

_NETWORK = OptionGroup("Network")
_ACCESS = OptionGroup("Keys and limits")
_ENGINES = OptionGroup("Engines")
_STORAGE = OptionGroup("Storage")
_TIMEOUTS = OptionGroup("Timeouts")
_LOGGING = OptionGroup("Logging")


class TextList(click.types.StringParamType):
    """A text that may be given several times, or once in the environment with commas."""

    name = "text"

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        """Return the texts between the commas."""
        return [text.strip() for text in rv.split(",") if text.strip()]


class ServeCommand(GroupedCommand):
    """The command, whose help lists the engines as well."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, and the engines that are installed."""
        from headwater.engines.registry import engine_help

        super().format_options(ctx, formatter)
        with formatter.section("Engine names"):
            formatter.write_dl([*engine_help(), ("package.module:factory", "Your own engine.")])


def _option(group: OptionGroup, flag: str, *field: str, unit: int = 1, **settings: Any) -> Callable[[F], F]:
    """An option of ``serve``, which is an environment variable too: ``--max-body`` is ``HEADWATER_MAX_BODY``.

    An option that has the name of a field of ``ServerConfig`` or ``Limits``, or names it in ``field``, sets it, and has
    its default. ``unit`` is how much of the field one of the option is.
    """
    name = flag.partition("/")[0].removeprefix("--").replace("-", "_")
    # Click names a parameter after its flag, or after an argument without dashes.
    default = _DEFAULTS.get(field[0] if field else name)
    if default is not None and unit != 1:
        default = default // unit if isinstance(default, int) else default / unit
    settings.setdefault("default", default or None if settings.get("multiple") else default)
    settings["show_default"] = settings["default"] is not None
    if unit != 1:
        settings["callback"] = lambda _, __, value: None if value is None else value * unit
    variable = f"HEADWATER_{name.upper()}" + ("S" if settings.get("multiple") else "")
    return group.option(flag, *field, envvar=variable, show_envvar=True, **settings)


def _texts(group: OptionGroup, flag: str, *field: str, **settings: Any) -> Callable[[F], F]:
    return _option(group, flag, *field, type=TextList(), multiple=True, **settings)


def _size(group: OptionGroup, flag: str, *field: str, **settings: Any) -> Callable[[F], F]:
    return _option(group, flag, *field, unit=_MIB, type=click.IntRange(1), metavar="MIB", **settings)


def _hours(group: OptionGroup, flag: str, *field: str, **settings: Any) -> Callable[[F], F]:
    return _option(group, flag, *field, unit=_HOUR, type=click.FloatRange(0), metavar="HOURS", **settings)


def _seconds(group: OptionGroup, flag: str, *, at_least: float, **settings: Any) -> Callable[[F], F]:
    return _option(group, flag, type=click.FloatRange(at_least), metavar="SECONDS", **settings)


@click.command(cls=ServeCommand)
@_option(
    _NETWORK,
    "--host",
    default="127.0.0.1",
    help="Address to listen on; API keys are required if other machines can reach it.",
)
@_option(_NETWORK, "--port", type=click.IntRange(0, 65535), default=8080, help="Port to listen on; 0 for a free one.")
@_texts(_NETWORK, "--origin", "origins", metavar="URL", help="Web origin whose pages may use the server. Repeatable.")
@_texts(
    _NETWORK,
    "--allowed-host",
    "allowed_hosts",
    metavar="NAME",
    help="Host name to answer to; by default any if there are API keys, else loopback names only. Repeatable.",
)
@_texts(
    _ACCESS,
    "--api-key",
    "api_keys",
    metavar="KEY",
    help="Key that clients may use, of at least 16 characters. Repeatable.",
)
@_option(_ACCESS, "--api-key-file", metavar="PATH", help="File with more keys, one per line; read again at SIGHUP.")
@_option(
    _ACCESS,
    "--requests-per-minute",
    type=click.IntRange(1),
    metavar="N",
    help="Requests per key in any minute; no limit by default.",
)
@_option(_ACCESS, "--max-streams", type=click.IntRange(1), metavar="N", help="Concurrent answers per key.")
@_size(_ACCESS, "--max-body", help="Largest request body, in MiB.")
@_size(_ACCESS, "--max-file", help="Largest uploaded file, in MiB.")
@_option(_ACCESS, "--secret", metavar="TEXT", help="Secret that signs links; by default one that is kept in the store.")
@_option(
    _ENGINES,
    "--engine",
    metavar="ENGINE",
    help="Engine that answers; by default gemini if an API key for it or --upstream is set, else offline.",
)
@_texts(
    _ENGINES,
    "--model-engine",
    metavar="PATTERN=ENGINE",
    help="Another engine for some models, for example 'test-*=offline'. Repeatable.",
)
@_option(
    _ENGINES,
    "--engines",
    metavar="FILE",
    help="TOML file with several engines by name; --engine and --model-engine may then name one of them.",
)
@_option(
    _ENGINES,
    "--engine-key",
    metavar="KEY",
    help="Key for the server of the openai engine; better set in the environment, where other programs do not see it.",
)
@_option(
    _ENGINES,
    "--engine-preset",
    metavar="NAME",
    help="Kind of server that the openai engine calls (ollama, vllm, llamacpp ...), if the URL does not show it.",
)
@_option(
    _ENGINES,
    "--engine-model",
    metavar="NAME",
    help="Model that the openai engine uses, whatever model clients request; by default the requested one.",
)
@_option(_ENGINES, "--upstream", metavar="URL", help="API that the gemini engine calls, if not the Gemini API itself.")
@_option(
    _ENGINES,
    "--interactions",
    type=click.Choice(["mapped", "native"]),
    default="mapped",
    help="How the gemini engine answers interactions: by generateContent, or by the upstream's own Interactions API.",
)
@_option(
    _ENGINES,
    "--pace",
    metavar="PACE",
    help="Speed of the offline engine ('instant' or 'first=0.3,rate=100': seconds, tokens per second) or of the replay "
    "engine (seconds per chunk).",
)
@_option(
    _STORAGE,
    "--store",
    default="sqlite:?shared=yes",
    metavar="URL",
    help="Where streams are stored: memory:, sqlite:PATH, redis://HOST, the scheme of an installed log or "
    "package.module:factory.",
)
@_hours(_STORAGE, "--store-hours", "store_ttl", help="Hours for which a stream is kept after its last change.")
@_size(
    _STORAGE,
    "--store-size",
    help="Size in MiB above which the oldest streams are deleted; no limit by default (512 in memory).",
)
@_option(
    _STORAGE,
    "--interactions-store",
    type=click.Choice(["default", "allowed", "never"]),
    help="Which interactions are stored: all that do not decline it, only those that ask for it, or none.",
)
@_option(
    _STORAGE,
    "--chats",
    metavar="URL",
    help="Where chats are saved: memory:, sqlite:PATH or postgresql://HOST/DATABASE; by default chats.db next to the "
    "store.",
)
@_hours(_STORAGE, "--file-hours", "file_ttl", help="Hours for which an uploaded file is kept.")
@_option(
    _STORAGE,
    "--durable-streams/--no-durable-streams",
    help=f"Let clients create durable streams under {DURABLE}/.",
)
@_seconds(
    _TIMEOUTS,
    "--head-timeout",
    at_least=0.1,
    help="Seconds a client has to send the head of a request.",
)
@_seconds(
    _TIMEOUTS,
    "--stall-timeout",
    at_least=0.1,
    help="Seconds after which a connection is closed whose request body stops arriving or whose client stops reading.",
)
@_seconds(_TIMEOUTS, "--keep-alive", at_least=0.1, help="Seconds of silence after which a blank line is sent.")
@_seconds(
    _TIMEOUTS,
    "--lease",
    at_least=0.5,
    help="Seconds of silence after which another server on the same store is considered dead.",
)
@_seconds(_TIMEOUTS, "--grace", at_least=0, help="Seconds that running answers have to finish at shutdown.")
@_option(_LOGGING, "--log-level", type=_LEVELS, default="warning", help="Least severe messages to log to stderr.")
@_option(
    _LOGGING,
    "--access-log/--no-access-log",
    default=True,
    help="Log each request to stderr: in words on a terminal, else as JSON lines.",
)
def serve(
    *,
    host: str,
    port: int,
    api_key_file: str | None,
    engine: str | None,
    model_engine: Sequence[str],
    engines: str | None,
    engine_key: str | None,
    engine_preset: str | None,
    engine_model: str | None,
    upstream: str | None,
    pace: str | None,
    interactions: str,
    store: str,
    chats: str | None,
    log_level: str,
    access_log: bool,
    **fields: Any,
) -> None:
    """Serve an engine as the Gemini API.

    Any Gemini client works: point its base URL at this server. OpenAI's clients work with its /v1. Ctrl-C stops it;
    running answers get --grace seconds.
    """
    # First of all, so that a missing extra is reported before any other mistake.
    run = _import_server()
    from headwater.engines.engine_file import EngineSet, read_engine_file
    from headwater.engines.registry import EngineSettings
    from headwater.log.open import open_log
    from headwater.server import app, open_store
    from headwater.server.http.keys import check_keys, key_reloader, read_keys

    own_keys = fields["api_keys"]
    check_keys(own_keys)
    fields["api_keys"] = [*own_keys, *(read_keys(api_key_file) if api_key_file else ())]
    config = ServerConfig.from_options(fields)
    _check_reach(host, config.api_keys)
    _search_current_directory()
    settings = EngineSettings(upstream=_checked(upstream), pace=pace, interactions=interactions)
    named = read_engine_file(engines, settings) if engines else EngineSet()
    settings = replace(settings, key=engine_key, preset=engine_preset, model=engine_model)
    default, why = _choose_engine(engine, settings, named)
    others = _engines_by_model(model_engine, settings, named)
    _check_routes(default, others, named)
    log, chat_store = open_log(store), open_store(chats or _chats_next_to(store))
    application = app(default, engines=others, log=log, chats=chat_store, config=config)
    run.log_to_stderr(log_level, access_log=access_log)
    # Bound before it is announced, so that a script can connect as soon as it reads the address.
    listener = run.listen(host, port)
    _greet(_url(host, listener.getsockname()[1]), default, why, needs_key=bool(config.api_keys))
    reload = key_reloader(application.state.server.auth, api_key_file, own_keys) if api_key_file else None
    run.serve(application, listener, log_level=log_level, reload=reload)


def _import_server() -> Any:
    try:
        from headwater.server import run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "headwater":
            raise
        raise UsageError(missing_package(error.name or "a package", "server", user="the server")) from error
    return run


def _chats_next_to(store: str) -> str:
    """Where chats are saved by default: in memory if streams are, else in a file next to the store or of the user's."""
    kind, _, place = store.partition(":")
    path = place.partition("?")[0].removeprefix("//") if kind == "sqlite" else ""
    if kind == "memory":
        return "memory:"
    return f"sqlite:{Path(path).with_name('chats.db')}" if path else "sqlite:"


def _choose_engine(engine: str | None, settings: EngineSettings, named: EngineSet) -> tuple[Engine, str]:
    """The default engine, and the reason for it in words."""
    if engine:
        return _make(engine, settings, named), f"as requested ({engine})"
    if named.default is not None:
        return named.engines[named.default], f"the default of {named.source}"
    if named.engines:
        raise UsageError(f"{named.source} has no default engine: say default = true in one, or use --engine NAME")
    if settings.upstream is not None:
        return _make("gemini", settings, named), f"because an upstream is set ({settings.upstream})"
    key = next((name for name in API_KEY_VARIABLES if os.environ.get(name, "").strip()), None)
    if key is None:
        return _make("offline", settings, named), "which has no model, because GEMINI_API_KEY is not set"
    return _make("gemini", settings, named), f"because {key} is set"


def _engines_by_model(entries: Sequence[str], settings: EngineSettings, named: EngineSet) -> Mapping[str, Engine]:
    found = named.by_model()
    for entry in entries:
        pattern, sign, name = entry.partition("=")
        if not (pattern and sign and name):
            raise UsageError(f"--model-engine {entry!r} is not PATTERN=ENGINE, for example 'test-*=offline'")
        if pattern in named.patterns:
            raise UsageError(f"two engines for {pattern!r}: {named.patterns[pattern]} in {named.source}, and {name}")
        found[pattern] = _make(name, settings, named)
    return found


def _make(text: str, settings: EngineSettings, named: EngineSet) -> Engine:
    from headwater.engines.registry import make_engine

    if text in named.engines:
        return named.engines[text]
    if text.partition(":")[0] != "openai":  # the key is for that engine's server alone
        settings = replace(settings, key=None)
    return make_engine(text, settings)


def _check_routes(default: Engine, others: Mapping[str, Engine], named: EngineSet) -> None:
    """Check that every engine of the file answers something, and that names tell two engines apart.

    Raises:
        UsageError: if one is never asked, or two servers have engines of one name.
    """
    used = {id(engine) for engine in (default, *others.values())}
    for name, engine in named.engines.items():
        if id(engine) not in used and name not in named.members:
            raise UsageError(f"{named.source}: engines.{name} is never asked: give it models = [...] or default = true")
    urls: dict[str, str] = {}
    for engine in (default, *others.values()):
        url = getattr(engine, "url", "")
        if url and urls.setdefault(engine.name, url) != url:
            raise UsageError(f"two engines are called {engine.name!r}: give each a name with --engines FILE")


def _search_current_directory() -> None:
    # A console script does not search the current directory, where a module of one's own usually is. Last, so that a
    # file in it cannot take the place of an installed package.
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())


def _checked(upstream: str | None) -> str | None:
    """The upstream's URL, which uses TLS or is this machine; None if not set.

    Raises:
        UsageError: if it would send the key unencrypted over the network, or is not a URL.
    """
    if not upstream:
        return None
    with suppress(ValueError):  # not a URL: an IPv6 address without its bracket
        parts = urlsplit(upstream)
        if parts.scheme == "https" and parts.hostname:
            return upstream
        if parts.scheme == "http" and is_loopback(parts.hostname or ""):
            return upstream
    raise UsageError(f"--upstream {upstream!r} must start with https://, or be http:// on this machine")


def _check_reach(host: str, keys: Collection[str]) -> None:
    if not keys and not is_loopback(host):
        raise UsageError(
            f"--host {host} can be reached from other machines, so API keys are needed: "
            "set HEADWATER_API_KEYS (or --api-key), or listen on 127.0.0.1"
        )


def _greet(url: str, engine: Engine, why: str, *, needs_key: bool) -> None:
    click.echo(f"headwater serves the {engine.name} engine, {why}.")
    click.echo(f"Listening on {url} (Ctrl-C stops it)")
    click.echo(f"Try: {_trial(url, needs_key=needs_key)}")
    click.echo(f"Or open {url} in a browser to chat")


def _url(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound here
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _trial(url: str, *, needs_key: bool) -> str:
    # A placeholder, because what is printed may end up in a log.
    key = " -H 'x-goog-api-key: YOUR-KEY'" if needs_key else ""
    body = """{"contents":[{"parts":[{"text":"Tell me a story about a river."}]}]}"""
    path = f"v1beta/models/{DEFAULT_MODEL}:streamGenerateContent?alt=sse"
    return f"curl -N '{url}/{path}'{key} -H 'content-type: application/json' -d '{body}'"
