"""JSON answers: converted to the requested type when they are complete, and readable while they stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar, get_args, get_origin

from headwater.core.answer.answer_fold import AnswerFold
from headwater.core.answer.partial_json import PartialJson
from headwater.errors import ParseError
from headwater.types import GenerateContentConfig, GenerateContentResponse

R = TypeVar("R")


def with_parsed(answer: R, config: GenerateContentConfig | None) -> R:
    """Return ``answer``; its ``parsed`` now converts to the type that ``config`` requests, when it is first read."""
    kind = requested_type(config)
    if kind is not None and isinstance(answer, GenerateContentResponse):
        answer.__dict__["_parse"] = partial(read, kind)
    return answer


def read(kind: Any, text: str) -> Any:
    """Return the JSON ``text`` as an instance of ``kind``.

    Raises:
        ParseError: if it is not JSON, or does not fit.
    """
    from headwater.client.tools.schemas import parse  # imported here, since most programs never need it

    return parse(kind, text)


class GrowingJson:
    """The JSON of an answer so far. Lives as long as its stream; starts over when the answer is restarted."""

    def __init__(self, fold: Callable[[], AnswerFold], path: str | Sequence[str] = ()) -> None:
        self._fold = fold
        self._path = path
        self._of: AnswerFold | None = None  # the answer that the reader has read; another one after a restart
        self._reader = PartialJson(items=path)
        self._read = 0  # characters

    def reader(self) -> PartialJson:
        """Return the reader, after feeding it everything received.

        Raises:
            ParseError: if it is not JSON.
        """
        # A restarted answer has a new fold; the reader cannot take back what it has read, so it is replaced.
        fold = self._fold()
        if fold is not self._of:
            self._of, self._reader, self._read = fold, PartialJson(items=self._path), 0
        text = fold.text_after(self._read)
        self._read += len(text)
        self._reader.feed(text)
        return self._reader

    def take(self) -> tuple[list[Any], ParseError | None]:
        """Return the elements completed since the last call, and the error after them, if there is one."""
        try:
            self.reader()
        except ParseError as error:
            return self._reader.take(), error
        return self._reader.take(), None


class Items:
    """The elements of an array in an answer, each as soon as it is complete, converted to the requested type."""

    def __init__(
        self, fold: Callable[[], AnswerFold], path: str | Sequence[str], kind: Any, config: GenerateContentConfig | None
    ) -> None:
        self._json = GrowingJson(fold, path)
        self._kind = kind if kind is not None or path else _element_type(requested_type(config))

    def take(self, _: object = None) -> Iterator[Any]:
        """Yield the elements completed since the last call.

        Raises:
            ParseError: if it is not JSON, or an element does not fit its type.
        """
        # The complete elements before an error are delivered, then it is raised.
        items, error = self._json.take()
        for item in items:
            yield item if self._kind is None else convert_item(item, self._kind)
        if error is not None:
            raise error

    def end(self, *, is_whole: bool) -> Iterable[Any]:
        """Yield the last elements, and check that the JSON of a complete answer is complete.

        Raises:
            ParseError: if it is not.
        """
        yield from self.take()
        if is_whole:
            self._json.reader().finish()


def convert_item(item: Any, kind: Any) -> Any:
    """Return an element as an instance of ``kind``.

    Raises:
        ParseError: if it does not fit.
    """
    from headwater.client.tools.convert import ConversionError, convert

    try:
        return convert(item, kind, "item")
    except ConversionError as error:
        raise ParseError(str(error)) from error


def requested_type(config: GenerateContentConfig | None) -> Any:
    """Return the type or schema that ``config`` requests; None without one."""
    if config is None:
        return None
    return config.response_json_schema if config.response_schema is None else config.response_schema


def _element_type(kind: Any) -> Any:
    """Return the type of the elements of a ``list[...]``; None for anything else."""
    is_list = not isinstance(kind, Mapping) and get_origin(kind) is list
    return next(iter(get_args(kind)), None) if is_list else None
