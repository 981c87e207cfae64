"""The names: every type of the family is there with its fields, and each has its twin for who writes dicts."""

from __future__ import annotations

import subprocess
import sys
import typing
import warnings
from collections.abc import Iterator
from enum import Enum
from typing import Any

import pytest

from headwater import types
from tools.make_type_dicts import MODULES as TWINNED
from tools.make_type_dicts import files, kinds

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    google_types = pytest.importorskip("google.genai.types")
    from pydantic import BaseModel

#: Where the family of generate_content begins.
ROOTS = [
    "Content",
    "Part",
    "Tool",
    "ToolConfig",
    "GenerateContentConfig",
    "GenerateContentResponse",
    "File",
    "Schema",
    "JSONSchema",
    "HttpOptions",
    "CountTokensConfig",
    "CountTokensResponse",
    "Model",
    "ListModelsConfig",
    "GetModelConfig",
    "UploadFileConfig",
    "ListFilesConfig",
    "GetFileConfig",
    "DeleteFileConfig",
    "DownloadFileConfig",
    "ListFilesResponse",
    "DeleteFileResponse",
    "Image",
    "EmbedContentConfig",
    "EmbedContentResponse",
    "ComputeTokensConfig",
    "ComputeTokensResponse",
    "ComputeTokensResult",
    "CreateCachedContentConfig",
    "UpdateCachedContentConfig",
    "GetCachedContentConfig",
    "DeleteCachedContentConfig",
    "DeleteCachedContentResponse",
    "ListCachedContentsConfig",
    "ListCachedContentsResponse",
    "RegisterFilesConfig",
    "RegisterFilesResponse",
    "AuthToken",
    "CreateAuthTokenParameters",
]
#: Types and fields that are reached from there and are not here, and why.
ABSENT = {
    "BaseModel": "pydantic's own",
    "Enum": "Python's own",
    "ClaudeFile": "another vendor's files",
    "ListFilesResponse.data": "another vendor's files",
    "ListFilesResponse.next_page": "another vendor's files",
    "DeleteFileResponse.id": "another vendor's files",
    "DeleteFileResponse.type": "another vendor's files",
    "GenerateContentResponse.automatic_function_calling_history": "a property, not a field",
    "GenerateContentResponse.parsed": "a property, not a field",
    "UsageMetadata.response_token_count": "the Live API's; elsewhere it is candidates_token_count",
    "UsageMetadata.response_tokens_details": "the Live API's; elsewhere it is candidates_tokens_details",
}
UNIONS = [
    "PartUnion",
    "PartUnionDict",
    "ContentUnion",
    "ContentUnionDict",
    "ContentListUnion",
    "ContentListUnionDict",
    "ToolUnion",
    "ToolUnionDict",
    "ToolListUnion",
    "ToolListUnionDict",
    "SchemaUnion",
    "SchemaUnionDict",
    "SpeechConfigUnion",
    "SpeechConfigUnionDict",
]


def family() -> dict[str, Any]:
    """google-genai's types that can be reached from the roots."""
    found: dict[str, Any] = {}

    def walk(kind: Any) -> None:
        if isinstance(kind, type) and issubclass(kind, BaseModel | Enum) and kind.__name__ not in found:
            found[kind.__name__] = kind
            for field in getattr(kind, "model_fields", {}).values() if kind is not BaseModel else ():
                walk(field.annotation)
        for inner in typing.get_args(kind):
            walk(inner)

    for name in ROOTS:
        walk(getattr(google_types, name))
    return found


def members(kind: Any) -> Iterator[str]:
    """The names that a type has."""
    if issubclass(kind, Enum):
        yield from (member.name for member in kind)
    elif kind is not BaseModel:
        yield from kind.model_fields


def real(name: str) -> Any:
    """The type of that name; None if it is missing or only a placeholder."""
    kind = getattr(types, name, None)
    return None if str(getattr(kind, "__module__", "")).startswith("google.") else kind


def test_every_type_of_the_family_is_there_with_all_its_fields() -> None:
    missing = []
    for name, kind in family().items():
        ours = real(name)
        if ours is None:
            missing.append(name)
            continue
        have = set(dir(ours)) | set(getattr(ours, "model_fields", ()))
        missing += [f"{name}.{member}" for member in members(kind) if member not in have]
    assert set(missing) <= set(ABSENT), sorted(set(missing) - set(ABSENT))
    assert len(family()) > 180


def test_what_is_listed_as_absent_is_absent() -> None:
    """The list does not outlive its reasons."""
    for name in ABSENT:
        kind, _, field = name.partition(".")
        ours = real(kind)
        assert ours is None or (field and field not in ours.model_fields), name


def test_twins_are_as_the_script_writes_them() -> None:
    """``python tools/make_type_dicts.py`` writes them."""
    for path, text in files():
        written = subprocess.run(
            [sys.executable, "-m", "ruff", "format", "--line-length=120", "-"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert path.read_text("utf-8").split() == written.split(), path.name


def test_every_type_has_a_twin_that_says_its_fields() -> None:
    for module in TWINNED:
        for kind in kinds(module):
            twin = getattr(types, f"{kind.__name__}Dict")
            assert set(typing.get_type_hints(twin)) == set(kind.model_fields) - {"stream"}
            assert typing.get_args(getattr(types, f"{kind.__name__}OrDict")) == (kind, twin)


@pytest.mark.parametrize("name", UNIONS)
def test_the_unions_have_google_genais_names(name: str) -> None:
    assert hasattr(google_types, name)
    assert typing.get_args(getattr(types, name))


def test_twins_are_loaded_when_one_is_asked_for() -> None:
    code = "import sys; from headwater import types; print('headwater.types.dicts' in sys.modules, types.PartDict)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == "False <class 'headwater.types.dicts.content.PartDict'>\n"


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"headwater\.types has no 'ContentDicts'"):
        _ = types.ContentDicts  # type: ignore[attr-defined]
