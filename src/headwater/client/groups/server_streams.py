"""Stored streams of a headwater server: requests, and the options of their readers. No I/O.

A reader outlives its server: the server may be restarted, or another may take a stream over, which takes seconds. So
readers resume after a break by default and retry for more than a minute, unless the caller chose otherwise.
"""

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
from headwater.types.dump import plain_model

EVENTS = ServerStreamDialect()
STATES = StreamInfoDialect()
#: More than a minute of retries: a restart, or a takeover by another server, takes seconds.
READER_RETRY = Retry(attempts=40, initial_delay=0.2, max_delay=2.0)
#: In seconds. A server sends a heartbeat every 15 seconds, even while the model is silent.
BYTE_GAP = 45.0
#: The server continues answers that stop at the API's own limit, so its readers need not.
_PLAIN = GenerateContentConfig(automatic_continuation=False)
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_CALL = ("retry", "deadlines", "cancel")
_NO_SERVER = (
    "stored streams need a headwater server: run `headwater serve` and pass its address as http_options.base_url"
)


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
    """Return the request that starts a stream. It always has an idempotency key, so that it can be retried."""
    request = build.generate_content(settings, model, contents, config, stream=True)
    body = {**msgspec.json.decode(request.body or b"{}"), "model": model, "on_break": on_break}
    headers = {**request.headers, IDEMPOTENCY_KEY: secrets.token_urlsafe(24) if key is None else key}
    return HttpRequest(
        "POST", _url(settings, "", config.http_options), headers, msgspec.json.encode(body, enc_hook=plain_model)
    )


def get_info(settings: Settings, name: str) -> HttpRequest:
    """Return the request for the state of a stream."""
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
    """Return how to read a stream after its first ``after`` events, or from a position.

    Raises:
        UsageError: if the name is invalid, or the position is that of another stream.
    """
    count = _count(name, after)
    http = config.http_options
    request = HttpRequest("GET", _url(settings, _path(name) + paths.EVENTS, http), settings.headers(http))
    return StreamReadPlan(request_after(request, count), config, reader_options(settings, options), EVENTS, count, name)


def resume(settings: Settings, position: str, options: StreamOptions) -> StreamReadPlan:
    """Return how to read the rest of any stream from a position.

    Raises:
        UsageError: if it is not a position.
    """
    # A position has no host and no key: it is read from wherever this client connects to, with this client's key.
    path, name, after = read_position(position)
    base = urlsplit(settings.base_url)
    url = f"{base.scheme}://{base.netloc}{path}"
    if path.endswith(f"{paths.STREAMS}/{name}{paths.EVENTS}"):
        request = request_after(HttpRequest("GET", url, settings.headers()), after)
        return StreamReadPlan(request, _PLAIN, reader_options(settings, options), EVENTS, after, name)
    # A stream of the Gemini endpoint: the server has its request, so the body is empty; headers say what to resume.
    options.setdefault("on_break", "continue")
    request = HttpRequest("POST", url, settings.headers(), b"{}")
    return StreamReadPlan(resume_request(request, name, after), GenerateContentConfig(), options, ANSWERS, after, None)


def reader_options(settings: Settings, options: StreamOptions) -> StreamOptions:
    """Return ``options`` with defaults that survive broken connections and restarts of the server."""
    chosen = {**settings.defaults, **check(options, stream=True)}
    deadlines = settings.deadlines()
    if deadlines.byte_gap is None:
        deadlines = msgspec.structs.replace(deadlines, byte_gap=BYTE_GAP)
    own: StreamOptions = {"on_break": "continue", "retry": READER_RETRY, "deadlines": deadlines}
    return cast("StreamOptions", {name: own[name] for name in own if name not in chosen} | options)  # type: ignore[literal-required]


def call_options(options: StreamOptions) -> CallOptions:
    """Return the options of a stream that also apply to the call that starts it."""
    return cast("CallOptions", {name: value for name, value in options.items() if name in _CALL})


def reading_config(config: GenerateContentConfig) -> GenerateContentConfig:
    """Return the config for the reader: without tools, which are called where the answer is generated."""
    return config.model_copy(update={"tools": None, "automatic_continuation": False})


def _count(name: str, after: int | str) -> int:
    # A position of another stream would be a count into the wrong answer.
    if isinstance(after, str):
        _, stream, count = read_position(after)
        if stream != name:
            raise UsageError(f"the position belongs to the stream {stream!r}, not to {name!r}")
        return count
    if not isinstance(after, int) or isinstance(after, bool) or after < 0:
        raise UsageError(f"after must be a number of events, or stream.position, not {after!r}")
    return after


def _path(name: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not the name of a stream: pass stream.name")
    return f"/{name}"


def _url(settings: Settings, path: str, options: HttpOptions | None = None) -> str:
    return settings.server_url(paths.STREAMS.removeprefix("/") + path, options, otherwise=_NO_SERVER)
