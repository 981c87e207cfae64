"""Google Cloud credentials: access tokens by google-auth, renewed before they run out and after a 401.

Tokens are renewed in a thread of their own, one at a time however many calls wait for it, so that neither an event loop
nor a call that is being stopped is held up.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

from headwater.core.machine.steps import TransportError
from headwater.core.wire.request import HttpRequest
from headwater.errors import AuthenticationError, UsageError
from headwater.transport.base import AsyncBody, AsyncTransport, Body, Latch, Transport, WaitInterrupter, timeout_text

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
#: A token that has not come after this many seconds is given up, where the call itself has no limit.
_PATIENCE = 120.0
_UNAUTHENTICATED = 401


class AccessTokens:
    """The tokens of one client, of ``credentials``, or of the application default credentials where that is None."""

    def __init__(self, credentials: Any = None) -> None:
        if credentials is None:
            _need_google_auth()
        self._given = credentials
        self._credentials: Any = None
        self._project: str | None = None
        self._lock = threading.Lock()
        self._renewal: Future[None] | None = None
        self._process = os.getpid()

    def project(self) -> str | None:
        """Return the project that the credentials belong to, where they say so. Reads files, or asks the machine."""
        try:
            self._load()
        except Exception as error:
            raise explain(error) from error
        return self._project

    def wanted(self) -> Future[None] | None:
        """Return what to wait for before there is a token; None where there is one.

        One that soon runs out is used, and renewed meanwhile.
        """
        state = _state(self._credentials)
        if state == "FRESH":
            return None
        renewal = self._renew(lambda: _state(self._credentials) != "FRESH")
        return None if state == "STALE" else renewal

    def refused(self, request: HttpRequest) -> Future[None] | None:
        """Return what to wait for after the API refused the token of ``request``; None where there is a newer one."""
        return self._renew(lambda: self.sign(request).headers == request.headers)

    def sign(self, request: HttpRequest) -> HttpRequest:
        """Return ``request`` with the token, and with the project that pays where the credentials name one."""
        signed: dict[str, str] = {}
        self._credentials.apply(signed)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "authorization"}
        known = {name.lower() for name in headers}
        headers |= {name: value for name, value in signed.items() if name.lower() not in known}
        return HttpRequest(request.method, request.url, headers, request.body, request.once)

    def _renew(self, is_needed: Callable[[], bool]) -> Future[None] | None:
        """Begin to renew the token, or join those who wait for that already; None where it has just been done."""
        with self._lock:
            # a forked child has the renewal of its parent, but not the thread that carries it out
            runs = self._renewal is not None and not self._renewal.done() and self._process == os.getpid()
            if not runs and not is_needed():
                return None
            if not runs:
                self._renewal, self._process = Future(), os.getpid()
                self._renewal.set_running_or_notify_cancel()  # so that nobody who stops waiting cancels it
                threading.Thread(target=self._run, args=(self._renewal,), name="headwater-token", daemon=True).start()
            return self._renewal

    def _run(self, renewal: Future[None]) -> None:
        try:
            self._load()
            self._credentials.refresh(_GoogleRequest())
        except BaseException as error:  # raised where the token is waited for
            renewal.set_exception(error)
        else:
            renewal.set_result(None)

    def _load(self) -> None:
        if self._credentials is not None:
            return
        if self._given is None:
            import google.auth

            self._credentials, self._project = google.auth.default(scopes=SCOPES)
        else:
            self._credentials = _scoped(self._given)
            self._project = getattr(self._given, "project_id", None)


class AuthorizedTransport:
    """A transport whose requests carry a token. A request that carries its own is left as it is."""

    def __init__(self, transport: Transport, tokens: AccessTokens) -> None:
        self._transport = transport
        self._tokens = tokens

    def open(self, request: HttpRequest, timeout: float | None, waiting: WaitInterrupter) -> Body:
        """Send ``request`` with a token; once more with a new one where the API refuses it."""
        if is_signed(request):
            return self._transport.open(request, timeout, waiting)
        _wait(self._tokens.wanted(), timeout, waiting)
        signed = self._tokens.sign(request)
        body = self._transport.open(signed, timeout, waiting)
        if body.status != _UNAUTHENTICATED:
            return body
        try:
            _wait(self._tokens.refused(signed), timeout, waiting)
        except (AuthenticationError, UsageError):  # what the API says tells more
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
        """Send ``request`` with a token; once more with a new one where the API refuses it."""
        if is_signed(request):
            return await self._transport.open(request, timeout, waiting)
        await _wait_async(self._tokens.wanted(), timeout, waiting)
        signed = self._tokens.sign(request)
        body = await self._transport.open(signed, timeout, waiting)
        if body.status != _UNAUTHENTICATED:
            return body
        try:
            await _wait_async(self._tokens.refused(signed), timeout, waiting)
        except (AuthenticationError, UsageError):  # what the API says tells more
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
    """Return whether a request carries an authorization of its own."""
    return any(name.lower() == "authorization" for name in request.headers)


def explain(error: BaseException) -> BaseException:
    """Return the error of ours that an error of google-auth means; any other as it is."""
    exceptions: Any = sys.modules.get("google.auth.exceptions")  # it is loaded where the error is one of its
    if exceptions is None:
        return error
    if isinstance(error, exceptions.DefaultCredentialsError):
        return UsageError(
            "there are no Google Cloud credentials: run 'gcloud auth application-default login', set "
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
    """What google-auth sends its requests through: our own transport, with its proxies and certificates."""

    def __init__(self) -> None:
        from headwater.transport.sync import UrllibTransport

        self._transport = UrllibTransport()

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = _PATIENCE,
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
    """An answer as google-auth reads it."""

    def __init__(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
        self.status = status
        self.headers = headers
        self.data = data


def _wait(renewal: Future[None] | None, timeout: float | None, waiting: WaitInterrupter) -> None:
    if renewal is None:
        return
    latch, limit = Latch(), _PATIENCE if timeout is None else timeout
    renewal.add_done_callback(lambda _: latch.open())
    with waiting.on(latch.open):
        latch.wait(limit)
    _judge(renewal, limit, waiting)


async def _wait_async(renewal: Future[None] | None, timeout: float | None, waiting: WaitInterrupter) -> None:
    if renewal is None:
        return
    import asyncio

    loop, woken = asyncio.get_running_loop(), asyncio.Event()
    limit = _PATIENCE if timeout is None else timeout

    def wake(_: object = None) -> None:
        with suppress(RuntimeError):  # the loop has ended, and nobody waits any more
            loop.call_soon_threadsafe(woken.set)

    renewal.add_done_callback(wake)
    with waiting.on(wake), suppress(TimeoutError):
        async with asyncio.timeout(limit):
            await woken.wait()
    _judge(renewal, limit, waiting)


def _judge(renewal: Future[None], limit: float, waiting: WaitInterrupter) -> None:
    """Raise what came of waiting for a token, unless there is one."""
    if waiting.ended:
        raise TransportError("aborted", "the call was stopped while it waited for an access token")
    if not renewal.done():
        raise TransportError("timeout", timeout_text(limit))
    error = renewal.exception()
    if error is not None:
        raise explain(error) from error


def _state(credentials: Any) -> str:
    """``FRESH``, ``STALE`` (soon to run out) or ``INVALID``."""
    if credentials is None:
        return "INVALID"
    state = getattr(credentials, "token_state", None)
    return state.name if state is not None else "FRESH" if credentials.valid else "INVALID"


def _scoped(credentials: Any) -> Any:
    """Service accounts want to be told what the token is for."""
    if getattr(credentials, "requires_scopes", False):
        return credentials.with_scopes(SCOPES)
    return credentials


def _need_google_auth() -> None:
    if find_spec("google") is None or find_spec("google.auth") is None:
        raise UsageError(
            "Vertex AI with Google Cloud credentials needs google-auth: pip install 'headwater[vertex]', "
            "or pass api_key=... (express mode)"
        )
