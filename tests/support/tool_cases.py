"""Types and functions that the tests of schemas and of function calling share."""

from __future__ import annotations

import dataclasses
import enum
from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired, Optional, TypedDict, Union

import msgspec
import pydantic


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    SMALL = 1
    BIG = 2


class Inner(pydantic.BaseModel):
    """An inner one."""

    x: int = pydantic.Field(description="the x")
    y: str | None = None


class Node(pydantic.BaseModel):
    kids: list[Node]
    x: int


class Loose(pydantic.BaseModel):
    """Takes anything, and keeps nothing of it."""

    nothing: int = 0


class Everything(pydantic.BaseModel):
    """Doc of everything."""

    a: Optional[int] = None  # noqa: UP045 - as people write it
    b: Union[int, str]  # noqa: UP007
    c: Color
    d: list[Inner]
    e: Literal["x", "y"] = "x"
    f: datetime
    g: Annotated[int, pydantic.Field(ge=1, le=5)]
    i: Inner
    j: Inner | None = None


@dataclasses.dataclass
class Leaf:
    a: int
    b: str = "q"
    c: list[int] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Tree:
    """A tree.

    Attributes:
        leaves: what hangs on it
    """

    leaves: list[Leaf]
    parent: Tree | None = None


@dataclasses.dataclass
class Even:
    number: int

    def __post_init__(self) -> None:
        if self.number % 2:
            raise ValueError("the number is odd")


class Movie(TypedDict):
    title: Annotated[str, "as on the poster"]
    year: NotRequired[int]


class City(msgspec.Struct, rename="camel"):
    """A city."""

    full_name: str
    inner: Inner | None = None
    when: Annotated[int, msgspec.Meta(ge=0, description="a year")] = 0


def plain(a: int, b: float, c: str, d: bool) -> None:
    """Do it.

    Args:
        a: the a
        b (float): the b,
            which goes on
    """


def containers(a: list[int], b: dict[str, Any], d: set[str], e: dict[str, int], g: list[Any]) -> dict[str, Any]: ...  # type: ignore[empty-body]


def unions(a: Optional[int], b: Union[int, str], d: Literal["x", "y"] = "x", e: int | None = None) -> list[int]: ...  # type: ignore[empty-body]  # noqa: UP045, UP007


def models(a: Inner, b: list[Inner], c: dict[str, Inner]) -> Inner: ...  # type: ignore[empty-body]


def annotated(b: Annotated[int, pydantic.Field(description="dd", ge=1)], when: datetime) -> Color: ...  # type: ignore[empty-body]


def recursive(node: Node) -> None: ...


def no_annotation(a, b=3): ...  # type: ignore[no-untyped-def]


class Counter:
    """Counts."""

    def __init__(self) -> None:
        self.total = 0

    def add(self, number: int) -> int:
        """Add a number."""
        self.total += number
        return self.total

    def __call__(self, number: int = 1) -> int:
        """Call it."""
        return self.add(number)
