"""Chat completions in an endpoint of one's own: a request, headwater's client, and its stream as events."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from headwater import genai
from headwater.protocols import ChatCompletions, ChatRequest, aencoded, chat_completion, chat_error, encoded, read_chat
from headwater.protocols.openai.fields import ChatFieldError

BODY = {
    "model": "gemini-3.8-flash",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Weather in Paris?"}],
    "tools": [
        {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    ],
    "tool_choice": "required",
    "max_tokens": 50,
}


def _sync(client: genai.Client, chat: ChatRequest, encoder: Any) -> bytes:
    stream = client.models.generate_content_stream(model=chat.model, contents=chat.contents, config=chat.config)
    return b"".join(encoded(stream, encoder))


def _async(client: genai.Client, chat: ChatRequest, encoder: Any) -> bytes:
    async def run() -> bytes:
        models = client.aio.models
        stream = await models.generate_content_stream(model=chat.model, contents=chat.contents, config=chat.config)
        return b"".join([piece async for piece in aencoded(stream, encoder)])

    return asyncio.run(run())


@pytest.mark.parametrize("answer", [_sync, _async])
def test_a_request_is_answered_by_headwater_s_client(answer: Any) -> None:
    client = genai.Client(http_options={"base_url": "offline:instant"})
    chat = read_chat(json.dumps(BODY).encode())
    body = answer(client, chat, ChatCompletions(model=chat.model))
    assert body.endswith(b'"finish_reason":"tool_calls","native_finish_reason":"STOP"}]}\n\ndata: [DONE]\n\n')
    whole = client.models.generate_content(model=chat.model, contents=chat.contents, config=chat.config)
    message = json.loads(chat_completion(whole, model=chat.model))["choices"][0]["message"]
    assert message["tool_calls"][0]["function"]["name"] == "weather"
    assert message["content"] is None
    assert answer(client, read_chat(BODY | {"model": "nonexistent"}), ChatCompletions()).startswith(b'data: {"error"')


def test_a_refusal_names_its_field() -> None:
    with pytest.raises(ChatFieldError) as caught:
        read_chat({"model": "m"})
    assert chat_error(caught.value)["error"]["param"] == "messages"
