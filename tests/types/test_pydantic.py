"""Types in pydantic models, in FastAPI and in dataclass tools: validated, dumped and described."""

import dataclasses
import inspect
import pprint
import sys
import warnings
from typing import Any

import pydantic
import pydantic_core
import pytest
from fastapi import FastAPI

from headwater import types
from headwater.errors import UsageError
from headwater.types import core_schema, dicts, fields
from headwater.types.base import ApiModel

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks for another package
    from fastapi.testclient import TestClient

PARTS: list[Any] = [{"text": "x"}, {"inlineData": {"data": "AAEC", "mime_type": "image/png"}}]
CONTENT: dict[str, Any] = {"role": "user", "parts": PARTS}
MODELS = [kind for kind in vars(types).values() if inspect.isclass(kind) and issubclass(kind, ApiModel)]


class Turn(pydantic.BaseModel):
    """A model of a program, which keeps what it sends."""

    content: types.Content
    reason: types.FinishReason | None = None
    extra: types.Content | types.Part | str | None = None
    config: types.GenerateContentConfigDict | None = None


def test_a_field_takes_dicts_in_both_cases_and_instances_as_they_are() -> None:
    content = types.Content(role="user", parts=[types.Part(text="x")])
    assert Turn(content=content).content is content
    turn = Turn.model_validate({"content": CONTENT, "reason": "STOP", "config": {"temperature": 1}})
    assert turn.content.parts is not None
    assert turn.content.parts[1].inline_data == types.Blob(data=b"\x00\x01\x02", mime_type="image/png")
    assert turn.reason is types.FinishReason.STOP


@pytest.mark.filterwarnings("ignore:NEW_REASON is not a valid FinishReason")  # pydantic calls the class, as a program
def test_what_is_dumped_as_json_is_read_back_the_same() -> None:
    turn = Turn.model_validate({"content": CONTENT, "reason": "NEW_REASON", "extra": {"text": "a"}})
    assert turn.extra == types.Part(text="a")
    for by_alias in (False, True):
        assert Turn.model_validate_json(turn.model_dump_json(by_alias=by_alias)) == turn
    assert '"inlineData":{"data":"AAEC"' in turn.model_dump_json(by_alias=True)
    assert '"inline_data":{"data":"AAEC"' in turn.model_dump_json()


def test_a_dump_honors_every_choice() -> None:
    turn = Turn.model_validate({"content": CONTENT})
    short = turn.model_dump(exclude_none=True)
    assert short == {
        "content": {"parts": [{"text": "x"}, {"inline_data": {"data": b"\0\1\2", "mime_type": "image/png"}}]}
        | {"role": "user"}
    }
    assert turn.model_dump(include={"content": {"role"}}) == {"content": {"role": "user"}}
    assert (
        turn.model_dump(exclude={"content": {"parts": {0}}}, exclude_unset=True)["content"]["parts"]
        == short["content"]["parts"][1:]
    )
    assert turn.model_dump()["content"]["parts"][0]["function_call"] is None


@pytest.mark.parametrize(
    ("content", "where", "message"),
    [
        ("a text", ("content",), "expected Content or a dict, got str"),
        ({"role": "user", "texts": []}, ("content",), "Content has no field 'texts'"),
        (
            {"parts": [{"text": 1.5}]},
            ("content",),
            r"Content\.parts: .*expected str, got float 1\.5|Part\.text: expected str",
        ),
    ],
)
def test_what_does_not_fit_is_pydantics_error_in_headwaters_words(content: Any, where: Any, message: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=message) as caught:
        Turn(content=content)
    assert caught.value.errors()[0]["loc"] == where


def test_a_text_in_a_union_stays_a_text() -> None:
    assert Turn(content=types.Content(), extra="a text").extra == "a text"


def test_an_instance_of_something_else_is_serialized_as_it_is() -> None:
    """A model made without validation may hold anything; dumping it does not fail."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert Turn.model_construct(content=1).model_dump()["content"] == 1


@pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.__name__)
def test_every_type_has_an_adapter_and_a_json_schema(kind: Any) -> None:
    adapter = pydantic.TypeAdapter(list[kind] | None)
    value = kind("a") if kind in (types.UserContent, types.ModelContent) else kind()
    assert adapter.validate_python([value]) == [value]
    schema = adapter.json_schema(mode="serialization")["$defs"][kind.__name__]
    assert set(schema["properties"]) == set(kind.__struct_encode_fields__)


def test_every_twin_can_be_a_field() -> None:
    """On Python 3.11, too, where pydantic refuses the TypedDicts of the standard library."""
    for name in dicts.__all__:
        pydantic.TypeAdapter(getattr(types, name))


def test_a_json_schema_describes_fields_and_refers_to_itself() -> None:
    schema = types.Schema.model_json_schema()
    assert schema["$ref"] == "#/$defs/Schema"
    properties = schema["$defs"]["Schema"]["properties"]
    assert properties["items"]["anyOf"][0] == {"$ref": "#/$defs/Schema"}
    assert properties["nullable"]["description"] == "Whether null is allowed."
    assert "any_of" in types.Schema.model_json_schema(by_alias=False)["$defs"]["Schema"]["properties"]
    assert types.Blob.model_json_schema()["properties"]["data"]["anyOf"][0]["format"] == "base64url"


def test_without_pydantic_a_json_schema_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydantic", None)
    with pytest.raises(UsageError, match="pip install pydantic"):
        core_schema.type_adapter(types.Part)


def test_the_fields_of_a_type_say_what_frameworks_ask() -> None:
    """mirascope and google-adk read the alias; the description is that of the source, bases included."""
    found = types.GenerateContentConfig.model_fields
    assert (found["top_p"].alias, found["top_p"].validation_alias, found["top_p"].serialization_alias) == ("topP",) * 3
    assert found["max_output_tokens"].annotation == int | None
    assert found["max_output_tokens"].description == "The longest answer, in tokens, thoughts included."
    assert types.HttpOptions.model_fields["timeout"].description == "In milliseconds; google-genai's unit."
    assert found["thinking_config"].description is None
    field = types.Part(text="a").model_fields["text"]
    assert (field.is_required(), field.default, field.get_default(), field.metadata) == (False, None, None, [])


def test_a_type_without_source_has_no_descriptions() -> None:
    scope: dict[str, Any] = {"ApiModel": ApiModel, "__name__": "made.at.run.time"}
    exec("class Made(ApiModel):\n    #: Lost.\n    name: str | None = None\n", scope)
    assert fields.descriptions(scope["Made"]) == {}


def test_the_names_of_pydantic_are_there() -> None:
    part = types.Part(text="a")
    assert part.dict(exclude_none=True) == {"text": "a"}
    assert part.json(exclude_none=True) == '{"text":"a"}'
    assert (part.model_extra, part.model_computed_fields, part.model_rebuild()) == (None, {}, None)
    assert part.model_config["extra"] == "forbid"
    assert {name: value for name, value in part if value is not None} == {"text": "a"}
    assert dict(types.Blob(data=b"a")) == {"data": b"a", "mime_type": None, "display_name": None}
    assert types.Part.parse_obj({"text": "a"}) == part
    assert part.copy(update={"text": "b"}) == types.Part(text="b")
    assert pydantic_core.to_jsonable_python({"part": types.Blob(data=b"\0")})["part"]["data"] == "AA=="


def test_a_type_looks_like_a_dataclass() -> None:
    """FastAPI decides by it what is the body of a request, and serializers write it."""
    content = types.Content.model_validate(CONTENT)
    assert dataclasses.asdict(content)["parts"][0]["text"] == "x"
    assert dataclasses.replace(content, role="model") == types.Content(role="model", parts=content.parts)
    assert [field.name for field in dataclasses.fields(types.Blob)] == ["data", "mime_type", "display_name"]
    assert pprint.pformat(types.Part(text="x")) == "Part(text='x')"


def test_a_type_is_body_and_answer_in_fastapi() -> None:
    app = FastAPI()

    @app.post("/one")
    def one(content: types.Content) -> types.Content:
        return content

    @app.post("/two", response_model_exclude_none=True)
    def two(config: types.GenerateContentConfig, contents: list[types.Content]) -> dict[str, types.Content]:
        return {str(config.top_p): contents[0]}

    client = TestClient(app)
    answer = client.post("/one", json=CONTENT).json()
    assert (answer["parts"][1]["inlineData"]["data"], answer["parts"][0]["functionCall"]) == ("AAEC", None)
    both = client.post("/two", json={"config": {"topP": 0.5}, "contents": [CONTENT]})
    assert both.json() == {
        "0.5": {"role": "user", "parts": [{"text": "x"}, {"inlineData": {"data": "AAEC", "mimeType": "image/png"}}]}
    }
    refused = client.post("/one", json={"turns": []})
    assert (refused.status_code, "no field 'turns'" in refused.text) == (422, True)
    schemas = app.openapi()["components"]["schemas"]
    assert {"Content", "Part", "GenerateContentConfig"} <= set(schemas)


def test_in_a_union_a_dict_stays_one_as_with_a_pydantic_model() -> None:
    """A field ``dict | ThinkingConfig`` keeps a dict; in the other order the dict becomes an instance."""
    loose: Any = pydantic.TypeAdapter(dict[str, Any] | types.ThinkingConfig)
    assert loose.validate_python({"include_thoughts": True}) == {"include_thoughts": True}
    config = types.ThinkingConfig(include_thoughts=True)
    assert loose.validate_python(config) is config
    typed: Any = pydantic.TypeAdapter(types.ThinkingConfig | dict[str, Any])
    assert typed.validate_python({"include_thoughts": True}) == config
    assert typed.validate_python({"includes": True}) == {"includes": True}
    assert pydantic.TypeAdapter(types.ThinkingConfig).validate_json(b'{"includeThoughts": true}', strict=True) == config
