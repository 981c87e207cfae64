"""Streams a story to the terminal."""

from headwater import genai

client = genai.Client()

for chunk in client.models.generate_content_stream(
    model="gemini-2.5-flash",
    contents="Tell me a story in 300 words.",
):
    print(chunk.text, end="", flush=True)
print()
