"""MCP servers as tools: their tools listed, declared to the model, and called through their sessions.

The classes of ``mcp`` (1 and 2) are recognized by name, and the package is never imported here: who has a session has
imported it already, and everyone else should not pay for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from headwater.errors import UsageError
from headwater.types import FunctionDeclaration, FunctionResponse

#: What a running tool reports: how far it is, of how much (if it knows), and a text.
Report = Callable[[float, float | None, str | None], object]

_PACKAGES = ("mcp", "mcp_types")
#: The pages of a server's list that are read. One whose cursors never end must not hold a call forever.
MAX_PAGES = 1000


class McpFunction:
    """One tool of an MCP server. Called with the model's arguments, which the server checks, not we."""

    def __init__(self, session: Any, tool: Any) -> None:
        self.declaration = declaration(tool)
        self.__name__ = str(tool.name)
        self._session = session

    async def __call__(self, arguments: Mapping[str, Any] | None, report: Report | None = None) -> FunctionResponse:
        """Call the tool and return its result, or its error, as google-genai sends them to the model."""
        watch = {} if report is None else {"progress_callback": _watcher(report)}
        result = await self._session.call_tool(self.__name__, _whole_numbers(dict(arguments or {})), **watch)
        key = "error" if _either(result, "is_error", "isError") else "result"
        return FunctionResponse(response={key: result.model_dump(mode="json", exclude_none=True)})


def is_session(tool: Any) -> bool:
    """Return whether this is a connection to an MCP server: ``mcp.ClientSession``, or ``mcp.Client`` of mcp 2."""
    return _is_one_of(tool, ("ClientSession", "Client"))


def is_tool(tool: Any) -> bool:
    """Return whether this is the description of an MCP tool, ``mcp.types.Tool``. It can be declared, but not called."""
    return _is_one_of(tool, ("Tool",))


def declaration(tool: Any) -> FunctionDeclaration:
    """Return the declaration of an MCP tool. Its schema is sent as it is: MCP's are JSON Schema."""
    schema = _either(tool, "input_schema", "inputSchema")
    return FunctionDeclaration(name=tool.name, description=tool.description, parameters_json_schema=schema)


async def list_tools(tools: Sequence[Any]) -> list[Any]:
    """Return ``tools`` with the functions of each MCP server in the place of its session.

    Raises:
        UsageError: if two servers, or a server and a function, have a tool of the same name.
    """
    import asyncio  # imported here, so that sync programs do not load asyncio

    # By identity: the same session twice is harmless, and its tools must not clash with themselves.
    sessions = list({id(tool): tool for tool in tools if is_session(tool)}.values())
    listed = await asyncio.gather(*(_functions(session) for session in sessions))
    functions = [function for found in listed for function in found]
    others = [tool for tool in tools if not is_session(tool)]
    _refuse_clashes(functions, others)
    return [*others, *functions]


async def _functions(session: Any) -> list[McpFunction]:
    """Return all tools of a server, however many pages its list has."""
    found: list[McpFunction] = []
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await (session.list_tools() if cursor is None else session.list_tools(**_page(session, cursor)))
        found += [McpFunction(session, tool) for tool in page.tools]
        cursor = _either(page, "next_cursor", "nextCursor")
        if cursor is None:
            return found
    raise UsageError(f"an MCP server's list of tools has more than {MAX_PAGES} pages: its cursors do not end")


def _page(session: Any, cursor: str) -> dict[str, Any]:
    """Return the argument of ``list_tools`` for a further page, whose name depends on the class and version."""
    import inspect

    if "params" not in inspect.signature(session.list_tools).parameters:
        return {"cursor": cursor}
    from mcp.types import PaginatedRequestParams  # loaded already, by whoever made the session

    return {"params": PaginatedRequestParams(cursor=cursor)}


def _refuse_clashes(functions: Iterable[McpFunction], others: Iterable[Any]) -> None:
    names = {name for tool in others if (name := getattr(tool, "__name__", None))}
    for function in functions:
        if function.__name__ in names:
            raise UsageError(
                f"two of the tools are named {function.__name__!r}, at least one of them of an MCP server: the model "
                "could not tell them apart; leave one out, or wrap it in a function of another name"
            )
        names.add(function.__name__)


def _watcher(report: Report) -> Callable[[float, float | None, str | None], Any]:
    async def watch(progress: float, total: float | None = None, message: str | None = None) -> None:
        report(progress, total, message)

    return watch


def _whole_numbers(value: Any) -> Any:
    """Return JSON with 2 for 2.0: the API writes whole numbers either way, and servers want integers."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _whole_numbers(inner) for key, inner in value.items()}
    return [_whole_numbers(inner) for inner in value] if isinstance(value, list) else value


def _either(thing: Any, name: str, old_name: str) -> Any:
    """Return a field by its name in mcp 2, or the one in mcp 1."""
    return getattr(thing, name) if hasattr(thing, name) else getattr(thing, old_name, None)


def _is_one_of(tool: Any, names: Sequence[str]) -> bool:
    # Subclasses count: frameworks derive sessions of their own.
    return any(kind.__name__ in names and kind.__module__.partition(".")[0] in _PACKAGES for kind in type(tool).__mro__)
