"""``headwater.views.show`` outside a notebook: that of the terminal."""

from __future__ import annotations

import asyncio
import io

import pytest

from headwater import genai
from headwater.views import ashow, show


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> genai.Client:
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "offline:instant")
    return genai.Client()


def test_show_writes_plain_text_where_there_is_no_terminal(client: genai.Client) -> None:
    file = io.StringIO()
    stream = client.models.generate_content_stream(model="m", contents="Tell me a story in 30 words.")
    answer = show(stream, file=file, button=False)
    assert file.getvalue() == answer.text


def test_ashow_does_the_same(client: genai.Client) -> None:
    async def scenario() -> None:
        file = io.StringIO()
        stream = await client.aio.models.generate_content_stream(model="m", contents="Tell me a story in 30 words.")
        answer = await ashow(stream, file=file)
        assert file.getvalue() == answer.text

    asyncio.run(scenario())


def test_standard_output_is_the_default(client: genai.Client, capsys: pytest.CaptureFixture[str]) -> None:
    answer = show(client.models.generate_content_stream(model="m", contents="Say hello."), thoughts="hide")
    assert capsys.readouterr().out == answer.text
