"""The types of the Interactions API: attributes over the JSON object, and nothing of it is ever lost."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater.errors import UsageError
from headwater.types import interactions
from headwater.types.interactions import twins
from headwater.types.interactions.base import JsonObject, UnknownObject
from headwater.types.interactions.events import read_event
from tests.support.corpus_cases import shared

CLASSES = [getattr(interactions, name) for name in interactions.__all__ if inspect.isclass(getattr(interactions, name))]


def answer() -> interactions.Interaction:
    """An interaction with something unknown at each depth."""
    return interactions.Interaction.from_document(
        {
            "id": "v1_a",
            "status": "completed",
            "steps": [
                {"type": "thought", "signature": "c2ln", "mood": {"calm": True}},
                {"type": "model_output", "content": [{"type": "text", "text": "Hi", "tone": 1}]},
                {"type": "teleport", "to": {"x": 1}},
            ],
            "usage": {"total_tokens": 3, "raw_prompt_token": 9},
            "weather": {"rain": None},
        }
    )


def test_unknown_fields_are_attributes_and_are_written_again() -> None:
    value = answer()
    assert value.weather == {"rain": None}
    assert value.steps[0].mood == {"calm": True}
    assert value.steps[1].content[0].tone == 1
    assert value.usage.raw_prompt_token == 9
    assert value.model_extra == {"weather": {"rain": None}}
    assert value.to_dict() == {**json.loads(json.dumps(value.model_dump())), "weather": {"rain": None}}
    again = interactions.Interaction.model_validate(value.model_dump())
    assert again == value
    assert again.to_dict() == value.to_dict()


def test_an_unknown_step_holds_what_came() -> None:
    step = answer().steps[2]
    assert (type(step), step.type, step.is_unknown) == (interactions.UnknownStep, "UNKNOWN", True)
    assert step.raw == {"type": "teleport", "to": {"x": 1}}
    assert step.to_dict() == step.raw
    assert interactions.UserInputStep(content=[{"type": "smell", "of": "rain"}]).to_dict() == {
        "content": [{"type": "smell", "of": "rain"}],
        "type": "user_input",
    }


def test_kinds_are_told_apart_by_their_attributes() -> None:
    """``hasattr(event, "delta") and hasattr(event.delta, "text")`` is how programs look for text."""
    text = read_event({"event_type": "step.delta", "index": 0, "delta": {"type": "text", "text": "Hi"}})
    signature = read_event({"event_type": "step.delta", "index": 0, "delta": {"type": "thought_signature"}})
    stop = read_event({"event_type": "step.stop", "index": 0})
    assert (text.delta.text, text.event_id, hasattr(text, "step")) == ("Hi", None, False)
    assert (hasattr(signature.delta, "text"), signature.delta.signature) == (False, None)
    assert not hasattr(stop, "delta")
    with pytest.raises(AttributeError, match="'StepStop' object has no attribute 'delta'"):
        _ = stop.delta


@pytest.mark.parametrize("document", [{"event_type": "mood", "x": 1}, {"x": 1}, {"event_type": ["step.delta"]}, {}])
def test_an_unknown_event_is_kept(document: dict[str, Any]) -> None:
    event = read_event(dict(document))
    assert isinstance(event, interactions.UnknownInteractionSSEEvent)
    assert (event.event_type, event.raw) == ("UNKNOWN", document)


@pytest.mark.parametrize(
    "document",
    [
        {"event_type": "step.delta", "index": "one", "delta": "text"},
        {"event_type": "step.delta", "delta": {"type": {"a": 1}, "text": 3}},
        {"event_type": "step.start", "step": [{"type": "thought"}]},
        {"event_type": "interaction.completed", "interaction": {"usage": 7, "steps": {"0": {}}}},
        {"event_type": "error", "error": "no"},
        {"event_type": "step.stop", "_items": 1, "__class__": "x", "model_fields": {}, "_constants": [], "raw": None},
    ],
)
def test_reading_never_fails(document: dict[str, Any]) -> None:
    """What does not fit stays as it was received."""
    assert read_event(copy.deepcopy(document)).to_dict() == document


def test_what_the_wire_leaves_out_is_there() -> None:
    """A required object is empty, a text without its type is text, a missing status is None."""
    start = read_event({"event_type": "step.start", "index": 0, "step": {"type": "google_search_call", "id": "x"}})
    assert start.step.arguments == interactions.GoogleSearchCallArguments()
    call = read_event({"event_type": "step.start", "index": 0, "step": {"type": "function_call", "id": "x"}})
    assert call.step.arguments == {}
    summary = read_event({"event_type": "step.delta", "delta": {"type": "thought_summary", "content": {"text": "So"}}})
    assert (summary.delta.content.type, summary.delta.content.text) == ("text", "So")
    assert read_event({"event_type": "interaction.created", "interaction": {"id": "v1_a"}}).interaction.status is None


def test_values_are_equal_copied_and_pickled() -> None:
    value = answer()
    assert value == answer() == copy.deepcopy(value) == pickle.loads(pickle.dumps(value)) == value.model_copy(deep=True)
    assert value != value.model_copy(update={"id": "v1_b"})
    assert value != value.to_dict()
    shallow = value.model_copy()
    assert shallow.steps[0] is value.steps[0]
    with pytest.raises(TypeError, match="unhashable"):
        hash(value)
    assert (
        repr(value.steps[1])
        == "ModelOutputStep(type='model_output', content=[TextContent(type='text', text='Hi', tone=1)])"
    )
    assert interactions.TextContent.model_construct(text=3).to_dict() == {"text": 3, "type": "text"}


def test_values_are_dumped_as_google_genai_dumps_them() -> None:
    value = answer()
    assert value.model_dump()["output_text"] == "Hi"
    assert value.model_dump(include={"id", "status"}) == {"id": "v1_a", "status": "completed"}
    assert set(value.model_dump(exclude={"steps", "weather"})) == {"id", "status", "usage", "output_text"}
    assert value.model_dump(include={"steps": {1: {"content"}}})["steps"] == [
        {"content": [{"type": "text", "text": "Hi", "tone": 1}]}
    ]
    assert json.loads(value.model_dump_json()) == json.loads(value.to_json()) == value.to_dict()
    assert value.to_json().startswith('{\n  "id"')
    assert value.steps[1].model_dump(exclude_defaults=True) == {"content": [{"text": "Hi", "tone": 1}]}
    assert {"id", "weather", "output_text"} < value.model_fields_set
    with pytest.raises(UsageError, match="mode must be"):
        value.model_dump(mode="xml")


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        (None, ""),
        ([], ""),
        ([{"type": "model_output", "content": [{"type": "text", "text": "A"}, {"type": "image"}]}], "A"),
        (
            [
                {
                    "type": "model_output",
                    "content": [
                        {"type": "text", "text": "A"},
                        {"type": "image"},
                        {"type": "text", "text": "B"},
                        {"type": "text", "text": "C"},
                    ],
                }
            ],
            "BC",
        ),
        (
            [
                {"type": "model_output", "content": [{"type": "text", "text": "A"}]},
                {"type": "thought"},
                {"type": "model_output", "content": [{"type": "text", "text": "B"}]},
            ],
            "AB",
        ),
        (
            [
                {"type": "model_output", "content": [{"type": "text", "text": "A"}]},
                {"type": "google_search_call", "id": "x", "arguments": {}},
                {"type": "model_output", "content": [{"type": "text", "text": "B"}]},
                {"type": "google_search_result", "call_id": "x", "result": []},
            ],
            "B",
        ),
        ([{"type": "model_output", "content": [{"type": "text", "text": "A"}]}, {"type": "user_input"}], ""),
        ([{"type": "model_output", "content": "odd"}, "odd"], ""),
    ],
)
def test_output_text_is_the_end_of_the_answer(steps: Any, text: str) -> None:
    value = interactions.Interaction.from_document({"id": "v1_a", "status": "completed", "steps": copy.deepcopy(steps)})
    assert value.output_text == text
    google = google_interactions()
    if google is not None and "odd" not in str(steps):
        assert google.Interaction.model_validate({"status": "completed", "steps": steps}).output_text == text


def test_the_last_medium_of_the_answer() -> None:
    step = {"type": "model_output", "content": [{"type": "image", "data": "YQ=="}, {"type": "audio", "data": "Yg=="}]}
    value = interactions.Interaction.from_document({"id": "v1_a", "status": "completed", "steps": [step]})
    assert (value.output_image.data, value.output_audio.data) == ("YQ==", "Yg==")
    assert value.output_video is None
    assert value.to_dict()["output_image"] == {"type": "image", "data": "YQ=="}


def test_outputs_of_lyria_are_steps() -> None:
    outputs = [{"type": "audio", "data": "YQ=="}]
    value = interactions.Interaction.from_document({"model": "models/lyria-3-pro", "outputs": outputs})
    assert value.output_audio.data == "YQ=="


def test_what_a_program_writes_is_checked() -> None:
    assert interactions.GenerationConfig.model_validate({"temperature": 1, "top_k": 3}).to_dict() == {
        "temperature": 1,
        "top_k": 3,
    }
    assert interactions.TextResponseFormat.model_validate({"schema_": {"type": "object"}}).schema == {"type": "object"}
    assert interactions.ImageContent(data=b"hi", uri=None).to_dict() == {"data": "aGk=", "type": "image"}
    tool = interactions.Function(name="f", parameters={"type": "object"})
    request = interactions.CreateModelInteraction(model="m", input=[{"type": "text", "text": "x"}], tools=[tool])
    assert request.tools == [tool]
    assert interactions.Environment(env={"A": "1", "B": {"value": "2"}}).env["B"].value == "2"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: interactions.TextContent.model_validate({}), "TextContent needs text"),
        (lambda: interactions.TextContent(text=3), "TextContent.text: expected str, got int 3"),
        (lambda: interactions.ModelOutputStep(content="x"), "ModelOutputStep.content: expected a list, got str 'x'"),
        (lambda: interactions.StepStop(index=True), "StepStop.index: expected int, got bool True"),
        (lambda: interactions.GenerationConfig(seed=1.5), "expected int, got float 1.5"),
        (
            lambda: interactions.ThoughtStep(summary=[interactions.VideoContent(uri="u")]),
            r"ThoughtStep.summary\[0\]: expected ImageContent or TextContent, got VideoContent",
        ),
        (lambda: interactions.Interaction.model_validate([1]), "expected Interaction or a dict, got list"),
        (lambda: interactions.Interaction.model_validate_json(b"{"), "Interaction: Input data was truncated"),
        (
            lambda: interactions.CreateModelInteraction(model="m", input=["x"]),
            r"CreateModelInteraction.input\[0\]: expected an object with 'type', got str 'x'",
        ),
    ],
)
def test_a_mistake_is_named(make: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: interactions.MCPServer(headers="Bearer sk-secret"),
        lambda: interactions.MCPServer(headers={"Authorization": ["sk-secret"]}),
        lambda: interactions.ExaAISearchConfig(api_key=["sk-secret"]),
        lambda: interactions.Environment(env={"KEY": ["sk-secret"]}),
    ],
)
def test_keys_are_not_quoted_in_errors(make: Any) -> None:
    with pytest.raises(UsageError) as caught:
        make()
    assert "sk-secret" not in str(caught.value)


def test_validation_of_json_and_instances() -> None:
    value = answer()
    assert interactions.Interaction.model_validate(value) is value
    assert interactions.Interaction.model_validate_json(value.model_dump_json()) == value


def test_every_class_can_be_read_empty() -> None:
    """No annotation is wrong: each is resolved, and each class dumps what it read."""
    for kind in CLASSES:
        written = kind.from_document({"zz": 1}).to_dict()
        assert written["zz"] == 1
        assert issubclass(kind, UnknownObject) or written.items() >= kind._constants.items()


def google_interactions() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("google.genai.interactions")


#: Names of google-genai's module that are left out, and why.
ABSENT = (
    (r".*(Param|Params|TypedDict|ParamsBase|ParamsStreaming|ParamsNonStreaming)", "dicts are plain dicts here"),
    (r"(Client|Server|Input|Connect|Disconnect|Cancel|Complete|Create|World|UserAction|Live)\w*Event\w*", "live"),
    (r"World\w+|UserAction\w+|InteractionWebSocket\w+|APIWebSocketError", "live"),
    (r"Interaction(Cancelled|Connected)Event|InteractionAuthToken|InteractionSSEStreamEvent", "live"),
    (r"Agent|Agent\w+|Trigger\w*|Webhook|Webhook\w+Response|SigningSecret|Create\w*Environment\w*Request\w*", "agents"),
    (r"(List|Get)\w+Response|\w*DeleteResponse|EnvironmentFile|CreateEnvironmentRequest\w*", "agents"),
    (r"EnvironmentNetwork(Enum|Union)|Type", "names that google-genai itself is about to remove"),
    (r"\w+MimeType|Model|Empty|(FunctionResult|MCPServerToolResult)(Step|Delta)Result", "text, and plain dicts"),
    (r"[a-z_]+", "modules"),
)


def test_every_name_is_there_or_left_out_for_a_reason() -> None:
    missing = [name for name in google_interactions().__all__ if not hasattr(interactions, name)]
    assert [name for name in missing if not any(re.fullmatch(pattern, name) for pattern, _ in ABSENT)] == []


def test_every_class_has_google_genais_fields() -> None:
    google, wrong = google_interactions(), {}
    for kind in CLASSES:
        theirs = getattr(google, kind.__name__, None)
        if theirs is not None and not issubclass(kind, UnknownObject):
            absent = {field.alias or name for name, field in theirs.model_fields.items()} - set(kind.model_fields)
            wrong[kind.__name__] = {name for name in absent if not hasattr(kind, name)}
    assert {name: fields for name, fields in wrong.items() if fields} == {}
    assert len(wrong) > 140


def _documents() -> Iterator[dict[str, Any]]:
    """Every JSON document of the recorded traffic, in the schema since June 2026."""
    root = shared("corpus-interactions")
    if root is None:
        pytest.skip("no shared/corpus-interactions beside the checkout")
    for path in sorted(root.glob("interactions-*/*/response.*")):
        if json.loads((path.parent / "meta.json").read_text("utf-8"))["schema"] == "steps":
            yield from _documents_of(path)


def _documents_of(path: Path) -> Iterator[dict[str, Any]]:
    text = path.read_text("utf-8", "replace")
    for found in re.findall(r"(?m)^data: ?(\{.*\})\r?$", text) if path.suffix == ".sse" else [text]:
        try:
            document = json.loads(found)
        except ValueError:
            continue
        if isinstance(document, dict):
            yield document


def test_recorded_traffic_is_written_as_it_was_read() -> None:
    """Byte for byte would be too much to ask of JSON; key for key it is."""
    count = 0
    for document in _documents():
        kind = read_event if "event_type" in document else interactions.Interaction.from_document
        written = kind(copy.deepcopy(document)).to_dict()
        for name in ("output_text", "output_image", "output_audio", "output_video"):
            written.pop(name, None)
        assert _without_fillings(written) == _without_fillings(document)
        count += 1
    assert count > 400


def _without_fillings(value: Any) -> Any:
    """Leave out nulls, and the empty objects that stand for required ones."""
    if isinstance(value, dict):
        items = {key: _without_fillings(item) for key, item in value.items()}
        return {key: item for key, item in items.items() if item not in (None, {}) and key != "type"}
    return [_without_fillings(item) for item in value] if isinstance(value, list) else value


def test_importing_the_client_does_not_load_the_types_of_interactions() -> None:
    code = "import sys, headwater.genai; print('headwater.types.interactions' in sys.modules)"
    run = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == "False"


def test_values_are_fields_of_pydantic_models() -> None:
    import pydantic

    class Record(pydantic.BaseModel):
        interaction: interactions.Interaction
        steps: list[interactions.UserInputStep] = []

    record = Record(interaction=answer().to_dict(), steps=[{"content": [{"type": "text", "text": "x"}]}])
    assert record.interaction == answer()
    assert record.model_dump()["interaction"]["weather"] == {"rain": None}
    assert Record.model_validate_json(record.model_dump_json()) == record
    assert Record.model_json_schema()["properties"]["interaction"]["title"] == "Interaction"
    with pytest.raises(pydantic.ValidationError, match="expected str, got int 3"):
        Record(interaction={"status": 3})


def test_dict_types_of_google_genai_are_dicts() -> None:
    names: Any = interactions
    assert names.TextContentParam(type="text", text="x") == {"type": "text", "text": "x"}
    assert names.TextContentParam is names.TextContentParam
    assert names.TextContentParam.__required_keys__ == {"text"}
    assert "temperature" in names.GenerationConfigParam.__optional_keys__
    assert names.StepParam == dict[str, Any]
    with pytest.raises(AttributeError, match="has no attribute 'NothingParam'"):
        _ = names.NothingParam
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = twins.Nothing


def test_objects_are_told_apart_from_other_types() -> None:
    assert all(issubclass(kind, JsonObject) for kind in CLASSES)
