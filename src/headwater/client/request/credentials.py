"""Google Cloud credentials: access tokens from google-auth, refreshed before they expire and after a 401.

A refresh blocks (google-auth is synchronous), so it runs in a thread of its own: neither an event loop nor a call that
is being cancelled waits for it. At most one refresh runs at a time; all calls that need a token wait for the same
``Future``. google-auth's three states decide who waits: with FRESH nobody does; STALE (about to expire) starts a
refresh while the old token is still used; INVALID makes the call wait.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from headwater.core.machine.steps import TransportError
from headwater.core.wire.request import HttpRequest
from headwater.errors import AuthenticationError, UsageError
from headwater.extras import missing_package
from headwater.transport.base import AsyncBody, AsyncTransport, Body, Latch, Transport, WaitInterrupter, timeout_text

if TYPE_CHECKING:
    from concurrent.futures import Future

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
#: How long a call without a deadline waits for a token, in seconds.
_TOKEN_TIMEOUT = 120.0
_UNAUTHENTICATED = 401


class AccessTokens:
    """The access tokens of one client: from ``credentials``, or the application default credentials if that is None."""

    def __init__(self, credentials: Any = None) -> None:
        if credentials is None:
            _require_google_auth()
        self._source = credentials
        self._credentials: Any = None
        self._project: str | None = None
        self._lock = threading.Lock()
        self._running: Future[None] | None = None
        self._process = os.getpid()

    def project(self) -> str | None:
        """Return the project of the credentials, if they name one. Reads files or queries the metadata server."""
        try:
            self._load()
        except Exception as error:
            raise explain(error) from error
        return self._project

    def refresh_if_needed(self) -> Future[None] | None:
        """Return what to wait for before a token can be used; None if there is a valid one.

        A token that is about to expire is used while it is refreshed in the background.
        """
        state = _state(self._credentials)
        if state == "FRESH":
            return None
        refresh = self._start_refresh(lambda: _state(self._credentials) != "FRESH")
        return None if state == "STALE" else refresh

    def refresh_after(self, request: HttpRequest) -> Future[None] | None:
        """Return what to wait for after the API rejected the token of ``request``; None if there is a newer one."""
        return self._start_refresh(lambda: self.sign(request).headers == request.headers)

    def sign(self, request: HttpRequest) -> HttpRequest:
        """Return ``request`` with the token, and with the quota project if the credentials name one."""
        signed: dict[str, str] = {}
        self._credentials.apply(signed)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "authorization"}
        known = {name.lower() for name in headers}
        headers |= {name: value for name, value in signed.items() if name.lower() not in known}
        return HttpRequest(request.method, request.url, headers, request.body, request.once)

    def _start_refresh(self, is_needed: Callable[[], bool]) -> Future[None] | None:
        """Start a refresh, or join the one that runs; None if another call has just finished one."""
        # Here, since it imports logging, and few programs have tokens to refresh.
        from concurrent.futures import Future

        with self._lock:
            # A forked child inherits the Future of its parent's refresh, but not the thread that would complete it.
            runs = self._running is not None and not self._running.done() and self._process == os.getpid()
            if not runs and not is_needed():
                return None
            if not runs:
                self._running, self._process = Future(), os.getpid()
                self._running.set_running_or_notify_cancel()  # so that a waiter that gives up cannot cancel it
                threading.Thread(target=self._run, args=(self._running,), name="headwater-token", daemon=True).start()
            return self._running

    def _run(self, refresh: Future[None]) -> None:
        try:
            self._load()
            self._credentials.refresh(_GoogleRequest())
        except BaseException as error:  # raised by each call that waits for the token
            refresh.set_exception(error)
        else:
            refresh.set_result(None)

    def _load(self) -> None:
        if self._credentials is not None:
            return
        if self._source is None:
            import google.auth

            self._credentials, self._project = google.auth.default(scopes=SCOPES)
        else:
            self._credentials = _scoped(self._source)
            self._project = getattr(self._source, "project_id", None)


class AuthorizedTransport:
    """A transport that adds an access token to each request that has no ``Authorization`` header of its own."""

    def __init__(self, transport: Transport, tokens: AccessTokens) -> None:
        self._transport = transport
        self._tokens = tokens

    def open(self, request: HttpRequest, timeout: float | None, waiting: WaitInterrupter) -> Body:
        """Send ``request`` with a token; once more with a new token if the API answers 401."""
        if is_signed(request):
            return self._transport.open(request, timeout, waiting)
        _wait(self._tokens.refresh_if_needed(), timeout, waiting)
        signed = self._tokens.sign(request)
        body = self._transport.open(signed, timeout, waiting)
        if body.status != _UNAUTHENTICATED:
            return body
        try:
            _wait(self._tokens.refresh_after(signed), timeout, waiting)
        except (AuthenticationError, UsageError):  # the API's own 401 says more than this
            return body
        except BaseException:
            body.close()
            raise
        body.close()
        return self._transport.open(self._tokens.sign(request), timeout, waiting)

    def close(self) -> None:
        """Close the idle connections."""
        self._transport.close()


class AsyncAuthorizedTransport:
    """``AuthorizedTransport`` for coroutines."""

    def __init__(self, transport: AsyncTransport, tokens: AccessTokens) -> None:
        self._transport = transport
        self._tokens = tokens

    async def open(self, request: HttpRequest, timeout: float | None, waiting: WaitInterrupter) -> AsyncBody:
        """Send ``request`` with a token; once more with a new token if the API answers 401."""
        if is_signed(request):
            return await self._transport.open(request, timeout, waiting)
        await _wait_async(self._tokens.refresh_if_needed(), timeout, waiting)
        signed = self._tokens.sign(request)
        body = await self._transport.open(signed, timeout, waiting)
        if body.status != _UNAUTHENTICATED:
            return body
        try:
            await _wait_async(self._tokens.refresh_after(signed), timeout, waiting)
        except (AuthenticationError, UsageError):  # the API's own 401 says more than this
            return body
        except BaseException:
            body.close()
            raise
        body.close()
        return await self._transport.open(self._tokens.sign(request), timeout, waiting)

    async def close(self) -> None:
        """Close the idle connections of the running loop."""
        await self._transport.close()


def is_signed(request: HttpRequest) -> bool:
    """Return whether a request has an ``Authorization`` header already."""
    return any(name.lower() == "authorization" for name in request.headers)


def explain(error: BaseException) -> BaseException:
    """Return headwater's error for one of google-auth; any other error unchanged."""
    exceptions: Any = sys.modules.get("google.auth.exceptions")  # loaded if the error is google-auth's
    if exceptions is None:
        return error
    if isinstance(error, exceptions.DefaultCredentialsError):
        return UsageError(
            "no Google Cloud credentials: run 'gcloud auth application-default login', set "
            f"GOOGLE_APPLICATION_CREDENTIALS, or pass credentials=... or api_key=... ({error})"
        )
    if isinstance(error, exceptions.TransportError) or (
        isinstance(error, exceptions.GoogleAuthError) and error.retryable
    ):
        return TransportError("connect", f"no access token: {error}")
    if isinstance(error, exceptions.GoogleAuthError):
        message = f"Google Cloud gave no access token for these credentials: {error}"
        return AuthenticationError(_UNAUTHENTICATED, message, status="UNAUTHENTICATED")
    return error


class _GoogleRequest:
    """google-auth's ``Request`` over our transport, so that the same proxies and certificates apply."""

    def __init__(self) -> None:
        from headwater.transport.sync import UrllibTransport

        self._transport = UrllibTransport()

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = _TOKEN_TIMEOUT,
        **_: Any,
    ) -> _GoogleResponse:
        from google.auth.exceptions import TransportError as Failure

        try:
            answer = self._transport.open(HttpRequest(method, url, headers or {}, body), timeout, WaitInterrupter())
            data = b"".join(iter(lambda: answer.read(timeout), b""))
        except TransportError as error:
            raise Failure(error) from error  # type: ignore[no-untyped-call]
        answer.close()
        self._transport.close()
        return _GoogleResponse(answer.status, answer.headers, data)


class _GoogleResponse:
    """A response with the attributes that google-auth reads."""

    def __init__(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
        self.status = status
        self.headers = headers
        self.data = data


def _wait(refresh: Future[None] | None, timeout: float | None, waiting: WaitInterrupter) -> None:
    if refresh is None:
        return
    latch, limit = Latch(), _TOKEN_TIMEOUT if timeout is None else timeout
    refresh.add_done_callback(lambda _: latch.open())
    with waiting.on(latch.open):
        latch.wait(limit)
    _raise_failure(refresh, limit, waiting)


async def _wait_async(refresh: Future[None] | None, timeout: float | None, waiting: WaitInterrupter) -> None:
    if refresh is None:
        return
    import asyncio

    loop, woken = asyncio.get_running_loop(), asyncio.Event()
    limit = _TOKEN_TIMEOUT if timeout is None else timeout

    def wake(_: object = None) -> None:
        with suppress(RuntimeError):  # the loop is closed, and so nothing waits
            loop.call_soon_threadsafe(woken.set)

    refresh.add_done_callback(wake)
    with waiting.on(wake), suppress(TimeoutError):
        async with asyncio.timeout(limit):
            await woken.wait()
    _raise_failure(refresh, limit, waiting)


def _raise_failure(refresh: Future[None], limit: float, waiting: WaitInterrupter) -> None:
    """Raise the error of a wait that did not end with a token."""
    if waiting.ended:
        raise TransportError("aborted", "the call was stopped while it waited for an access token")
    if not refresh.done():
        raise TransportError("timeout", timeout_text(limit))
    error = refresh.exception()
    if error is not None:
        raise explain(error) from error


def _state(credentials: Any) -> str:
    """Return google-auth's ``TokenState``: ``FRESH``, ``STALE`` (about to expire) or ``INVALID``."""
    if credentials is None:
        return "INVALID"
    # Credentials of older google-auth versions, and home-made ones, have no token_state.
    state = getattr(credentials, "token_state", None)
    return state.name if state is not None else "FRESH" if credentials.valid else "INVALID"


def _scoped(credentials: Any) -> Any:
    """Return credentials with a scope; service accounts need one."""
    if getattr(credentials, "requires_scopes", False):
        return credentials.with_scopes(SCOPES)
    return credentials


def _require_google_auth() -> None:
    if find_spec("google") is None or find_spec("google.auth") is None:
        user = "Vertex AI without api_key=... (express mode)"
        raise UsageError(missing_package("google-auth", "vertex", user=user))
