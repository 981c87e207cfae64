"""``client.models`` as google-genai's programs and tests use it."""

import json
from typing import Any

import pydantic

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


class City(pydantic.BaseModel):
    """What a program asks for."""

    name: str


def test_an_answer_can_be_made_of_its_json() -> None:
    """Private in google-genai, and yet what programs with another transport call."""
    kind: Any = types.GenerateContentResponse
    text = {"candidates": [{"content": {"parts": [{"text": '{"name": "Ulm"}'}]}, "finishReason": "STOP"}], "new": 1}
    answer = kind._from_response(response=text, kwargs={"config": {"response_schema": City}})
    assert (answer.parsed, answer.candidates[0].finish_reason) == (City(name="Ulm"), types.FinishReason.STOP)
    assert kind._from_response(response=text, kwargs={}).parsed is None
    assert kind._from_response(response={}).candidates is None


PAGES = {None: ("a", "2"), "2": ("b", None)}


def page_of(config: types.ListModelsConfig) -> types.ListModelsResponse:
    """One page of two models."""
    name, token = PAGES[config.page_token]
    page = types.ListModelsResponse(models=[types.Model(name=name)], next_page_token=token)
    page.sdk_http_response = types.HttpResponse(headers={"x-page": name})
    return page


async def page_later(config: types.ListModelsConfig) -> types.ListModelsResponse:
    return page_of(config)


def test_a_pager_says_what_it_lists_and_how_the_next_page_is_requested(side: Any) -> None:
    config = types.ListModelsConfig(page_size=1)
    kind: Any = genai.pagers.AsyncPager if side.name == "async" else genai.pagers.Pager
    pager = kind(page_later if side.name == "async" else page_of, config, page_of(config))
    assert (pager.name, pager.page_size, len(pager)) == ("models", 1, 1)
    assert pager.config == {"page_size": 1, "page_token": "2"}
    assert side.do(pager.next_page())[0].name == "b"
    assert pager.config == {"page_size": 1, "page_token": None}
    assert pager.sdk_http_response.headers == {"x-page": "b"}
