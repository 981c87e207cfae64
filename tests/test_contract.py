"""What client and server both know stands once, in ``headwater.contract``, and both sides agree on the bodies."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headwater.contract import chats, defaults, headers, paths, streams
from headwater.server.chats.model import ChatRecord, ChatTree, Message

SRC = Path(__file__).resolve().parent.parent / "src" / "headwater"
#: Lists of the models that the offline engine offers: data of its own.
OFFLINE = ("offline",)
LITERALS = [
    paths.STREAMS,
    paths.CHATS,
    paths.DURABLE,
    headers.KEEP,
    headers.STREAM,
    headers.AFTER,
    headers.LAST_EVENT_ID,
    headers.IDEMPOTENCY_KEY,
    defaults.DEFAULT_MODEL,
    chats.UNKNOWN_MESSAGE,
]


@cache
def trees() -> dict[str, ast.Module]:
    """Every module, parsed."""
    return {str(path.relative_to(SRC)): ast.parse(path.read_text("utf-8")) for path in sorted(SRC.rglob("*.py"))}


@cache
def strings() -> list[tuple[str, str]]:
    """The texts of all modules that are not docstrings, in lower case; the parts of f-strings among them."""
    return [(name, text) for name, tree in trees().items() for text in _strings(tree)]


def _strings(tree: ast.Module) -> Iterator[str]:
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes) and id(node) not in prose:
            yield (node.value if isinstance(node.value, str) else node.value.decode("latin-1")).lower()


@pytest.mark.parametrize("literal", LITERALS)
def test_literal_stands_once(literal: str) -> None:
    found = [name for name, text in strings() if literal.lower() in text and not name.startswith(OFFLINE)]
    assert len(found) == 1, f"{literal!r} stands in {found}: import it from headwater.contract"
    assert found[0].startswith("contract")


@pytest.mark.parametrize("choice", [streams.OnServerBreak, chats.MessageState, chats.ExportFormat, streams.StreamState])
def test_choice_is_spelled_out_once(choice: Any) -> None:
    """As a ``Literal``, or as a list of all its values."""
    values = set(choice.__args__)
    lists = [
        (name, node)
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Tuple | ast.List | ast.Set)
    ]
    found = [name for name, node in lists if {getattr(entry, "value", None) for entry in node.elts} == values]
    assert len(found) == 1, found


def _fields(kind: type[msgspec.Struct]) -> set[str]:
    return set(kind.__struct_encode_fields__)


def test_both_sides_know_the_fields_of_a_stream() -> None:
    assert _fields(streams.StreamDocument) == _fields(streams.StreamInfo)


def test_both_sides_know_the_fields_of_a_chat() -> None:
    assert _fields(chats.SavedChatInfo) == _fields(ChatRecord)
    assert _fields(chats.SavedChat) == _fields(ChatTree)
    assert _fields(Message) - _fields(chats.SavedMessage) == {"created", "stream", "next"}, "what the server alone has"
    assert _fields(chats.SavedMessage) <= _fields(Message)


def test_stream_travels_unchanged() -> None:
    """What the server writes is what the client reads, and what says nothing is left out."""
    metrics = streams.StreamMetrics(0.5, None, 3)
    document = streams.StreamDocument(
        name="n", model="m", state="failed", next=4, created="2025-01-02T03:04:05.678+00:00", on_break="fail",
        metrics=metrics, usage={"totalTokenCount": 9}, code=503,
    )  # fmt: skip
    written = msgspec.json.encode(document)
    assert written == (
        b'{"name":"n","model":"m","state":"failed","next":4,"created":"2025-01-02T03:04:05.678+00:00",'
        b'"on_break":"fail","metrics":{"first_chunk":0.5,"chunks":3},"usage":{"totalTokenCount":9},"code":503}'
    )
    info = msgspec.json.decode(written, type=streams.StreamInfo)
    assert (info.name, info.state, info.next, info.code, info.metrics, info.is_over) == (
        "n",
        "failed",
        4,
        503,
        metrics,
        True,
    )
    assert info.usage is not None
    assert info.usage.total_token_count == 9
