"""An answer's JSON: read as what was asked for when it is whole, and as an object that grows while it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar, get_args, get_origin

from headwater.core.answer.fold import Fold
from headwater.core.answer.partial_json import PartialJson
from headwater.errors import ParseError
from headwater.types import GenerateContentConfig, GenerateContentResponse

R = TypeVar("R")


def with_parsed(answer: R, config: GenerateContentConfig | None) -> R:
    """Return ``answer``, whose ``parsed`` is now read as what ``config`` asks for."""
    kind = _requested_schema(config)
    if kind is not None and isinstance(answer, GenerateContentResponse):
        answer.__dict__["_parse"] = partial(read, kind)
    return answer


def read(kind: Any, text: str) -> Any:
    """Return the JSON ``text`` as a ``kind``.

    Raises:
        ParseError: it is none.
    """
    from headwater.client.tools.schemas import parse  # here, since most programs never get here

    return parse(kind, text)


class GrowingJson:
    """The JSON of an answer so far. Lives as long as the stream; begins anew where the answer does."""

    def __init__(self, fold: Callable[[], Fold], path: str | Sequence[str] = ()) -> None:
        self._fold = fold
        self._path = path
        self._of: Fold | None = None  # what the reader has read from
        self._reader = PartialJson(items=path)
        self._read = 0  # characters

    def reader(self) -> PartialJson:
        """Return the reader, which has read all that has come.

        Raises:
            ParseError: it is no JSON.
        """
        fold = self._fold()
        if fold is not self._of:
            self._of, self._reader, self._read = fold, PartialJson(items=self._path), 0
        text = fold.text_after(self._read)
        self._read += len(text)
        self._reader.feed(text)
        return self._reader

    def take(self) -> tuple[list[Any], ParseError | None]:
        """Return the elements that have become whole since the last time, and what is wrong after them."""
        try:
            self.reader()
        except ParseError as error:
            return self._reader.take(), error
        return self._reader.take(), None


class Items:
    """The elements of an array in an answer, each once it is whole, made into what was asked for."""

    def __init__(
        self, fold: Callable[[], Fold], path: str | Sequence[str], kind: Any, config: GenerateContentConfig | None
    ) -> None:
        self._json = GrowingJson(fold, path)
        self._kind = kind if kind is not None or path else _element_type(_requested_schema(config))

    def take(self, _: object = None) -> Iterator[Any]:
        """Yield those that have become whole since the last time.

        Raises:
            ParseError: it is no JSON, or an element is not what was asked for.
        """
        items, error = self._json.take()
        for item in items:
            yield item if self._kind is None else convert_item(item, self._kind)
        if error is not None:
            raise error

    def end(self, *, is_whole: bool) -> Iterable[Any]:
        """Yield the last, and make sure that nothing is missing from an answer that is whole.

        Raises:
            ParseError: its JSON is not.
        """
        yield from self.take()
        if is_whole:
            self._json.reader().finish()


def convert_item(item: Any, kind: Any) -> Any:
    """Return an element as a ``kind``.

    Raises:
        ParseError: it does not fit.
    """
    from headwater.client.tools.convert import ConversionError, convert

    try:
        return convert(item, kind, "item")
    except ConversionError as error:
        raise ParseError(str(error)) from error


def _requested_schema(config: GenerateContentConfig | None) -> Any:
    if config is None:
        return None
    return config.response_json_schema if config.response_schema is None else config.response_schema


def _element_type(kind: Any) -> Any:
    """What the elements of a ``list[...]`` are; None for anything else."""
    is_list = not isinstance(kind, Mapping) and get_origin(kind) is list
    return next(iter(get_args(kind)), None) if is_list else None
