"""The command ``headwater serve``: any engine as the Gemini API."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from headwater.cli.options import is_loopback
from headwater.contract.defaults import DEFAULT_MODEL
from headwater.contract.paths import DURABLE
from headwater.errors import UsageError

if TYPE_CHECKING:
    from headwater.engines.base import Engine

F = TypeVar("F", bound=Callable[..., Any])
_KEYS = ("GOOGLE_API_KEY", "GEMINI_API_KEY")
_NO_SERVER = "the server is not installed: pip install 'headwater[server]'"
_LEVELS = click.Choice(["debug", "info", "warning", "error"], case_sensitive=False)


class TextList(click.types.StringParamType):
    """A text that may be given several times, or once in the environment with commas."""

    name = "text"

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        """Return the texts between the commas."""
        return [text.strip() for text in rv.split(",") if text.strip()]


def _option(*names: str, env: str, **settings: Any) -> Callable[[F], F]:
    return click.option(*names, envvar=f"HEADWATER_{env}", show_envvar=True, **settings)


@click.command()
@_option("--host", env="HOST", default="127.0.0.1", show_default=True, help="The address to listen on.")
@_option("--port", env="PORT", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0: a free one.")
@_option(
    "--engine", env="ENGINE", metavar="NAME", help="gemini, offline or replay:DIR (else gemini when a key is set)."
)
@_option(
    "--model-engine",
    env="MODEL_ENGINES",
    type=TextList(),
    multiple=True,
    metavar="PATTERN=NAME",
    help="Another engine for some models: 'test-*=offline'. May be repeated.",
)
@_option("--upstream", env="UPSTREAM", metavar="URL", help="Where the gemini engine asks (else the Gemini API).")
@_option(
    "--pace", env="PACE", metavar="PACE", help="offline: 'instant' or 'first=0.3,rate=100'; replay: seconds a chunk."
)
@_option(
    "--api-key", env="API_KEYS", type=TextList(), multiple=True, help="A key that clients must send. May be repeated."
)
@_option("--api-key-file", env="API_KEY_FILE", metavar="PATH", help="More keys, one a line; read again at SIGHUP.")
@_option("--origin", env="ORIGINS", type=TextList(), multiple=True, help="A web origin that may use this server.")
@_option("--allowed-host", env="ALLOWED_HOSTS", type=TextList(), multiple=True, help="A host name to answer to.")
@_option("--max-body", env="MAX_BODY", type=click.IntRange(1), metavar="MIB", default=32, show_default=True)
@_option("--max-file", env="MAX_FILE", type=click.IntRange(1), metavar="MIB", default=2048, show_default=True)
@_option(
    "--max-streams", env="MAX_STREAMS", type=click.IntRange(1), default=100, show_default=True, help="For each key."
)
@_option(
    "--requests-per-minute",
    env="REQUESTS_PER_MINUTE",
    type=click.IntRange(1),
    metavar="N",
    help="For each key; none unless set.",
)
@_option(
    "--store",
    env="STORE",
    default="sqlite:?shared=yes",
    show_default=True,
    metavar="URL",
    help="Where answers that have a name are kept: memory:, sqlite:PATH or redis://HOST.",
)
@_option(
    "--chats",
    env="CHATS",
    metavar="URL",
    help="Where chats are kept: memory:, sqlite:PATH or postgresql://HOST/DATABASE (else chats.db beside the log).",
)
@_option(
    "--lease",
    env="LEASE",
    type=click.FloatRange(0.5),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="A server that shares the log is taken for dead when it says nothing for so long.",
)
@_option("--secret", env="SECRET", metavar="TEXT", help="What links are signed with; one in the log, unless set.")
@_option("--store-hours", env="STORE_HOURS", type=click.FloatRange(0), default=24.0, show_default=True)
@_option(
    "--store-size",
    env="STORE_SIZE",
    type=click.IntRange(1),
    metavar="MIB",
    help="Of all kept answers; none unless set.",
)
@_option(
    "--durable-streams/--no-durable-streams",
    env="DURABLE_STREAMS",
    default=False,
    help=f"Let clients make streams under {DURABLE}/.",
)
@_option("--file-hours", env="FILE_HOURS", type=click.FloatRange(0), default=48.0, show_default=True)
@_option(
    "--head-timeout", env="HEAD_TIMEOUT", type=click.FloatRange(0.1), default=10.0, show_default=True, metavar="SECONDS"
)
@_option(
    "--stall-timeout",
    env="STALL_TIMEOUT",
    type=click.FloatRange(0.1),
    default=20.0,
    show_default=True,
    metavar="SECONDS",
)
@_option(
    "--keep-alive", env="KEEP_ALIVE", type=click.FloatRange(0.1), default=15.0, show_default=True, metavar="SECONDS"
)
@_option("--grace", env="GRACE", type=click.FloatRange(0), default=10.0, show_default=True, metavar="SECONDS")
@_option("--log-level", env="LOG_LEVEL", type=_LEVELS, default="warning", show_default=True)
@_option("--access-log/--no-access-log", env="ACCESS_LOG", default=True, help="A JSON line for each request on stderr.")
def serve(**options: Any) -> None:
    """Serve an engine as the Gemini API.

    Every client of Gemini can use it: point its base URL here. Ctrl-C stops it: running answers get --grace seconds.
    """
    try:
        from headwater.server import run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "headwater":
            raise
        raise UsageError(_NO_SERVER) from error
    keys = _keys(options)
    _check_reach(options["host"], keys)
    engine, why = _engine(options)
    application = _application(engine, keys, options)
    run.log_to_stderr(options["log_level"], access_log=options["access_log"])
    listener = run.listen(options["host"], options["port"])
    url = _url(options["host"], listener.getsockname()[1])
    click.echo(f"headwater serves the {engine.name} engine, {why}.")
    click.echo(f"Listening on {url} (Ctrl-C stops it)")
    click.echo(f"Try: {_trial(url, keys)}")
    click.echo(f"Or open {url} in a browser, to chat")
    reload = _reload(application, options)
    run.serve(application, listener, log_level=options["log_level"], reload=reload)


def _keys(options: dict[str, Any]) -> list[str]:
    from headwater.server.http.keys import read_keys

    path = options["api_key_file"]
    return [*options["api_key"], *(read_keys(path) if path else ())]


def _reload(application: Any, options: dict[str, Any]) -> Callable[[], None] | None:
    """What SIGHUP does: read the keys again, where they are in a file."""
    from headwater.server.http.keys import key_reloader

    path = options["api_key_file"]
    return key_reloader(application.state.server.auth, path, options["api_key"]) if path else None


def _application(engine: Engine, keys: Sequence[str], options: dict[str, Any]) -> Any:
    from headwater.log.open import open_log
    from headwater.server import Limits, ServerConfig, app
    from headwater.server.chats.store import open_store

    mib = 1024 * 1024
    limits = Limits(
        max_body=options["max_body"] * mib,
        max_file=options["max_file"] * mib,
        max_streams=options["max_streams"],
        requests_per_minute=options["requests_per_minute"],
        file_ttl=options["file_hours"] * 3600,
        store_ttl=options["store_hours"] * 3600,
        store_size=options["store_size"] and options["store_size"] * mib,
        head_timeout=options["head_timeout"],
        stall_timeout=options["stall_timeout"],
        keep_alive=options["keep_alive"],
    )
    config = ServerConfig(
        api_keys=keys,
        origins=options["origin"],
        allowed_hosts=options["allowed_host"],
        limits=limits,
        durable_streams=options["durable_streams"],
        secret=options["secret"],
        lease=options["lease"],
        grace=options["grace"],
    )
    return app(
        engine,
        engines=_by_model(options),
        log=open_log(options["store"]),
        chats=open_store(options["chats"] or _chats_beside(options["store"])),
        config=config,
    )


def _chats_beside(log: str) -> str:
    """Where chats are kept if nobody says it: as the log is, else in a file of the user's."""
    kind, _, place = log.partition(":")
    path = place.partition("?")[0].removeprefix("//") if kind == "sqlite" else ""
    if kind == "memory":
        return "memory:"
    return f"sqlite:{Path(path).with_name('chats.db')}" if path else "sqlite:"


def _engine(options: dict[str, Any]) -> tuple[Engine, str]:
    """The engine, and why it is this one."""
    named = options["engine"]
    if named:
        return _make(named, options), f"as asked ({named})"
    key = next((name for name in _KEYS if os.environ.get(name, "").strip()), None)
    if options["upstream"]:
        return _make("gemini", options), f"since an upstream is named ({options['upstream']})"
    if key is None:
        return _make("offline", options), "a storyteller without a model, since GEMINI_API_KEY is not set"
    return _make("gemini", options), f"since {key} is set"


def _by_model(options: dict[str, Any]) -> dict[str, Engine]:
    found = {}
    for entry in options["model_engine"]:
        pattern, sign, name = entry.partition("=")
        if not (pattern and sign and name):
            raise UsageError(f"--model-engine {entry!r} is not PATTERN=NAME, for example 'test-*=offline'")
        found[pattern] = _make(name, options)
    return found


def _make(name: str, options: dict[str, Any]) -> Engine:
    kind, _, rest = name.partition(":")
    match kind:
        case "gemini" if not rest:
            from headwater.engines.gemini import GeminiEngine

            upstream = options["upstream"]
            if not upstream:
                return GeminiEngine()
            key = None if any(os.environ.get(name) for name in _KEYS) else "none"  # another headwater may need none
            return GeminiEngine(api_key=key, http_options={"base_url": _checked(upstream)})
        case "offline":
            from headwater.engines.offline import OfflineEngine
            from headwater.transport.offline import parse_pace

            return OfflineEngine(parse_pace(rest or _pace_of("offline", options)))
        case "replay" if rest:
            from headwater.engines.replay import ReplayEngine

            return ReplayEngine(rest, pace=_seconds(_pace_of("replay", options)))
    raise UsageError(f"there is no engine {name!r}: gemini, offline or replay:DIR")


def _pace_of(kind: str, options: dict[str, Any]) -> str:
    """``--pace``, which is a number for the replay engine and words for the offline one; each ignores the other's."""
    pace = options["pace"] or ""
    is_number = pace.replace(".", "", 1).isdecimal()
    return pace if is_number == (kind == "replay") else ""


def _seconds(text: str) -> float:
    return float(text) if text else 0.0


def _checked(upstream: str) -> str:
    """The upstream's URL: TLS, or this machine.

    Raises:
        UsageError: it would send the key over the network in the clear, or is no URL.
    """
    parts = urlsplit(upstream)
    if parts.scheme == "https" and parts.hostname:
        return upstream
    if parts.scheme == "http" and is_loopback(parts.hostname or ""):
        return upstream
    raise UsageError(f"--upstream {upstream!r} is not https://..., nor http:// on this machine")


def _check_reach(host: str, keys: Sequence[str]) -> None:
    if not keys and not is_loopback(host):
        raise UsageError(
            f"--host {host} can be reached from other machines, so API keys are needed: "
            "set HEADWATER_API_KEYS (or --api-key), or listen on 127.0.0.1"
        )


def _url(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound here
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _trial(url: str, keys: Sequence[str]) -> str:
    key = " -H 'x-goog-api-key: YOUR-KEY'" if keys else ""
    body = """{"contents":[{"parts":[{"text":"Tell me a story about a river."}]}]}"""
    path = f"v1beta/models/{DEFAULT_MODEL}:streamGenerateContent?alt=sse"
    return f"curl -N '{url}/{path}'{key} -H 'content-type: application/json' -d '{body}'"
