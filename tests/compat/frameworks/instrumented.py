"""The spans that an instrumentation package, the first argument, makes of calls: one a line, as JSON."""

import asyncio
import json
import re
import sys
from contextlib import suppress

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

#: Values that differ from call to call, are texts of JSON in no fixed order, or hold tokens of a declaration's form.
VOLATILE = re.compile(r"response\.id|first_chunk|(in|out)put\.value|parameters|signature|metrics|tokens$|token_count\.")
MODEL = "gemini-3.8-flash"
exporter, provider = InMemorySpanExporter(), TracerProvider()
processor = SimpleSpanProcessor(exporter)
provider.add_span_processor(processor)

match sys.argv[1]:
    case "logfire":
        import logfire

        logfire.configure(send_to_logfire=False, console=False, additional_span_processors=[processor])
        logfire.instrument_google_genai()
    case "opentelemetry":
        from opentelemetry.instrumentation.google_genai import GoogleGenAiSdkInstrumentor

        GoogleGenAiSdkInstrumentor().instrument(tracer_provider=provider)
    case "openinference":
        from openinference.instrumentation.google_genai import GoogleGenAIInstrumentor

        GoogleGenAIInstrumentor().instrument(tracer_provider=provider)
    case "traceloop":
        from opentelemetry.instrumentation.google_generativeai import GoogleGenerativeAiInstrumentor

        GoogleGenerativeAiInstrumentor().instrument(tracer_provider=provider)

from google import genai  # noqa: E402
from google.genai import errors, types  # noqa: E402


def forecast(city: str) -> str:
    """Return the weather of a city."""
    return f"sunny in {city}"


async def use_async(client: genai.Client) -> None:
    models = client.aio.models
    await models.generate_content(model=MODEL, contents="Tell me a story about snow in 20 words.")
    async for _ in await models.generate_content_stream(model=MODEL, contents="Tell me a story of rain in 20 words."):
        pass
    await client.aio.chats.create(model=MODEL).send_message("Tell me a story about a lake in 20 words.")


client = genai.Client()
config = {"temperature": 0.5, "max_output_tokens": 100, "system_instruction": "Be brief.", "stop_sequences": ["x"]}
client.models.generate_content(model=MODEL, contents="Tell me a story in 20 words.", config=config)
list(client.models.generate_content_stream(model=MODEL, contents="Tell me a story about a boat in 20 words."))
with_tools = types.GenerateContentConfig(tools=[forecast])
client.models.generate_content(model=MODEL, contents="Give me the forecast for the city of Oslo.", config=with_tools)
list(client.chats.create(model=MODEL).send_message_stream("Tell me a story about fog in 20 words."))
asyncio.run(use_async(client))
with suppress(errors.ClientError):
    client.models.generate_content(model=MODEL, contents="")
for span in exporter.get_finished_spans():
    values = {name: "" if VOLATILE.search(name) else str(value) for name, value in (span.attributes or {}).items()}
    # One package writes the representation of a part that has only a signature; one that of an enum, which is its value
    # in headwater.
    values = {name: re.sub(r'"content": "[^"]*thought_sig.*', "", value) for name, value in values.items()}
    attributes = {name: value.removeprefix("FinishReason.") for name, value in values.items()}
    told = [span.name, str(span.kind), str(span.status.status_code), [event.name for event in span.events], attributes]
    print(json.dumps(told, sort_keys=True))
