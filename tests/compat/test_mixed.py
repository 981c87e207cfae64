"""Programs that use both packages pass what one returns to the other."""

import json
import warnings
from typing import Any

import pytest

from headwater import types
from headwater.errors import UsageError
from headwater.types.dump import adopt
from tests.support.servers import Server, whole

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    theirs: Any = pytest.importorskip("google.genai.types")

TURN = theirs.Content(role="user", parts=[theirs.Part(text="hi"), theirs.Part.from_bytes(data=b"a", mime_type="b/c")])


@pytest.mark.parametrize(
    "contents",
    [TURN, [TURN], TURN.parts, [theirs.File(uri="https://f", mime_type="text/plain"), "hi"]],
    ids=["a content", "a list", "parts", "a file"],
)
def test_contents_and_config_of_google_genai_are_sent_as_headwaters_own(side: Any, contents: Any) -> None:
    config = theirs.GenerateContentConfig(
        temperature=0.5,
        system_instruction=theirs.Content(parts=[theirs.Part(text="be brief")]),
        tools=[theirs.Tool(google_search=theirs.GoogleSearch())],
    )
    with Server(whole) as server:
        side.ask(server.client(), contents=contents, config=config)
        sent = server.requests[-1].json
    parts = [part for turn in sent["contents"] for part in turn["parts"]]
    assert [next(iter(part)) for part in parts] in (["text", "inlineData"], ["fileData", "text"])
    assert sent["systemInstruction"]["parts"] == [{"text": "be brief"}]
    assert (sent["tools"], sent["generationConfig"]) == ([{"googleSearch": {}}], {"temperature": 0.5})


def test_a_chat_begins_with_a_history_of_google_genai(side: Any) -> None:
    with Server(whole) as server:
        chat = side.chat(server.client(), history=[TURN, theirs.Content(role="model", parts=[theirs.Part(text="ho")])])
        side.do(chat.send_message(theirs.Part(text="and now?")))
        assert [turn["role"] for turn in server.requests[-1].json["contents"]] == ["user", "model", "user"]


def test_what_is_nested_is_taken_and_what_does_not_fit_is_refused() -> None:
    content = types.Content(role="user", parts=TURN.parts)
    assert json.loads(content.model_dump_json(exclude_none=True))["parts"][0] == {"text": "hi"}
    assert adopt(content) is content
    with pytest.raises(UsageError, match="Content has no field 'text'"):
        types.Content.model_validate(theirs.Part(text="a"))
