"""An MCP server with tools on the weather, over stdio, or with ``streamable-http [PORT]`` over HTTP (mcp 1 and 2)."""

# pyright: basic
# A checker sees one of the two versions of mcp, and nothing of the other.

import asyncio
import sys
from typing import Any

try:
    from mcp.server.mcpserver import Context, MCPServer
except ImportError:  # mcp 1
    from mcp.server.fastmcp import Context  # type: ignore[attr-defined,no-redef] # pyright: ignore
    from mcp.server.fastmcp import FastMCP as MCPServer  # type: ignore[attr-defined,no-redef] # pyright: ignore

server = MCPServer("weather")


@server.tool()
def forecast(city: str, days: int = 1) -> str:
    """Return the weather of the next days."""
    return f"{city}: sunny for {days} day(s)"


@server.tool()
async def measure(city: str, ctx: Context) -> str:
    """Measure the weather now, which takes a moment."""
    for step, what in enumerate(("wind", "rain", "temperature"), 1):
        await ctx.report_progress(step, 3, what)
        await asyncio.sleep(0.01)
    return f"{city}: 21 degrees, no wind, no rain"


def main() -> None:
    """Serve over stdio, or over HTTP at http://127.0.0.1:PORT/mcp."""
    transport, port = [*sys.argv[1:], "stdio", "8000"][:2]
    if transport == "stdio":
        server.run()
        return
    settings: Any = getattr(server, "settings", None)
    if hasattr(settings, "port"):  # mcp 1 has it among its settings, mcp 2 as an argument
        settings.port = int(port)
        server.run(transport="streamable-http")
    else:
        server.run(transport="streamable-http", port=int(port))


if __name__ == "__main__":
    main()
