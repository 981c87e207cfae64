"""Streaming with full response: prints the chunks, then the whole response, its tokens and its ending."""

from headwater import genai

client = genai.Client()
stream = client.models.generate_content_stream(
    model="gemini-3.8-flash",
    contents="List three reasons to stream answers.",
    config={"temperature": 0.7, "max_output_tokens": 500},
)

for chunk in stream:
    print(chunk.text, end="", flush=True)

print(f"\n\nFull response: {stream.text}")
print(f"{stream.usage_metadata.total_token_count} tokens, {stream.ending}")
