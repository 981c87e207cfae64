"""What ``client_args``, ``httpx_client`` and the like mean: which transport carries the requests of a client."""

from __future__ import annotations

import base64
import importlib
import inspect
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from headwater.errors import UsageError
from headwater.transport.base import AsyncTransport, Transport, is_http, tls_context
from headwater.transport.network import ENVIRONMENT, Network
from headwater.types import HttpOptions

if TYPE_CHECKING:
    import ssl

#: Arguments of httpx and aiohttp that are the default here, or make no difference to a response: accepted, ignored.
IGNORED = frozenset({"limits", "http1", "http2", "follow_redirects", "max_redirects", "timeout", "default_encoding"})
#: Arguments that headwater's own transports honor.
_NATIVE = frozenset({"proxy", "verify", "ssl", "cert", "headers", "cookies", "auth", "trust_env"})
#: Arguments that only a client of httpx itself can honor; one is made from all the arguments then.
_FOR_HTTPX = frozenset({"transport", "mounts", "event_hooks", "params"})
_REPLACEMENTS = {
    "base_url": "pass http_options={'base_url': ...}",
    "proxies": "pass 'proxy', the URL of one proxy, or 'mounts'",
    "connector": "pass http_options={'aiohttp_client': aiohttp.ClientSession(connector=...)}",
}
_PACKAGES = ("httpx2", "httpx")
#: google-genai's variable for the package that sends requests. Here nothing is sent with either unless it is set.
PACKAGE_VARIABLE = "GOOGLE_GENAI_HTTP_CLIENT"


class HttpArguments(msgspec.Struct, frozen=True):
    """What ``client_args`` or ``async_client_args`` say, checked."""

    network: Network = ENVIRONMENT
    #: The arguments for a client of httpx, if only such a client can honor them.
    for_httpx: dict[str, Any] | None = None


def parse_arguments(arguments: Mapping[str, Any] | None, name: str) -> HttpArguments:
    """Return what the arguments mean; ``name`` is the field that they were passed in.

    Raises:
        UsageError: if one of them cannot be honored; the message says what to do.
    """
    wanted = {key: value for key, value in (arguments or {}).items() if key not in IGNORED and value is not None}
    for key in sorted(wanted.keys() - _NATIVE - _FOR_HTTPX):
        instead = _REPLACEMENTS.get(key, "leave it out, or pass a client of your own as httpx_client")
        raise UsageError(f"{key!r} of {name} cannot be honored here: {instead}")
    if _FOR_HTTPX & wanted.keys() or not _is_native(wanted) or chosen_package() is not None:
        if "ssl" in wanted:
            raise UsageError(f"'ssl' of {name} is aiohttp's, and the other arguments are for httpx: use 'verify'")
        _check_for_httpx(wanted, name)
        return HttpArguments(for_httpx=dict(arguments or {}))
    return HttpArguments(_network(wanted, name)) if wanted else HttpArguments()


def chosen_package() -> str | None:
    """Return the package that the environment chooses for all requests, ``httpx`` or ``httpx2``; None for neither."""
    name = os.environ.get(PACKAGE_VARIABLE, "").strip().lower()
    return name if name in _PACKAGES else None


def check_clients(options: HttpOptions) -> None:
    """Check that the clients in ``options`` are what their fields say.

    Raises:
        UsageError: if one is something else, a sync client in place of an async one above all.
    """
    for name, is_async in (("httpx_client", False), ("httpx_async_client", True)):
        client = getattr(options, name)
        send = getattr(client, "send", None)
        is_client = callable(send) and hasattr(client, "build_request")
        if client is not None and not (is_client and inspect.iscoroutinefunction(send) == is_async):
            kind = "an httpx.AsyncClient" if is_async else "an httpx.Client"
            raise UsageError(f"{name} is {kind} (of httpx or httpx2), not {type(client).__name__}")
    session = options.aiohttp_client
    if session is not None and not (hasattr(session, "request") and hasattr(session, "connector")):
        raise UsageError(f"aiohttp_client is an aiohttp.ClientSession, not {type(session).__name__}")


def check_call_options(options: HttpOptions, client: HttpOptions) -> None:
    """Check that the options of one call do not ask for another HTTP client than that of the ``client``.

    Raises:
        UsageError: if they do.
    """
    for name in ("httpx_client", "httpx_async_client", "aiohttp_client", "client_args", "async_client_args"):
        value, known = getattr(options, name), getattr(client, name)
        if value is None or value is known or (isinstance(value, Mapping) and value == known):
            continue
        if isinstance(value, Mapping) and value.keys() <= IGNORED:
            continue
        raise UsageError(f"{name} belongs to the client, not to one call: pass it to genai.Client(http_options=...)")


def make_transport(options: HttpOptions, arguments: HttpArguments) -> Transport:
    """Return the transport of sync calls."""
    if options.httpx_client is None and arguments.for_httpx is None:
        from headwater.transport.sync import UrllibTransport

        return UrllibTransport(arguments.network)
    from headwater.transport.httpx_clients import HttpxTransport

    if options.httpx_client is not None:
        return HttpxTransport(options.httpx_client)
    return HttpxTransport(_httpx_client("Client", arguments.for_httpx or {}), is_own=True)


def make_async_transport(options: HttpOptions, arguments: HttpArguments) -> AsyncTransport:
    """Return the transport of async calls."""
    if options.httpx_async_client is not None or (options.aiohttp_client is None and arguments.for_httpx is not None):
        from headwater.transport.httpx_clients import AsyncHttpxTransport

        if options.httpx_async_client is not None:
            return AsyncHttpxTransport(options.httpx_async_client)
        given = arguments.for_httpx or {}
        return AsyncHttpxTransport(make=lambda: _httpx_client("AsyncClient", given))
    from headwater.transport.aio import AiohttpTransport, SessionTransport

    if options.aiohttp_client is not None:
        return SessionTransport(options.aiohttp_client)
    return AiohttpTransport(arguments.network)


def _check_for_httpx(wanted: Mapping[str, Any], name: str) -> None:
    """Check what httpx would only find out when the first request is sent."""
    _package(wanted)
    method = "handle_request" if name == "client_args" else "handle_async_request"
    if "transport" in wanted and not hasattr(wanted["transport"], method):
        raise UsageError(f"'transport' of {name} is {wanted['transport']!r}, which has no method {method}")
    proxy = wanted.get("proxy")
    if isinstance(proxy, str) and "://" not in proxy:  # not shown, because it may contain a password
        raise UsageError(f"'proxy' of {name} must be a URL, as http://host:port")


def _is_native(wanted: Mapping[str, Any]) -> bool:
    """Whether the arguments are in forms that headwater's own transports understand."""
    proxy, auth, headers = wanted.get("proxy"), wanted.get("auth"), wanted.get("headers")
    return (
        (proxy is None or (isinstance(proxy, str) and is_http(proxy)))
        and (auth is None or _is_pair(auth))
        and (headers is None or isinstance(headers, Mapping))
        and isinstance(wanted.get("cookies", {}), Mapping)
    )


def _is_pair(auth: Any) -> bool:
    return isinstance(auth, tuple) and all(isinstance(text, str) for text in auth[:2]) and len(auth) >= 2


def _network(wanted: Mapping[str, Any], name: str) -> Network:
    headers = {str(key): str(value) for key, value in (wanted.get("headers") or {}).items()}
    if cookies := wanted.get("cookies"):
        headers["Cookie"] = "; ".join(f"{key}={value}" for key, value in cookies.items())
    if auth := wanted.get("auth"):
        headers["Authorization"] = f"Basic {base64.b64encode(':'.join(auth[:2]).encode()).decode()}"
    return Network(
        proxy=wanted.get("proxy"),
        tls=_tls(wanted, name),
        uses_environment=bool(wanted.get("trust_env", True)),
        headers=headers,
    )


def _tls(wanted: Mapping[str, Any], name: str) -> ssl.SSLContext | None:
    """Return the context for ``verify``, ``ssl`` and ``cert``; None for the usual one."""
    verify, certificate = wanted.get("verify", wanted.get("ssl", True)), wanted.get("cert")
    if verify is True and certificate is None:
        return None
    import ssl

    if isinstance(verify, ssl.SSLContext):
        context = verify
    elif isinstance(verify, bool):
        context = tls_context.__wrapped__()  # a new one: the usual one is shared by all clients
        if not verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    else:
        context = _loaded(lambda: _trusting(str(verify)), f"'verify' of {name}")
    if certificate is not None:
        chain = (certificate,) if isinstance(certificate, str) else tuple(certificate)
        _loaded(lambda: context.load_cert_chain(*chain), f"'cert' of {name}")
    return context


def _trusting(place: str) -> ssl.SSLContext:
    import ssl

    if os.path.isdir(place):
        return ssl.create_default_context(capath=place)
    return ssl.create_default_context(cafile=place)


def _loaded(load: Callable[[], Any], what: str) -> Any:
    try:
        return load()
    except (OSError, TypeError, ValueError) as error:  # the errors of TLS are OSErrors, too
        raise UsageError(f"{what} cannot be used: {error}") from error


def _httpx_client(kind: str, arguments: Mapping[str, Any]) -> Any:
    """Return a client of the package that the arguments come from, with headwater's certificates unless told."""
    make = getattr(importlib.import_module(_package(arguments)), kind)
    try:
        return make(**{"verify": tls_context(), **arguments})
    except TypeError as error:
        raise UsageError(f"httpx refuses the arguments in client_args: {error}") from error


def _package(arguments: Mapping[str, Any]) -> str:
    """Return which of the two packages the values belong to; if to none, the one that is installed."""
    for value in arguments.values():
        for kind in type(value).__mro__:
            root = kind.__module__.partition(".")[0]
            if root in _PACKAGES:
                return root
    from importlib.util import find_spec

    chosen = chosen_package()
    for package in _PACKAGES if chosen is None else (chosen,):
        if find_spec(package) is not None:
            return package
    if chosen is not None:
        raise UsageError(f"{PACKAGE_VARIABLE}={chosen}, but {chosen} is not installed: pip install {chosen}")
    named = ", ".join(sorted(set(arguments) - IGNORED))
    raise UsageError(f"client_args ({named}) need httpx, which is not installed: pip install httpx")
