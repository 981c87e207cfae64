"""The requests for streams that a headwater server keeps by name, and what their readers put up with; no colour."""

from __future__ import annotations

import re
import secrets
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

import msgspec

from headwater.client.options.call_options import CallOptions, StreamOptions, check
from headwater.client.request import build
from headwater.client.request.settings import Settings
from headwater.client.stream.dialects import ANSWERS
from headwater.contract import paths
from headwater.contract.headers import IDEMPOTENCY_KEY
from headwater.core.machine.policy import Retry
from headwater.core.wire.dialect import Dialect
from headwater.core.wire.gemini_resume import read_position, resume_request
from headwater.core.wire.request import HttpRequest
from headwater.core.wire.server_streams import ServerStreamDialect, StreamInfoDialect, request_after
from headwater.errors import UsageError
from headwater.types import GenerateContentConfig, HttpOptions

EVENTS = ServerStreamDialect()
STATES = StreamInfoDialect()
#: More than a minute of tries: a server that is started again, or another that takes its place, takes seconds.
READER_RETRY = Retry(attempts=40, initial_delay=0.2, max_delay=2.0)
#: A server sends something every 15 seconds, even where the model is silent.
BYTE_GAP = 45.0
#: Where the API stops by itself, the server goes on.
_PLAIN = GenerateContentConfig(automatic_continuation=False)
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_CALL = ("retry", "deadlines", "cancel")
_NO_SERVER = "named streams are kept by a server: run `headwater serve` and pass its address as http_options.base_url"


class StreamReadPlan(NamedTuple):
    """The arguments that ``Caller.stream`` takes to read an existing stream."""

    request: HttpRequest
    config: GenerateContentConfig
    options: StreamOptions
    dialect: Dialect[Any]
    after: int
    name: str | None


def start(
    settings: Settings, model: str, contents: Any, config: GenerateContentConfig, key: str | None, on_break: str
) -> HttpRequest:
    """Return the request that begins a stream; without a ``key`` it gets one, so that it can be sent again."""
    request = build.generate_content(settings, model, contents, config, stream=True)
    body = {**msgspec.json.decode(request.body or b"{}"), "model": model, "on_break": on_break}
    headers = {**request.headers, IDEMPOTENCY_KEY: secrets.token_urlsafe(24) if key is None else key}
    return HttpRequest("POST", _url(settings, "", config.http_options), headers, msgspec.json.encode(body))


def get_info(settings: Settings, name: str) -> HttpRequest:
    """Return the request for what is known of a stream."""
    return HttpRequest("GET", _url(settings, _path(name)), settings.headers())


def stop(settings: Settings, name: str) -> HttpRequest:
    """Return the request that stops a stream."""
    return HttpRequest("POST", _url(settings, _path(name) + paths.STOP), settings.headers(), b"{}")


def attach(
    settings: Settings,
    name: str,
    after: int | str,
    options: StreamOptions,
    config: GenerateContentConfig = _PLAIN,
) -> StreamReadPlan:
    """Return how a stream is read after so many events, or from a position on.

    Raises:
        UsageError: that is no name, or no place in that stream.
    """
    count = _count(name, after)
    http = config.http_options
    request = HttpRequest("GET", _url(settings, _path(name) + paths.EVENTS, http), settings.headers(http))
    return StreamReadPlan(request_after(request, count), config, reader_options(settings, options), EVENTS, count, name)


def resume(settings: Settings, position: str, options: StreamOptions) -> StreamReadPlan:
    """Return how the rest of any stream is read, from a position on.

    Raises:
        UsageError: that is no position.
    """
    path, name, after = read_position(position)
    base = urlsplit(settings.base_url)
    url = f"{base.scheme}://{base.netloc}{path}"
    if path.endswith(f"{paths.STREAMS}/{name}{paths.EVENTS}"):
        request = request_after(HttpRequest("GET", url, settings.headers()), after)
        return StreamReadPlan(request, _PLAIN, reader_options(settings, options), EVENTS, after, name)
    options.setdefault("on_break", "continue")
    request = HttpRequest("POST", url, settings.headers(), b"{}")
    return StreamReadPlan(resume_request(request, name, after), GenerateContentConfig(), options, ANSWERS, after, None)


def reader_options(settings: Settings, options: StreamOptions) -> StreamOptions:
    """Return ``options`` with patience for lines that are cut and servers that begin anew, where they ask for none."""
    chosen = {**settings.defaults, **check(options, stream=True)}
    deadlines = settings.deadlines()
    if deadlines.byte_gap is None:
        deadlines = msgspec.structs.replace(deadlines, byte_gap=BYTE_GAP)
    own: StreamOptions = {"on_break": "continue", "retry": READER_RETRY, "deadlines": deadlines}
    return cast("StreamOptions", {name: own[name] for name in own if name not in chosen} | options)  # type: ignore[literal-required]


def call_options(options: StreamOptions) -> CallOptions:
    """Return those options of a stream that are for the call which begins it, too."""
    return cast("CallOptions", {name: value for name, value in options.items() if name in _CALL})


def reading_config(config: GenerateContentConfig) -> GenerateContentConfig:
    """Return the config of the request as its reader needs it: functions are for who runs where the answer is made."""
    return config.model_copy(update={"tools": None, "automatic_continuation": False})


def _count(name: str, after: int | str) -> int:
    if isinstance(after, str):
        _, stream, count = read_position(after)
        if stream != name:
            raise UsageError(f"that position is one of the stream {stream!r}, not of {name!r}")
        return count
    if not isinstance(after, int) or isinstance(after, bool) or after < 0:
        raise UsageError(f"after is the number of events that have come, or stream.position, not {after!r}")
    return after


def _path(name: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not the name of a stream: pass what stream.name said")
    return f"/{name}"


def _url(settings: Settings, path: str, options: HttpOptions | None = None) -> str:
    return settings.server_url(paths.STREAMS.removeprefix("/") + path, options, otherwise=_NO_SERVER)
