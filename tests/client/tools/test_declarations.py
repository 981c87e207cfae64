"""``FunctionDeclaration.from_callable``: functions told in the API's own schemas."""

import dataclasses
import subprocess
import sys
from collections.abc import Collection, Iterator
from typing import Literal, Optional

import pytest

from headwater import genai
from headwater.errors import UsageError
from headwater.genai import types


def weather(city: str, days: int = 3, unit: Literal["C", "F"] | None = None, names: list | None = None) -> str:  # type: ignore[type-arg]
    """Tell the weather.

    It is a guess.
    """
    return f"{city} {days} {unit} {names}"


GEMINI, VERTEX = genai.Client(api_key="k"), genai.Client(vertexai=True, api_key="k")


def test_a_function_is_told_as_schemas() -> None:
    """Name, docstring and parameters; what has a default or may be None is not required."""
    told = types.FunctionDeclaration.from_callable(client=GEMINI, callable=weather)
    assert (told.name, told.description, told.response) == ("weather", "Tell the weather.\n\nIt is a guess.", None)
    assert told.parameters == types.Schema(
        type="OBJECT",
        properties={
            "city": types.Schema(type="STRING"),
            "days": types.Schema(type="INTEGER", default=3),
            "unit": types.Schema(type="STRING", enum=["C", "F"], nullable=True),
            "names": types.Schema(type="ARRAY", nullable=True),
        },
        required=["city"],
    )


def test_vertex_ai_is_told_of_the_result() -> None:
    """Its schema, or JSON Schema where there are alternatives or a tuple; None says nothing."""

    def either() -> int | str: ...  # type: ignore[empty-body]
    def pair() -> tuple[int, str]: ...  # type: ignore[empty-body]
    def nothing() -> None: ...

    told = types.FunctionDeclaration.from_callable(client=VERTEX, callable=weather)
    assert told.response == types.Schema(type="STRING")
    of = types.FunctionDeclaration.from_callable_with_api_option
    told = of(callable=either, api_option="VERTEX_AI")
    assert told.response is None
    assert [one.type for one in told.response_json_schema.any_of] == ["INTEGER", "STRING"]
    assert len(of(callable=pair, api_option="ENTERPRISE").response_json_schema["prefixItems"]) == 2
    told = of(callable=nothing, api_option="ENTERPRISE")
    assert told.response is told.response_json_schema is None


def test_json_schema_is_what_a_tool_is_told_as() -> None:
    """With ``use_json_schema`` it is the same as a function in ``tools``; ``behavior`` goes with either."""
    told = types.FunctionDeclaration.from_callable(
        client=GEMINI, callable=weather, use_json_schema=True, behavior="NON_BLOCKING"
    )
    assert told.parameters is None
    assert told.parameters_json_schema["properties"]["days"] == {"type": "integer", "default": 3}
    assert told.behavior == "NON_BLOCKING"


def test_what_can_not_be_told_is_refused() -> None:
    """An API that does not exist, and a parameter without an annotation."""

    def bare(a): ...  # type: ignore[no-untyped-def]

    of = types.FunctionDeclaration.from_callable_with_api_option
    with pytest.raises(UsageError, match="Unsupported api_option"):
        of(callable=weather, api_option="ELSE")
    with pytest.raises(UsageError, match="annotation"):
        of(callable=bare)


def test_types_alone_say_what_is_missing() -> None:
    """Types know nobody: who imports only them is told what brings functions in."""
    code = (
        "from headwater import types\n"
        "try: types.FunctionDeclaration.from_callable_with_api_option(callable=len)\n"
        "except ValueError as error: print(error)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20)
    assert "import headwater.genai" in told.stdout


def test_an_optional_of_typing_is_one_with_a_bar() -> None:
    """Both forms say the same."""

    def one(a: Optional[int]) -> None: ...  # noqa: UP045 - it is what is tested
    def other(a: int | None) -> None: ...

    of = types.FunctionDeclaration.from_callable_with_api_option
    assert of(callable=one).parameters == of(callable=other).parameters


def test_collections_that_google_genai_refuses_are_refused() -> None:
    """For the result, too, where it is declared. As tools, and with ``use_json_schema``, they are taken."""

    def read(rows: Collection[int]) -> None: ...
    def rows() -> Iterator[int]: ...  # type: ignore[empty-body]

    for function, client in ((read, GEMINI), (read, VERTEX), (rows, VERTEX)):
        with pytest.raises(UsageError, match="is not supported here: use list"):
            types.FunctionDeclaration.from_callable(client=client, callable=function)
    assert types.FunctionDeclaration.from_callable(client=GEMINI, callable=rows).name == "rows"
    told = types.FunctionDeclaration.from_callable_with_api_option(callable=read, use_json_schema=True)
    assert told.parameters_json_schema["properties"]["rows"]["type"] == "array"


def test_a_field_that_may_be_null_is_not_required() -> None:
    """Neither of a parameter nor of a class inside it, as with google-genai."""

    @dataclasses.dataclass
    class Place:
        city: str
        country: str | None

    def look(at: Place) -> None: ...

    told = types.FunctionDeclaration.from_callable(client=GEMINI, callable=look)
    assert told.parameters is not None
    assert told.parameters.properties is not None
    assert (told.parameters.required, told.parameters.properties["at"].required) == (["at"], ["city"])
