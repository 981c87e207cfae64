"""Every exception that headwater raises, in one tree. Programs of google-genai know it as ``genai.errors``.

    HeadwaterError
    |- UsageError                   a mistake of the caller; nothing was sent (also ValueError)
    |- APIError                     the API answered with an error
    |  |- ClientError               4xx
    |  |  |- AuthenticationError    401, 403
    |  |  |- NotFoundError          404
    |  |  |- RateLimitError         429, with .retry_after
    |  |- ServerError               5xx
    |- StreamError                  the connection failed; .partial is what was received
    |  |- ConnectError              no response at all (also ConnectionError)
    |  |- StreamInterrupted         cut in the middle (also ConnectionError)
    |  |- StreamTruncated           a clean end without a finish reason
    |  |- StreamStalled             no data for too long (also TimeoutError)
    |  |- DeadlineExceeded          the whole call took too long (also TimeoutError)
    |  |- StreamCancelled           cancelled by the caller
    |- BlockedError                 prompt or answer was blocked; raised only with raise_on_block=True
    |- WireError                    the other side broke the protocol (also ValueError)
    |- ParseError                   the answer is not the requested JSON (also ValueError)
    |- FunctionCallError            a model's arguments do not fit the function (also ValueError)
    |- LogError                     an operation on a log failed
       |- UnknownStreamError        no such log (also LookupError)
       |- SealedError               it is sealed
       |- ConflictError             another writer wrote to it

An error in the middle of a stream loses nothing: ``error.partial`` is the answer so far, folded into one
response, and every chunk received was delivered before the error is raised.

Errors can be pickled. The classes whose arguments are not their state (``args`` is what pickle calls a class with)
define ``__reduce__``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

__all__ = [
    "APIError",
    "AuthenticationError",
    "BlockedError",
    "ClientError",
    "ConflictError",
    "ConnectError",
    "DeadlineExceeded",
    "FunctionCallError",
    "FunctionInvocationError",
    "HeadwaterError",
    "LogError",
    "NotFoundError",
    "ParseError",
    "RateLimitError",
    "SealedError",
    "ServerError",
    "StreamCancelled",
    "StreamError",
    "StreamInterrupted",
    "StreamStalled",
    "StreamTruncated",
    "UnknownApiResponseError",
    "UnknownFunctionCallArgumentError",
    "UnknownStreamError",
    "UnsupportedFunctionError",
    "UsageError",
    "WireError",
    "api_error",
]


class HeadwaterError(Exception):
    """The root of every error raised by headwater."""

    #: The answer so far as one ``GenerateContentResponse``; None if nothing was received.
    partial: Any = None
    #: Where it happened: ``"request"``, ``"connect"``, ``"head"`` (before the first chunk) or ``"body"``.
    phase: str = "request"
    #: How many requests were sent for this call.
    attempts: int = 0
    #: Where to resume, in this or another process (see ``resume_stream``); None if the server does not store streams.
    position: str | None = None

    @property
    def summary(self) -> str:
        """What happened, in one line for people. ``str`` of an ``APIError`` may have the API's details, too."""
        return str(self)


class UsageError(HeadwaterError, ValueError):
    """The call itself is wrong; nothing was sent. The message says what to change."""


#: What a WebSocket is closed with. The second argument of such an error is the reason, in google-genai its details.
_CLOSE_CODES = range(1000, 5000)


class APIError(HeadwaterError):
    """The API answered with an error, before the stream or in the middle of it.

    ``code`` (int), ``status`` (such as "RESOURCE_EXHAUSTED", or None), ``message`` and ``details`` (the parsed JSON
    of the response) are google-genai's names. ``headers`` has the headers of the HTTP response, and ``response`` the
    same for programs that look there.

    Like google-genai's it can also be made from the response's JSON: ``APIError(429, {"error": {"message": ...}})``,
    also as ``response_json=``.
    """

    def __init__(
        self,
        code: int | None,
        message: str | Mapping[str, Any] | None = None,
        response: Any = None,
        *,
        response_json: Any = None,
        status: str | None = None,
        details: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        # google-genai's form: the second argument is the JSON of the response, with or without its "error" object.
        message = response_json if message is None else message
        if isinstance(message, Mapping):
            details, inner = message, message.get("error")
            fields = {**(inner if isinstance(inner, Mapping) else {}), **message}
            code, status, message = code or fields.get("code"), status or fields.get("status"), fields.get("message")
        elif isinstance(message, str) and code in _CLOSE_CODES:  # google-genai's form of an error of a WebSocket
            message, details = None, message
        self.code: int = code  # type: ignore[assignment]  # None only where the JSON has none
        self.message: str = message  # type: ignore[assignment]
        self.status = status
        self.details = details
        self.headers: Mapping[str, str] = headers or getattr(response, "headers", None) or {}
        self._response = response
        super().__init__(code, message)

    @classmethod
    def raise_error(cls, code: int, details: Any, response: Any = None) -> NoReturn:
        """Raise the error for ``code``, made from the response's JSON.

        Raises:
            APIError: always.
        """
        if isinstance(details, Mapping):
            raise kind_of(code)(code, details, response)
        raise kind_of(code)(code, None, response, details=details)

    @classmethod
    def raise_for_response(cls, response: Any) -> None:
        """Raise the error of an HTTP response of your own (httpx's, for example); do nothing below 400.

        Raises:
            APIError: if the status code is 400 or more.
        """
        if response.status_code >= 400:
            response.read()
            cls.raise_error(response.status_code, _details(response), response)

    @classmethod
    async def raise_for_async_response(cls, response: Any) -> None:
        """Raise the error of an async HTTP response; do nothing below 400.

        Raises:
            APIError: if the status code is 400 or more.
        """
        if response.status_code >= 400:
            await response.aread()
            cls.raise_error(response.status_code, _details(response), response)

    @property
    def response(self) -> Any:
        """The headers of the HTTP response, or the response itself if the error was made with one."""
        return self.headers if self._response is None else self._response

    @property
    def status_code(self) -> int:
        """The same as ``code``: google-genai's name for it in the errors of interactions."""
        return self.code

    @property
    def body(self) -> Any:
        """The same as ``details``: google-genai's name for it in the errors of interactions."""
        return self.details

    @property
    def retry_after(self) -> float | None:
        """The wait in seconds that the API asks for (``RetryInfo`` or ``Retry-After``); None if it does not say."""
        return _retry_delay(self.details) or _seconds(self.headers.get("retry-after"))

    @property
    def summary(self) -> str:
        """Code, status and message, without the API's details."""
        return f"{self.code} {self.status or ''}".rstrip() + f": {self.message or self.details}"

    def __str__(self) -> str:
        # In google-genai's form. Programs search it for "retryDelay" and the names of quotas.
        return self.summary if _typed_details(self.details) is None else f"{self.summary.rstrip('.')}. {self.details}"

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = (type(self), self.code, self.message, self.status, self.details, dict(self.headers))
        return (_rebuild, arguments, {**self.__dict__, "headers": dict(self.headers)})


class ClientError(APIError):
    """4xx: the request cannot succeed as it is."""


class AuthenticationError(ClientError):
    """401 or 403: the key is missing, wrong, or lacks permission."""


class NotFoundError(ClientError):
    """404: no such model, file or path."""


class RateLimitError(ClientError):
    """429: too many requests; ``retry_after`` is the wait that the API asks for, if it does."""


class ServerError(APIError):
    """5xx: a failure of the API; a later retry may succeed."""


class StreamError(HeadwaterError):
    """The connection to the API failed. ``partial`` has what was received."""


class ConnectError(StreamError, ConnectionError):
    """No response at all: the name does not resolve, or the connection or its TLS is refused or lost."""


class StreamInterrupted(StreamError, ConnectionError):
    """The connection was lost in the middle of the answer."""


class StreamTruncated(StreamError):
    """The answer ended cleanly but without a finish reason, so it may be incomplete."""


class _DeadlineError(StreamError, TimeoutError):
    """A deadline expired: ``deadline`` is its name, ``limit`` its seconds, ``elapsed`` the seconds of the call."""

    def __init__(self, message: str, *, deadline: str = "", limit: float | None = None, elapsed: float = 0.0) -> None:
        super().__init__(message)
        self.deadline = deadline
        self.limit = limit
        self.elapsed = elapsed

    def __reduce__(self) -> tuple[Any, ...]:
        return (_with_attributes, (type(self), self.args, dict(self.__dict__)))


class StreamStalled(_DeadlineError):
    """No data arrived for too long: ``deadline`` is ``first_content``, ``content_gap``, ``byte_gap`` or ``connect``."""


class DeadlineExceeded(_DeadlineError):
    """The whole call took longer than its deadline; ``deadline`` is ``total``."""


class StreamCancelled(StreamError):
    """The caller cancelled the stream; ``reason`` is the argument of ``cancel``."""

    reason: str = ""


class BlockedError(HeadwaterError):
    """The prompt or the answer was blocked: ``block_reason`` is the API's, ``partial`` what was received.

    Raised only with ``raise_on_block=True``; otherwise see ``stream.ending``.
    """

    def __init__(
        self,
        message: str,
        *,
        block_reason: str | None = None,
        is_prompt: bool = False,
        safety_ratings: tuple[Any, ...] = (),
    ) -> None:
        super().__init__(message)
        self.block_reason = block_reason
        self.is_prompt = is_prompt
        self.safety_ratings = safety_ratings

    def __reduce__(self) -> tuple[Any, ...]:
        return (_with_attributes, (type(self), self.args, dict(self.__dict__)))


class WireError(HeadwaterError, ValueError):
    """The other side sent bytes that break the protocol; the message shows their beginning."""


class ParseError(HeadwaterError, ValueError):
    """The text of an answer is not JSON, or does not fit the requested type.

    ``offset`` is the position of the first wrong character, if known; ``text`` the whole text, if available.
    """

    def __init__(self, message: str, *, offset: int | None = None, text: str | None = None) -> None:
        super().__init__(message if offset is None else f"{message} (at character {offset})")
        self.offset = offset
        self.text = text

    def __reduce__(self) -> tuple[Any, ...]:
        return (_with_attributes, (type(self), self.args, dict(self.__dict__)))


class FunctionCallError(HeadwaterError, ValueError):
    """A model's arguments do not fit the function. In automatic calls the model gets it; direct calls raise it."""


#: google-genai's names. ``FunctionInvocationError`` is never raised: a function that fails is reported to the model.
UnknownFunctionCallArgumentError = FunctionInvocationError = FunctionCallError
UnsupportedFunctionError = UsageError
UnknownApiResponseError = WireError


class LogError(HeadwaterError):
    """An operation on a log failed."""


class UnknownStreamError(LogError, LookupError):
    """The log does not exist, or no longer."""


class SealedError(LogError):
    """The log is sealed; nothing can be appended."""


class ConflictError(LogError):
    """The log is not at the offset that the writer expected: another writer has written."""


_BY_CODE: dict[int, type[APIError]] = {
    401: AuthenticationError,
    403: AuthenticationError,
    404: NotFoundError,
    429: RateLimitError,
}


def api_error(
    code: int,
    message: str,
    *,
    status: str | None = None,
    details: Any = None,
    headers: Mapping[str, str] | None = None,
) -> APIError:
    """Return an APIError of the class for ``code``."""
    return kind_of(code)(code, message, status=status, details=details, headers=headers)


def kind_of(code: int) -> type[APIError]:
    """Return the class of errors for ``code``."""
    kind = ClientError if 400 <= code < 500 else ServerError if 500 <= code < 600 else APIError
    return _BY_CODE.get(code, kind)


def _details(response: Any) -> Any:
    """Return the JSON of an error response, or its text."""
    try:
        return response.json()
    except ValueError:
        return {"message": response.text, "status": response.reason_phrase}


def _rebuild(
    kind: type[APIError], code: int, message: str, status: str | None, details: Any, headers: dict[str, str]
) -> APIError:
    return kind(code, message, status=status, details=details, headers=headers)


def _with_attributes(kind: type[HeadwaterError], args: tuple[Any, ...], attributes: dict[str, Any]) -> HeadwaterError:
    error = kind(*args)
    error.__dict__.update(attributes)
    return error


def _retry_delay(details: Any) -> float | None:
    """Return the ``retryDelay`` of a google.rpc.RetryInfo in an error body, in seconds."""
    for entry in _typed_details(details) or ():
        if isinstance(entry, dict) and isinstance(entry.get("retryDelay"), str):
            return _seconds(entry["retryDelay"].removesuffix("s"))
    return None


def _typed_details(details: Any) -> list[Any] | None:
    """Return what an error says beyond its message: google.rpc.Status has a list of typed messages, or nothing."""
    error = details.get("error") if isinstance(details, dict) else None
    entries = error.get("details") if isinstance(error, dict) else None
    return entries if isinstance(entries, list) and entries else None


#: In seconds: a day. A longer wait cannot be meant.
_LONGEST_WAIT = 86_400.0


def _seconds(text: str | None) -> float | None:
    try:
        seconds = max(0.0, float(text)) if text else None
    except ValueError:
        return None
    return seconds if seconds is None or seconds < _LONGEST_WAIT else None
