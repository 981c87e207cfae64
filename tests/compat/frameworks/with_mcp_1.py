"""The first major version of mcp: a session as a tool, whole, as a stream; described tools in sync."""

import asyncio
import sys
from pathlib import Path

from google import genai
from google.genai import types
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

WEATHER = Path(__file__).parents[3] / "examples" / "mcp" / "weather.py"
QUESTION = "Give me the forecast for the city of Vienna."
client = genai.Client()


async def main() -> None:
    server = StdioServerParameters(command=sys.executable, args=[str(WEATHER)])
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        config = {"tools": [session]}
        answer = await client.aio.models.generate_content(model="gemini-3.8-flash", contents=QUESTION, config=config)
        for turn in answer.automatic_function_calling_history:
            for part in turn.parts:
                print(turn.role, part.function_call and part.function_call.args)
                print(part.function_response and part.function_response.name)
        print(answer.text)
        models = client.aio.models
        async for chunk in await models.generate_content_stream(
            model="gemini-3.8-flash", contents=QUESTION, config=config
        ):
            print(chunk.text or "", end="")
        print()
        try:
            client.models.generate_content(model="gemini-3.8-flash", contents=QUESTION, config=config)
        except ValueError as error:
            print(str(error)[:45])
        tools = (await session.list_tools()).tools
        asked = client.models.generate_content(model="gemini-3.8-flash", contents=QUESTION, config={"tools": tools})
        (call,) = asked.function_calls
        result = await session.call_tool(call.name, call.args)
        (item,) = types.FunctionResponse.from_mcp_response(name=call.name, response=result).response["result"]
        print("Vienna: sunny" in str(item))


asyncio.run(main())
