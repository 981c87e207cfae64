"""Type checkers and editors know what the library gives: programs as people write them pass mypy and pyright."""

import ast
import importlib
import importlib.util
import inspect
import json
import os
import subprocess
import sys
import textwrap
import types as pytypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater import types
from headwater.client import client
from headwater.client.groups import chats, files, models, pagers
from headwater.client.stream import aio, sync
from tests.support.corpus_cases import shared
from tests.test_public_surface import PUBLIC

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
#: Forms of google-genai's, and some of ours, that a checker has to accept, and one line that it has to refuse.
FORMS = """\
from headwater import genai
from headwater.genai import errors, types

client = genai.Client(api_key="k", http_options=types.HttpOptions(timeout=1000))
types.UserContent("x")
types.UserContent(["x", types.Part("y")])
types.ModelContent(parts=[types.Part(text="z")])
types.Part("text")
types.Part(types.File(uri="gs://a/b", mime_type="image/png"))
types.Part.from_bytes(data=b"", mime_type="image/png")
types.SpeechConfig("Kore")
types.SpeechConfig(language_code="de")
types.FunctionDeclaration.from_callable(client=client, callable=print)
config = types.GenerateContentConfig(temperature=0.5, tools=[types.Tool(google_search=types.GoogleSearch())])
text: str = client.models.generate_content(model="m", contents=["a", types.Part("b")], config=config).text
pieces: list[str] = [chunk.text for chunk in client.models.generate_content_stream(model="m", contents="a")]
chat = client.chats.create(model="m", history=[types.UserContent("a"), types.ModelContent("b")])
said: str = chat.send_message("c").text
chat.save()
titles: list[str] = [kept.title for kept in client.chats.list("river", page_size=10)]
again: str | None = client.chats.load("5f0c", config={"temperature": 1}).id
markdown: str = client.chats.export("5f0c", format="markdown")
error: errors.APIError = errors.ClientError(429, {"error": {"message": "slow down"}})


async def main() -> None:
    answer = await client.aio.models.generate_content(model="m", contents="a", config={"temperature": 1})
    count: int | None = answer.usage_metadata.total_token_count
    async for chunk in await client.aio.models.generate_content_stream(model="m", contents="a"):
        print(chunk.text, count)
    async for known in await client.aio.chats.list():
        await (await client.aio.chats.load(known.id)).save()
"""
WRONG = "wrong: int = client.models.generate_content(model='m', contents='a').text\n"
WRONG_INTERACTION = "wrong: int = client.interactions.create(model='m', input='a').output_text\n"
UNKNOWN = "from headwater import log\n\nprint(log.Nothing)\n"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: Any) -> Any:
    """A folder of programs: the forms above and the guides, each guide's cells below one another."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "forms.py").write_text(FORMS)
    (folder / "interaction_forms.py").write_text((ROOT / "tests/compat/interaction_forms.py").read_text("utf-8"))
    (folder / "public_names.py").write_text(_every_public_name())
    colab = folder / "google" / "colab"
    colab.mkdir(parents=True)
    (colab / "__init__.pyi").write_text("userdata: dict[str, str]\n")
    path = shared("guides/run_guides.py")
    for guide in ("000", "001", "003") if path is not None else ():
        (folder / f"guide_{guide}.py").write_text(_program(path, guide))
    return folder


def _every_public_name() -> Any:
    """A program that uses each name of each public package: a checker has to find it, and know its type."""
    lines = []
    for module in PUBLIC:
        names = list(importlib.import_module(module).__all__)
        if module == "headwater.types":
            names += importlib.import_module("headwater.types.dicts").__all__  # which are there for checkers alone
        lines += [f"import {module}", *(f"print({module}.{name})" for name in names)]
    return "\n".join([*lines, ""])


def _program(path: Any, guide: Any) -> Any:
    """A guide as a program with its import changed: the one edit that a user makes."""
    spec = importlib.util.spec_from_file_location("run_guides", path)
    guides = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(guides)
    body = "\n".join(code for _, code in guides.cells(guide))
    body = body.replace("from google import genai", "from headwater import genai")
    body = body.replace("from google.genai import", "from headwater.genai import")
    return "async def main() -> None:\n" + textwrap.indent(body, "    ")  # a notebook awaits outside of functions


def _mypy(folder: Any, *files: Any, **environment: Any) -> Any:
    """Run mypy in strict mode; functions of the guides that say no types are read all the same."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={folder / '.mypy'}"]
    command += ["--disable-error-code=no-untyped-def", "--disable-error-code=no-untyped-call"]
    return subprocess.run([*command, *files], cwd=folder, capture_output=True, text=True, check=False, timeout=110)


def test_mypy_accepts_the_guides_the_usual_forms_and_the_examples(programs: Any) -> None:
    """mypy has nothing to say in strict mode."""
    told = _mypy(programs, *sorted(programs.glob("*.py")), *sorted((ROOT / "examples").rglob("*.py")))
    assert told.stdout.startswith("Success"), told.stdout


def test_mypy_knows_what_an_answer_holds(programs: Any, tmp_path: Path) -> None:
    """A wrong use is found, since the text of an answer has a type; so is a name that a lazy package does not have."""
    (tmp_path / "wrong.py").write_text(FORMS + WRONG)
    (tmp_path / "wrong_too.py").write_text(FORMS + WRONG_INTERACTION)
    (tmp_path / "unknown.py").write_text(UNKNOWN)
    told = _mypy(programs, *(tmp_path / name for name in ("wrong.py", "wrong_too.py", "unknown.py")))
    assert told.stdout.count('expression has type "str", variable has type "int"') == 2
    assert 'Module has no attribute "Nothing"' in told.stdout
    assert "Found 3 errors" in told.stdout


def test_pyright_accepts_the_guides_the_usual_forms_and_the_examples(programs: Any) -> None:
    """pyright has nothing to say in strict mode, but that a guide does not use the variable of a loop."""
    if importlib.util.find_spec("pyright") is None:
        pytest.skip("pyright is not installed")
    checked = {
        "typeCheckingMode": "strict",
        "reportUnusedVariable": False,
        "pythonVersion": "3.11",
        "include": [".", os.path.relpath(ROOT / "examples", programs)],  # absolute ones are ignored
        "extraPaths": [str(ROOT / "src")],
    }
    (programs / "pyrightconfig.json").write_text(json.dumps(checked))
    command = [sys.executable, "-m", "pyright", "--project", str(programs), "--pythonpath", sys.executable]
    told = subprocess.run(command, cwd=programs, capture_output=True, text=True, check=False, timeout=110)
    assert "0 errors" in told.stdout, told.stdout + told.stderr


@pytest.mark.parametrize("kind", [types.Part, types.SpeechConfig])
def test_a_constructor_for_checkers_has_the_fields_of_the_type(kind: Any) -> None:
    """What is also made of one positional value says so in a signature of its own, which must not fall behind."""
    (init,) = (
        node
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(kind))))
        if isinstance(node, ast.FunctionDef) and node.name == "__init__"
    )
    assert [argument.arg for argument in init.args.kwonlyargs] == list(kind.__struct_fields__)


#: What people call, in both colours.
FACE = [
    client.Client,
    client.AsyncClient,
    models.Models,
    models.AsyncModels,
    chats.Chats,
    chats.AsyncChats,
    chats.Chat,
    chats.AsyncChat,
    files.Files,
    files.AsyncFiles,
    pagers.Pager,
    pagers.AsyncPager,
    sync.Stream,
    aio.AsyncStream,
    *(kind for kind in vars(types).values() if inspect.isclass(kind) and kind.__module__.startswith("headwater")),
]
#: What a schema asked for is of the schema's type, which nobody knows before.
OPEN = {"GenerateContentResponse.parsed", "Stream.partial", "AsyncStream.partial"}


def _returns(kind: Any) -> Iterator[Any]:
    """The public methods and properties of a class with the text of what they return."""
    for name, member in inspect.getmembers_static(kind):
        inner = getattr(member, "fget", None) or getattr(member, "__func__", None) or getattr(member, "func", member)
        if not name.startswith("_") and isinstance(inner, pytypes.FunctionType):
            yield f"{kind.__name__}.{name}", inner.__module__, str(inner.__annotations__.get("return", "nothing said"))


def test_completion_works_after_every_public_call() -> None:
    """Each public method and property says what it returns, and it is not Any."""
    told = {name: returns for kind in FACE for name, where, returns in _returns(kind) if where.startswith("headwater")}
    assert len(told) > 100
    assert {name for name, returns in told.items() if returns in ("Any", "nothing said", "typing.Any")} == OPEN
