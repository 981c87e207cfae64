"""Python functions as tools: what the model is told of them, and how its arguments reach them."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from headwater.client.tools.annotations import NO_DEFAULT, Field, hints_of
from headwater.client.tools.convert import ConversionError, convert_members
from headwater.client.tools.docstrings import parse_docstring
from headwater.client.tools.json_schema import json_schema, object_schema
from headwater.errors import FunctionCallError, UsageError
from headwater.types import FunctionDeclaration
from headwater.types.base import ApiModel

Function = Callable[..., Any]


def declare(function: Function, *, vertexai: bool = False) -> FunctionDeclaration:
    """Return what the model is told of a function: name, docstring, and the schemas of parameters and result.

    Both APIs take the same words, so ``vertexai`` changes nothing today.

    Raises:
        UsageError: a parameter has no annotation, or one that JSON cannot say; or the function takes ``*args``.
    """
    if not name_of(function).isidentifier():
        raise UsageError(f"{name_of(function)} cannot be a tool: a model calls a function by its name, so give it one")
    members = parameters(function)
    returns = _hints(function).get("return", NO_DEFAULT)
    try:
        return FunctionDeclaration(
            name=name_of(function),
            description=parse_docstring(_docstring(function)).text or None,
            parameters_json_schema=object_schema(members) if members else None,
            response_json_schema=_result_schema(returns),
        )
    except UsageError as error:
        raise UsageError(f"{name_of(function)} cannot be a tool: {error}") from error


def name_of(function: Function) -> str:
    """Return the name under which the model knows a function."""
    function = _unwrapped(function)
    return str(getattr(function, "__name__", type(function).__name__))


def is_coroutine(function: Function) -> bool:
    """Tell whether the function has to be awaited."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(_code(function))


def parameters(function: Function) -> list[Field]:
    """Return the parameters that the model fills in: neither ``self`` nor what a ``partial`` has fixed.

    Raises:
        UsageError: one has no annotation, or the function takes ``*args`` or ``**kwargs``.
    """
    hints, described = _hints(function), parse_docstring(_docstring(function)).parameters
    fixed = function.keywords if isinstance(function, functools.partial) else {}
    found = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise UsageError(
                f"{name_of(function)} takes {parameter}: a model has to be told each parameter by its name"
            )
        if name in fixed:
            continue
        if name not in hints:
            raise UsageError(
                f"{name_of(function)}: parameter {name!r} has no annotation; write for example {name}: str"
            )
        is_required = parameter.default is NO_DEFAULT
        found.append(Field(name, hints[name], is_required, parameter.default, described.get(name)))
    return found


def bind(function: Function, arguments: Mapping[str, Any] | None) -> Callable[[], Any]:
    """Return the call that the model asks for, its arguments made into what the annotations promise.

    Raises:
        FunctionCallError: an argument is missing, not known, or does not fit.
    """
    try:
        values = convert_members(arguments or {}, parameters(function), name_of(function))
    except ConversionError as error:
        raise FunctionCallError(str(error)) from error
    kinds = inspect.signature(function).parameters
    positional = [
        values.pop(name) for name in kinds if kinds[name].kind is inspect.Parameter.POSITIONAL_ONLY and name in values
    ]
    return functools.partial(function, *positional, **values)


def call(function: Function, arguments: Mapping[str, Any] | None = None) -> Any:
    """Call a function with a model's arguments and return what it returns.

    Raises:
        FunctionCallError: the arguments do not fit.
        UsageError: the function is a coroutine function: use ``acall``.
    """
    refuse_coroutine(function)
    return bind(function, arguments)()


async def acall(function: Function, arguments: Mapping[str, Any] | None = None) -> Any:
    """Call a function with a model's arguments and return what it returns; a plain one runs in a thread.

    Raises:
        FunctionCallError: the arguments do not fit.
    """
    bound = bind(function, arguments)
    value = bound() if is_coroutine(function) else await asyncio.to_thread(bound)
    return await value if inspect.isawaitable(value) else value


def refuse_coroutine(function: Function) -> None:
    """Refuse a function that has to be awaited, where nothing can await it.

    Raises:
        UsageError: it is a coroutine function.
    """
    if is_coroutine(function):
        raise UsageError(f"{name_of(function)} is a coroutine function: use client.aio, which can await it")


def _result_schema(returns: Any) -> dict[str, Any] | None:
    """The schema of a result; None where there is nothing to say: the model can do without it."""
    if returns is NO_DEFAULT or (inspect.isclass(returns) and issubclass(returns, ApiModel)):
        return None  # a Part or a FunctionResponse goes back as it is
    try:
        return json_schema(returns)
    except UsageError:
        return None


def _unwrapped(function: Any) -> Any:
    while isinstance(function, functools.partial):
        function = function.func
    return function


def _code(function: Any) -> Any:
    """The function that has the annotations: the ``__call__`` of an object, the function of a partial."""
    function = _unwrapped(function)
    return function if inspect.isroutine(function) or inspect.isclass(function) else type(function).__call__


def _hints(function: Function) -> dict[str, Any]:
    return hints_of(_code(function))


def _docstring(function: Function) -> str | None:
    code = _code(function)
    text = getattr(code, "__doc__", None) or getattr(_unwrapped(function), "__doc__", None)
    return text if isinstance(text, str) else None
