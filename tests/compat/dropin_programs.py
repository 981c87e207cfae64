"""Programs as people write them for google-genai, run twice: with google-genai, and with headwater in its place.

Each function is one program, and returns what it found out. What comes of all of them is printed as JSON; the argument
is the address of a server. The numbers are those of a list of defects that these programs once showed; MCP (4) and
instrumentation (11) have tests of their own.
"""

from __future__ import annotations

import io
import json
import sys
import warnings
from collections.abc import Callable
from typing import Any

import pydantic

warnings.simplefilter("ignore")

import PIL  # noqa: E402
from google import genai  # noqa: E402
from google.genai import errors, types  # noqa: E402

MODEL = "gemini-3.8-flash"
TURN = {"role": "user", "parts": [{"text": "x"}, {"inlineData": {"data": "AAEC", "mimeType": "image/png"}}]}


class Turn(pydantic.BaseModel):
    content: types.Content
    config: types.GenerationConfigDict | None = None


class Point(pydantic.BaseModel):
    x: int
    y: int


class Event(pydantic.BaseModel):
    """As agent frameworks keep what a model or the Live API says, whether or not it ever comes."""

    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    content: types.Content | None = None
    turn_complete_reason: types.TurnCompleteReason | None = None
    go_away: types.LiveServerGoAway | None = None
    usage: types.GenerateContentResponseUsageMetadata | None = None


def program_01_fields_of_pydantic_models(client: Any) -> Any:
    turn = Turn.model_validate({"content": TURN})
    turns = pydantic.TypeAdapter(list[types.Content])
    refused = None
    try:
        Turn.model_validate({"content": {"nothing": 1}})
    except pydantic.ValidationError as error:
        refused = error.errors()[0]["loc"][0]
    return [
        turn.model_dump(mode="json", exclude_none=True),
        turn.model_dump(mode="json", exclude_none=True, by_alias=True),
        turns.dump_python(turns.validate_python([TURN, types.Content(role="model")]), mode="json", exclude_none=True),
        Turn.model_validate_json(turn.model_dump_json()) == turn,
        refused,
    ]


def program_02_names_that_are_only_mentioned(client: Any) -> Any:
    from google.genai import batches, caches, live, operations, tunings
    from google.genai.types import EmbedContentConfig, GenerateVideosOperation, Operation, Video

    class OwnVideo(Video):  # a class of a framework
        """A video."""

    modules = [module.__name__.rpartition(".")[2] for module in (batches, caches, live, operations, tunings)]
    event = Event(turn_complete_reason=types.TurnCompleteReason.NEED_MORE_INPUT)
    kinds = [kind.__name__ for kind in (EmbedContentConfig, GenerateVideosOperation, Operation, OwnVideo)]
    return [modules, kinds, event.model_dump(mode="json"), isinstance(event, Operation)]


def program_03_the_class_of_a_tool_for_its_instance(client: Any) -> Any:
    tools = [
        types.Tool(code_execution=types.ToolCodeExecution),
        types.Tool(google_search=types.GoogleSearch, url_context=types.UrlContext),
    ]
    return [tool.model_dump(exclude_none=True) for tool in tools]


def program_05_results_of_mcp_tools(client: Any) -> Any:
    from mcp.types import CallToolResult, TextContent

    result = CallToolResult(content=[TextContent(type="text", text="sunny")])
    response = types.FunctionResponse.from_mcp_response(name="f", response=result)
    return [response.name, "error" in response.response]


def program_06_what_fields_say(client: Any) -> Any:
    part = types.Part(text="a")
    config = types.GenerateContentConfig.model_fields
    return [
        {name: field.alias for name, field in types.Schema.model_fields.items()},
        [config["top_p"].default, config["top_p"].is_required(), bool(config["top_p"].description)],
        sorted(types.Content.model_json_schema()["properties"]),
        types.Content.model_config["extra"],
        part.dict(exclude_none=True),
        json.loads(part.json(exclude_none=True)),
        types.Part.model_validate_json('{"functionCall": {"name": "f"}}').function_call.name,
        types.Part.model_construct(text="b").text,
    ]


def program_07_errors_made_by_keyword(client: Any) -> Any:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s"}]
    body = {"error": {"message": "x", "status": "RESOURCE_EXHAUSTED", "code": 429, "details": details}}
    error = errors.ClientError(code=429, response_json=body, response=None)
    said = str(error)
    return [error.code, error.status, error.message, error.details, "'retryDelay': '3s'" in said, said[:22]]


def program_08_dicts_of_every_type(client: Any) -> Any:
    names = ["FunctionResponseBlobDict", "FunctionResponseFileDataDict", "HttpResponseDict", "UsageMetadataDict"]
    made = types.GenerationConfig(response_format=[types.ResponseFormat(image={"image_size": "IMAGE_SIZE_ONE_K"})])
    return [[getattr(types, name)() for name in names], made.model_dump(mode="json", exclude_none=True)]


def program_09_http_clients_of_the_program(client: Any) -> Any:
    import httpx2  # the library of google-genai 3

    seen: list[str] = []
    with httpx2.Client(event_hooks={"request": [lambda request: seen.append(request.url.path)]}) as own:
        options = types.HttpOptions(base_url=sys.argv[1], httpx_client=own)
        answer = genai.Client(api_key="k", http_options=options).models.generate_content(model=MODEL, contents="hi")
    return [seen, answer.candidates[0].finish_reason.value]


def program_10_files(client: Any) -> Any:
    file = client.files.upload(file=io.BytesIO(b"It rained."), config={"mime_type": "text/plain"})
    answer = client.models.generate_content(model=MODEL, contents=[file, "Summarize this file."])
    return [file.mime_type, file.state.value, bool(answer.text), [model.name for model in client.models.list()][:1]]


def program_12_what_frameworks_read_in_private(client: Any) -> Any:
    from google.genai import _transformers
    from google.genai.client import DebugConfig

    schema = _transformers.t_schema(client._api_client, Point)
    return [
        client._api_client._http_options.base_url.rstrip("/") == sys.argv[1].rstrip("/"),
        bool(client._api_client.vertexai),
        schema.model_dump(mode="json", exclude_none=True) if schema else None,
        DebugConfig.__name__,
    ]


def program_13_packages_that_google_genai_imports(client: Any) -> Any:
    import google

    return [PIL.Image.new("RGB", (1, 2)).size, google.auth.credentials.Credentials.__name__]


def program_14_the_body_of_a_response(client: Any) -> Any:
    config = {"should_return_http_response": True}
    response = client.models.generate_content(model=MODEL, contents="hi", config=config).sdk_http_response
    plain = client.models.generate_content(model=MODEL, contents="hi")
    return [json.loads(response.body)["candidates"][0]["content"]["role"], plain.sdk_http_response.body]


def program_15_dicts_as_fields(client: Any) -> Any:
    return Turn.model_validate({"content": {}, "config": {"temperature": 1}}).model_dump()["config"]


def program_16_probes_and_mistakes(client: Any) -> Any:
    found = [getattr(client.models, "model", None), hasattr(client, "nothing")]
    mistakes: list[dict[str, Any]] = [
        {"contents": ["hi", None]},
        {"contents": []},
        {"contents": "hi", "config": {"nothing": 1}},
    ]
    for mistake in mistakes:
        try:
            client.models.generate_content(model=MODEL, **mistake)
        except ValueError as error:
            found.append(str(error)[:13] if mistake["contents"] == [] else "ValueError")
    return found


PROGRAMS: dict[str, Callable[[Any], Any]] = {
    name.removeprefix("program_"): program for name, program in list(globals().items()) if name.startswith("program_")
}


def main() -> None:
    """Run each program, and print what came of it, an error included."""
    client = genai.Client(api_key="k", http_options={"base_url": sys.argv[1]})
    found = {}
    for name, program in PROGRAMS.items():
        try:
            found[name] = program(client)
        except Exception as error:
            found[name] = f"{type(error).__name__}: {error}"
    print(json.dumps(found, sort_keys=True))


if __name__ == "__main__":
    main()
