"""Python functions as tools: their declarations, and calls with a model's arguments.

A callable can be a function, a method, a ``functools.partial`` or an object with ``__call__``. Its name comes from the
callable itself, its annotations from the function inside (``_code``), its parameters from ``inspect.signature``, which
already leaves out ``self`` and what a partial has bound by position.
"""

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
from headwater.client.tools.mcp import McpFunction
from headwater.errors import FunctionCallError, UsageError
from headwater.types import FunctionDeclaration
from headwater.types.base import ApiModel

Function = Callable[..., Any]


def declare(function: Function, *, vertexai: bool = False) -> FunctionDeclaration:
    """Return the declaration of a function: name, description, and the schemas of parameters and result.

    Both APIs take the same declaration, so ``vertexai`` has no effect today.

    Raises:
        UsageError: if a parameter has no annotation or one without a JSON schema, or the function takes ``*args``.
    """
    if isinstance(function, McpFunction):
        return function.declaration
    # A lambda's name is "<lambda>", which the API refuses.
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
    """Return the name by which the model calls a function."""
    function = _unwrapped(function)
    return str(getattr(function, "__name__", type(function).__name__))


def is_coroutine(function: Function) -> bool:
    """Return whether the function has to be awaited."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(_code(function))


def parameters(function: Function) -> list[Field]:
    """Return the parameters that the model fills in, without ``self`` and those that a ``partial`` has bound.

    Raises:
        UsageError: if one has no annotation, or the function takes ``*args`` or ``**kwargs``.
    """
    hints, described = _hints(function), parse_docstring(_docstring(function)).parameters
    # inspect.signature keeps keyword arguments of a partial as defaults; the model must not set them.
    fixed = function.keywords if isinstance(function, functools.partial) else {}
    found = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise UsageError(f"{name_of(function)} takes {parameter}: a tool can only have named parameters")
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
    """Return the call that the model requests, with its arguments converted to the annotated types.

    Raises:
        FunctionCallError: if an argument is missing, unknown, or of the wrong type.
    """
    try:
        values = convert_members(arguments or {}, parameters(function), name_of(function))
    except ConversionError as error:
        raise FunctionCallError(str(error)) from error
    # The model names every argument; those before a "/" have to be passed by position.
    kinds = inspect.signature(function).parameters
    positional = [
        values.pop(name) for name in kinds if kinds[name].kind is inspect.Parameter.POSITIONAL_ONLY and name in values
    ]
    return functools.partial(function, *positional, **values)


def call(function: Function, arguments: Mapping[str, Any] | None = None) -> Any:
    """Call a function with a model's arguments and return its result.

    Raises:
        FunctionCallError: if the arguments do not fit.
        UsageError: if it is a coroutine function: use ``acall``.
    """
    refuse_coroutine(function)
    return bind(function, arguments)()


async def acall(function: Function, arguments: Mapping[str, Any] | None = None) -> Any:
    """Call a function with a model's arguments and return its result; a plain function runs in a thread.

    Raises:
        FunctionCallError: if the arguments do not fit.
    """
    # A callable that only turns out to return an awaitable (a partial, a decorator) is awaited as well.
    bound = bind(function, arguments)
    value = bound() if is_coroutine(function) else await asyncio.to_thread(bound)
    return await value if inspect.isawaitable(value) else value


def refuse_coroutine(function: Function) -> None:
    """Refuse a coroutine function in a sync call.

    Raises:
        UsageError: if it is one.
    """
    if is_coroutine(function):
        raise UsageError(f"{name_of(function)} is a coroutine function: use client.aio, which can await it")


def _result_schema(returns: Any) -> dict[str, Any] | None:
    """Return the schema of the result; None if it has none: a declaration does not need it."""
    if returns is NO_DEFAULT or (inspect.isclass(returns) and issubclass(returns, ApiModel)):
        return None  # a Part or a FunctionResponse is sent back unchanged
    try:
        return json_schema(returns)
    except UsageError:
        return None


def _unwrapped(function: Any) -> Any:
    while isinstance(function, functools.partial):
        function = function.func
    return function


def _code(function: Any) -> Any:
    """Return what has the annotations: the ``__call__`` of an object, the function of a partial."""
    function = _unwrapped(function)
    return function if inspect.isroutine(function) or inspect.isclass(function) else type(function).__call__


def _hints(function: Function) -> dict[str, Any]:
    return hints_of(_code(function))


def _docstring(function: Function) -> str | None:
    code = _code(function)
    text = getattr(code, "__doc__", None) or getattr(_unwrapped(function), "__doc__", None)
    return text if isinstance(text, str) else None
