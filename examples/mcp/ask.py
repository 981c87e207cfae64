"""Let the model use the tools of an MCP server, and show what they report while they run."""

import asyncio
import sys
from pathlib import Path

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from headwater import genai
from headwater.streaming import Call, CallProgress, Result, Text

SERVER = StdioServerParameters(command=sys.executable, args=[str(Path(__file__).with_name("weather.py"))])


async def main() -> None:
    """Ask one question, with all tools of one server."""
    client = genai.Client()
    async with stdio_client(SERVER) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        stream = await client.aio.models.generate_content_stream(
            model="gemini-3.8-flash",
            contents="Measure the weather in the city of Vienna.",
            config={"tools": [session]},
        )
        async for event in stream.events():
            match event:
                case Call(call):
                    print(f"{call.name}({call.args})")
                case CallProgress(call, progress, total, message):
                    print(f"{call.name}: {progress:g} of {total:g}, {message}")
                case Result(response):
                    print(f"{response.name}: {response.response}")
                case Text(text):
                    print(text, end="", flush=True)
                case _:
                    pass
    print()


asyncio.run(main())
