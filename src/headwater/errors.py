"""Every exception that headwater raises, in one tree.

    HeadwaterError
    |- UsageError                    the caller's side; nothing was sent            (also ValueError)
    |- APIError                      the API answered with an error
    |  |- ClientError                4xx
    |  |  |- AuthenticationError     401, 403
    |  |  |- NotFoundError           404
    |  |  |- RateLimitError          429, with .retry_after
    |  |- ServerError                5xx
    |- StreamError                   the road to the answer broke; .partial is what had arrived
    |  |- ConnectError               no answer at all                                 (also ConnectionError)
    |  |- StreamInterrupted          cut in the middle                                (also ConnectionError)
    |  |- StreamTruncated            a clean end without a finish reason
    |  |- StreamStalled              nothing came for too long                        (also TimeoutError)
    |  |- DeadlineExceeded           the whole call took too long                     (also TimeoutError)
    |  |- StreamCancelled            cancelled by the caller
    |- BlockedError                  the prompt or the answer was refused; raised only where that is asked for
    |- WireError                     bytes that break the protocol: theirs            (also ValueError)
    |- ParseError                    the answer's text is not the JSON that was asked for (also ValueError)
    |- FunctionCallError             the model called a function with arguments that do not fit (also ValueError)
    |- LogError                      a stored stream cannot do that
       |- UnknownStreamError         there is no such stream                          (also LookupError)
       |- SealedError                it has ended
       |- ConflictError              somebody else wrote to it

An error raised in the middle of a stream loses nothing: ``error.partial`` is the answer so far, folded
into one response, and every chunk that had arrived was handed to the reader before the error.
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
    "UnknownStreamError",
    "UsageError",
    "WireError",
    "api_error",
]


class HeadwaterError(Exception):
    """The root of every error raised by headwater."""

    #: The answer so far as one ``GenerateContentResponse``; None when nothing had arrived.
    partial: Any = None
    #: Where it happened: ``"request"``, ``"connect"``, ``"head"`` (before the first chunk) or ``"body"``.
    phase: str = "request"
    #: How many requests were sent for this call.
    attempts: int = 0
    #: Where to go on, in another process too (see ``resume_stream``); None where the other end does not keep streams.
    position: str | None = None


class UsageError(HeadwaterError, ValueError):
    """The call itself is wrong; nothing was sent. The message says what to change."""


class APIError(HeadwaterError):
    """The API answered with an error, before the stream or in the middle of it.

    ``code`` (int), ``status`` ("RESOURCE_EXHAUSTED", None where there is none), ``message`` and
    ``details`` (the parsed JSON of the answer) are google-genai's names. ``headers`` holds the
    headers of the HTTP response, and ``response`` the same for code that looks there.

    Like google-genai's it can also be made of the answer's JSON: ``APIError(429, {"error": {"message": ...}})``.
    """

    def __init__(
        self,
        code: int | None,
        message: str | Mapping[str, Any] | None,
        response: Any = None,
        *,
        status: str | None = None,
        details: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if isinstance(message, Mapping):
            details, inner = message, message.get("error")
            told = {**(inner if isinstance(inner, Mapping) else {}), **message}
            code, status, message = code or told.get("code"), status or told.get("status"), told.get("message")
        self.code: int = code  # type: ignore[assignment]  # None only where the JSON has none
        self.message: str = message  # type: ignore[assignment]
        self.status = status
        self.details = details
        self.headers: Mapping[str, str] = headers or getattr(response, "headers", None) or {}
        self._response = response
        super().__init__(code, message)

    @classmethod
    def raise_error(cls, code: int, details: Any, response: Any = None) -> NoReturn:
        """Raise the error that suits ``code``, made of the answer's JSON.

        Raises:
            APIError: always.
        """
        if isinstance(details, Mapping):
            raise kind_of(code)(code, details, response)
        raise kind_of(code)(code, None, response, details=details)

    @classmethod
    def raise_for_response(cls, response: Any) -> None:
        """Raise the error that an HTTP response of your own (httpx's, for example) stands for; none below 400.

        Raises:
            APIError: its status code is 400 or more.
        """
        if response.status_code >= 400:
            response.read()
            cls.raise_error(response.status_code, _details(response), response)

    @classmethod
    async def raise_for_async_response(cls, response: Any) -> None:
        """Do the same for a response that has to be awaited.

        Raises:
            APIError: its status code is 400 or more.
        """
        if response.status_code >= 400:
            await response.aread()
            cls.raise_error(response.status_code, _details(response), response)

    @property
    def response(self) -> Any:
        """The headers of the HTTP response; or the response, if the error was made with one."""
        return self.headers if self._response is None else self._response

    @property
    def retry_after(self) -> float | None:
        """Seconds that the API asks to wait (``RetryInfo`` or ``Retry-After``); None when it does not say."""
        return _retry_delay(self.details) or _seconds(self.headers.get("retry-after"))

    def __str__(self) -> str:
        return f"{self.code} {self.status or ''}".rstrip() + f": {self.message or self.details}"

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = (type(self), self.code, self.message, self.status, self.details, dict(self.headers))
        return (_rebuild, arguments, {**self.__dict__, "headers": dict(self.headers)})


class ClientError(APIError):
    """4xx: the request cannot succeed as it is."""


class AuthenticationError(ClientError):
    """401 or 403: the key is missing, wrong or not allowed to do this."""


class NotFoundError(ClientError):
    """404: no such model, file or path."""


class RateLimitError(ClientError):
    """429: too many requests; ``retry_after`` says how long to wait, where the API says so."""


class ServerError(APIError):
    """5xx: the API's side; trying again later can help."""


class StreamError(HeadwaterError):
    """The road to the answer broke. ``partial`` keeps what had arrived."""


class ConnectError(StreamError, ConnectionError):
    """No answer at all: the name does not resolve, the connection or its TLS is refused or lost."""


class StreamInterrupted(StreamError, ConnectionError):
    """The connection was lost in the middle of the answer."""


class StreamTruncated(StreamError):
    """The answer ended cleanly but without a finish reason, so it is not known to be whole."""


class _DeadlineError(StreamError, TimeoutError):
    """One of the four deadlines expired: ``deadline`` is its name, ``limit`` its seconds, ``elapsed`` those of the call."""

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
    """The stream was cancelled by the caller; ``reason`` is what was given to ``cancel``."""

    reason: str = ""


class BlockedError(HeadwaterError):
    """The prompt or the answer was refused: ``block_reason`` is the API's word, ``partial`` what had come.

    Raised only with ``raise_on_block=True``; else ``stream.ending`` says it.
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
    """The other side sent bytes that break the protocol; the message shows how they begin."""


class ParseError(HeadwaterError, ValueError):
    """The text of an answer is not the JSON that was asked for, or does not fit the schema.

    ``offset`` is the character where it goes wrong, if that is known; ``text`` the whole text, if it is at hand.
    """

    def __init__(self, message: str, *, offset: int | None = None, text: str | None = None) -> None:
        super().__init__(message if offset is None else f"{message} (at character {offset})")
        self.offset = offset
        self.text = text

    def __reduce__(self) -> tuple[Any, ...]:
        return (_with_attributes, (type(self), self.args, dict(self.__dict__)))


class FunctionCallError(HeadwaterError, ValueError):
    """A model's arguments do not fit the function. The model is told; only a direct call raises this."""


#: google-genai's names for the same. It is the model that is told of a function that raised.
UnknownFunctionCallArgumentError = FunctionInvocationError = FunctionCallError
UnsupportedFunctionError = UsageError
UnknownApiResponseError = WireError


class LogError(HeadwaterError):
    """A stored stream cannot do that."""


class UnknownStreamError(LogError, LookupError):
    """There is no such stream, or no longer."""


class SealedError(LogError):
    """The stream has ended; nothing can be added."""


class ConflictError(LogError):
    """The stream is not where the writer believed it to be: somebody else wrote."""


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
    """Return the APIError of the class that suits ``code``."""
    return kind_of(code)(code, message, status=status, details=details, headers=headers)


def kind_of(code: int) -> type[APIError]:
    """Return the class of errors that suits ``code``."""
    kind = ClientError if 400 <= code < 500 else ServerError if 500 <= code < 600 else APIError
    return _BY_CODE.get(code, kind)


def _details(response: Any) -> Any:
    """What a response says is wrong: its JSON, or its text."""
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
    """The ``retryDelay`` of google.rpc.RetryInfo inside an error body."""
    if not isinstance(details, dict):
        return None
    error = details.get("error")
    entries = error.get("details") if isinstance(error, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("retryDelay"), str):
            return _seconds(entry["retryDelay"].removesuffix("s"))
    return None


#: A longer wait that is asked for (a day, in seconds) is no advice but a mistake.
_LONGEST_WAIT = 86_400.0


def _seconds(text: str | None) -> float | None:
    try:
        seconds = max(0.0, float(text)) if text else None
    except ValueError:
        return None
    return seconds if seconds is None or seconds < _LONGEST_WAIT else None
