"""``client.models`` as google-genai's programs and tests use it."""

import json
from typing import Any

from headwater import genai
from headwater.genai import types


def test_an_answer_has_the_body_of_its_http_response_if_asked(side: Any) -> None:
    client = genai.Client(api_key="k", http_options={"base_url": "offline:instant"})
    answer = side.ask(client, config={"should_return_http_response": True})
    assert json.loads(answer.sdk_http_response.body)["candidates"][0]["content"]["role"] == "model"
    assert "content-type" in answer.sdk_http_response.headers
    assert side.ask(client).sdk_http_response.body is None


def test_an_answer_can_be_made_with_what_is_not_in_its_json() -> None:
    """Tests of other packages make answers so."""
    answer = types.GenerateContentResponse(
        candidates=[],
        parsed={"a": 1},
        sdk_http_response=types.HttpResponse(headers={"x-a": "1"}, body="{}"),
        automatic_function_calling_history=[types.UserContent("a")],
    )
    assert (answer.parsed, answer.automatic_function_calling_history) == ({"a": 1}, [types.UserContent("a")])
    assert answer.sdk_http_response == types.HttpResponse(headers={"x-a": "1"}, body="{}")
    assert types.GenerateContentResponse(sdk_http_response=None).sdk_http_response is None
    kind: Any = types.ListModelsResponse
    assert kind(sdk_http_response={"body": "x"}).sdk_http_response == types.HttpResponse(headers={}, body="x")
