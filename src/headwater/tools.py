"""Functions and schemas by hand: what ``generate_content`` does with Python functions and types, step by step."""

from headwater.client.tools.calls import PlannedCall, arun_calls, functions_by_name, plan_calls, run_calls
from headwater.client.tools.functions import declare
from headwater.client.tools.schemas import parse, to_schema

__all__ = [
    "PlannedCall",
    "arun_calls",
    "declare",
    "functions_by_name",
    "parse",
    "plan_calls",
    "run_calls",
    "to_schema",
]
