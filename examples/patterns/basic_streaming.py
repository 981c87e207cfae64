"""Basic streaming: prints a story as it arrives."""

from headwater import genai

client = genai.Client()

for chunk in client.models.generate_content_stream(
    model="gemini-3.8-flash",
    contents="Write a detailed story about space exploration, in 200 words.",
):
    print(chunk.text, end="", flush=True)
print()
