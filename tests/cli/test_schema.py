"""``headwater ask --schema``: answers as JSON of a given form."""

import json
from pathlib import Path
from typing import Any

import click
import pytest

from headwater.cli.formats.schema import read_schema


def fields(**properties: Any) -> Any:
    """The schema of an object."""
    return {"type": "object", "properties": properties, "required": list(properties)}


STR, INT = {"type": "string"}, {"type": "integer"}


def array(items: Any) -> Any:
    """The schema of a list."""
    return {"type": "array", "items": items}


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        ("name: str, age: int", fields(name=STR, age=INT)),
        ("name", fields(name=STR)),
        (" name ,\n score : float,ok:bool, ", fields(name=STR, score={"type": "number"}, ok={"type": "boolean"})),
        ("[name: str, age: int]", array(fields(name=STR, age=INT))),
        ("[name]", array(fields(name=STR))),
        ("[str]", array(STR)),
        (
            "tags: [str], more: list[int]",
            fields(tags=array(STR), more=array(INT)),
        ),
        ("rows: [[int]]", fields(rows=array(array(INT)))),
        ("home: {city, zip: int}", fields(home=fields(city=STR, zip=INT))),
        ("pets: [name, age: int]", fields(pets=array(fields(name=STR, age=INT)))),
        ('{"type": "object"}', {"type": "object"}),
    ],
)
def test_the_short_form(text: Any, schema: Any) -> None:
    """Fields with types, lists in brackets, objects in braces; JSON is taken as it is."""
    assert read_schema(text) == schema


def test_a_form_may_be_long() -> None:
    """Longer than the name of a file can be."""
    names = [f"field_{number}" for number in range(1000)]
    assert read_schema(", ".join(names)) == fields(**dict.fromkeys(names, STR))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "a name is missing"),
        ("name:", "a type is missing"),
        ("name str", "unexpected 'str'"),
        ("name: text", "unknown type 'text'"),
        ("name, name", "'name' stands there twice"),
        ("[name", "']' is missing"),
        ("name: str; age: int", "unexpected ';'"),
        ("{'a': 1}", "unexpected"),
        ('{"a": }', "not valid JSON"),
        ("no-such-file.json", "cannot read the schema"),
    ],
)
def test_what_is_wrong_is_said(text: Any, problem: Any) -> None:
    """The message names the place, and shows a form that is right."""
    with pytest.raises(click.UsageError, match="(?s)" + problem.replace("[", r"\[").replace("]", r"\]")):
        read_schema(text)


def test_the_answer_is_json(run: Any, offline: Any, tmp_path: Path) -> None:
    """Of the short form, and of a file with a JSON Schema."""
    result = run("ask", "--schema", "[name: str, age: int]", "Invent people.", env=offline)
    assert (result.returncode, result.stderr) == (0, b"")
    people = json.loads(result.stdout)
    assert people
    assert all(isinstance(person["name"], str) and isinstance(person["age"], int) for person in people)
    (tmp_path / "dog").write_text(json.dumps(fields(barks={"type": "boolean"})))
    result = run("ask", "--schema", str(tmp_path / "dog"), "Invent a dog.", env=offline)
    assert json.loads(result.stdout)["barks"] in (True, False)


def test_the_request_has_the_schema(run: Any, api: Any, make_chunk: Any) -> None:
    """As JSON Schema, with the MIME type that the API wants beside it."""
    api.pieces = [make_chunk("{}", "STOP")]
    assert run("ask", "--schema", "name", "hello", env=api.env).returncode == 0
    config = api.requests[0][2]["generationConfig"]
    assert config["responseMimeType"] == "application/json"
    assert config["responseJsonSchema"] == fields(name=STR)


def test_half_an_object_is_no_success(run: Any, api: Any, make_chunk: Any) -> None:
    """JSON that the token limit ended is of no use to the program that reads it."""
    api.pieces = [make_chunk('{"name": "A', "MAX_TOKENS")]
    result = run("ask", "--schema", "name", "hello", env=api.env)
    assert (result.returncode, result.stdout) == (4, b'{"name": "A')
    assert b"not complete JSON" in result.stderr


def test_a_schema_of_no_sense_is_a_usage_error(run: Any, offline: Any) -> None:
    """So is one together with --extract."""
    assert run("ask", "--schema", "name: text", "hello", env=offline).returncode == 2
    result = run("ask", "--schema", "name", "--extract", "hello", env=offline)
    assert (result.returncode, b"cannot be combined" in result.stderr) == (2, True)
