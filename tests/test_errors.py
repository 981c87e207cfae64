"""Errors of the API: made of the answer's JSON as google-genai makes them, by their code, from foreign responses."""

import asyncio
import pickle
from types import SimpleNamespace
from typing import Any

import pytest

from headwater import errors

BODY = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "slow down"}}


def response(code: Any, body: Any = None, text: Any = "oops") -> Any:
    """A response as httpx has it."""

    def json() -> Any:
        if body is None:
            raise ValueError("no JSON")
        return body

    async def aread() -> None: ...

    return SimpleNamespace(
        status_code=code, read=lambda: None, aread=aread, json=json, text=text, reason_phrase="Bad", headers={"a": "b"}
    )


def test_an_error_can_be_made_of_the_answers_json() -> None:
    """Code, status and message are found in it, and what is outside of ``error`` goes before what is inside."""
    error = errors.ClientError(429, BODY)
    assert (error.code, error.status, error.message, error.details) == (429, "RESOURCE_EXHAUSTED", "slow down", BODY)
    outer = errors.APIError(None, {"code": 400, **BODY})
    assert (outer.code, outer.message) == (400, "slow down")
    assert str(errors.APIError(1, {})) == "1: {}"


def test_it_can_be_pickled() -> None:
    """What it says survives."""
    again = pickle.loads(pickle.dumps(errors.ClientError(429, BODY)))
    assert (type(again), again.code, again.details) == (errors.ClientError, 429, BODY)


@pytest.mark.parametrize(
    ("code", "kind"), [(401, errors.AuthenticationError), (429, errors.RateLimitError), (503, errors.ServerError)]
)
def test_a_code_has_its_class(code: Any, kind: Any) -> None:
    """Whoever raises it."""
    with pytest.raises(kind) as raised:
        errors.APIError.raise_error(code, BODY)
    assert raised.value.code == code
    with pytest.raises(kind):
        errors.APIError.raise_error(code, "text")


def test_a_foreign_response_raises_what_it_stands_for() -> None:
    """Its JSON or its text is the detail, its headers are kept; a good one raises nothing."""
    errors.APIError.raise_for_response(response(200))
    with pytest.raises(errors.RateLimitError, match="slow down") as raised:
        errors.APIError.raise_for_response(response(429, BODY))
    assert raised.value.headers == {"a": "b"}
    assert raised.value.response.status_code == 429
    with pytest.raises(errors.ServerError) as raised:  # type: ignore[assignment]
        asyncio.run(errors.APIError.raise_for_async_response(response(500)))
    assert (raised.value.message, raised.value.status) == ("oops", "Bad")


def test_google_genais_names_are_ours() -> None:
    """Code that catches them catches what headwater raises."""
    assert errors.UnknownFunctionCallArgumentError is errors.FunctionCallError
    assert errors.UnsupportedFunctionError is errors.UsageError


def test_the_keyword_of_google_genai_makes_the_same_error() -> None:
    """Tests of other packages write it."""
    error = errors.ClientError(code=429, response_json=BODY, response=None)
    assert (error.code, error.status, error.message, error.details) == (429, "RESOURCE_EXHAUSTED", "slow down", BODY)
    assert str(errors.ServerError(503, response_json={})) == "503: {}"


def test_details_are_in_the_text_of_an_error_and_not_in_its_summary() -> None:
    """Programs search the text for ``retryDelay``; people read the summary."""
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s"}]
    error = errors.RateLimitError(429, {"error": {**BODY["error"], "message": "Slow down.", "details": details}})
    assert error.summary == "429 RESOURCE_EXHAUSTED: Slow down."
    assert str(error).startswith("429 RESOURCE_EXHAUSTED: Slow down. {'error': {")
    assert "'retryDelay': '3s'" in str(error)
    assert error.retry_after == 3
    plain = errors.ClientError(429, BODY)
    assert str(plain) == plain.summary == "429 RESOURCE_EXHAUSTED: slow down"
    assert errors.UsageError("a").summary == "a"
