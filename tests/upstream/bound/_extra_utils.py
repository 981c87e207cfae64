"""google-genai's helpers of function calling, where headwater has one that does the same."""

from collections.abc import Callable
from typing import Any

from headwater import types
from headwater.client.tools import calls, functions
from headwater.client.tools.convert import ConversionError, convert
from headwater.errors import FunctionCallError
from headwater.types.base import coerce


def invoke_function_from_dict_args(args: dict[str, Any], function: Callable[..., Any]) -> Any:
    return functions.call(function, args)


def get_function_response_parts(answer: types.GenerateContentResponse, known: dict[str, Any]) -> list[types.Part]:
    return calls.run_calls(calls.plan_calls(answer.function_calls or (), known))


async def get_function_response_parts_async(
    answer: types.GenerateContentResponse, known: dict[str, Any]
) -> list[types.Part]:
    return await calls.arun_calls(calls.plan_calls(answer.function_calls or (), known))


def convert_if_exist_pydantic_model(value: Any, annotation: Any, parameter: str, function: str) -> Any:
    try:
        return convert(value, annotation, f"{function}.{parameter}")
    except ConversionError as error:
        raise FunctionCallError(str(error)) from error


def convert_number_values_for_function_call_args(value: Any) -> Any:
    return convert(value, Any, "value")


def _most(config: Any) -> int:
    """How many requests are made, where one of the tools is a function."""
    config = coerce(config or {}, types.GenerateContentConfig, "config")
    return calls.max_remote_calls(config.automatic_function_calling, [print])


def should_disable_afc(config: Any = None) -> bool:
    return _most(config) == 0


def get_max_remote_calls_afc(config: Any = None) -> int:
    if not _most(config):
        raise ValueError("functions are not called")
    return _most(config)


def get_function_map(config: Any, adapters: Any = None, is_caller_method_async: bool = False) -> dict[str, Any]:
    config = coerce(config or {}, types.GenerateContentConfig, "config")
    return calls.functions_by_name(config.tools, is_async=is_caller_method_async)
