"""LangChain: invoke, stream, tools, structured output, async, embeddings."""

import asyncio

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_google_genai import ChatGoogleGenerativeAI, GoogleGenerativeAIEmbeddings
from pydantic import BaseModel


class City(BaseModel):
    """A city."""

    name: str
    inhabitants: int


@tool
def forecast(city: str) -> str:
    """Return the weather of a city."""
    return f"sunny in {city}"


async def use_async(model: ChatGoogleGenerativeAI) -> None:
    print((await model.ainvoke("Tell me a story about snow in 30 words.")).content)
    print("".join([chunk.text async for chunk in model.astream("Tell me a story about rain in 30 words.")]))


model = ChatGoogleGenerativeAI(model="gemini-3.8-flash", temperature=0.5)
print(model.invoke("Tell me a story in 30 words.").usage_metadata)
chunks = list(model.stream([("system", "Be brief."), ("human", "Tell me a story about a boat in 30 words.")]))
print(len(chunks), "".join(chunk.text for chunk in chunks), chunks[-1].response_metadata.get("finish_reason"))
question = HumanMessage("Give me the forecast for the city of Vienna.")
bound = model.bind_tools([forecast])
asked = bound.invoke([question])
(call,) = asked.tool_calls
print(call["name"], call["args"])
result = ToolMessage(forecast.invoke(call["args"]), tool_call_id=call["id"])
print(bound.invoke([question, asked, result]).text)
print(model.with_structured_output(City).invoke("Name a city."))
asyncio.run(use_async(model))
vectors = GoogleGenerativeAIEmbeddings(model="gemini-embedding-001").embed_documents(["one", "two"])
print([(len(vector), round(vector[0], 6)) for vector in vectors])
