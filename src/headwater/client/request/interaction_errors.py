"""The names of google-genai's second tree of errors, that of ``interactions``, as classes of the one tree here.

google-genai raises errors of its own for interactions, in modules that are private; ``except genai.errors.APIError``
does not catch them. Here each error is caught by both. Only statuses that have a class of their own are told apart:
``BadRequestError`` and ``ConflictError`` are every other 4xx.
"""

from __future__ import annotations

from headwater.errors import (
    APIError,
    AuthenticationError,
    ClientError,
    HeadwaterError,
    NotFoundError,
    RateLimitError,
    ServerError,
    StreamError,
    StreamStalled,
    WireError,
)

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIResponseValidationError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "ConflictError",
    "GeminiNextGenAPIClientError",
    "InternalServerError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "UnprocessableEntityError",
]

GeminiNextGenAPIClientError = HeadwaterError
APIStatusError = APIError
BadRequestError = ConflictError = UnprocessableEntityError = ClientError
PermissionDeniedError = AuthenticationError
InternalServerError = ServerError
APIConnectionError = StreamError
APITimeoutError = StreamStalled
APIResponseValidationError = WireError
