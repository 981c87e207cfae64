"""Stops an answer from another thread, as a stop button does."""

import threading

from headwater import genai

client = genai.Client()
stream = client.models.generate_content_stream(
    model="gemini-2.5-flash",
    contents="Tell me a story in 2000 words.",
)

stop_button = threading.Timer(0.5, stream.close)
stop_button.start()
for chunk in stream:  # ends at once when the stream is closed, even while it waits for the next chunk
    print(chunk.text, end="", flush=True)
stop_button.cancel()

print(f"\n\nStopped with {len(stream.text.split())} words; finish reason: {stream.finish_reason}")
