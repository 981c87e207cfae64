"""Reads a whole stream into one response, and says how many tokens it took."""

from headwater import genai
from headwater.genai import errors

client = genai.Client()
stream = client.models.generate_content_stream(
    model="gemini-2.5-flash",
    contents="List three reasons to stream answers.",
    config={"temperature": 0.7, "max_output_tokens": 500},
)

try:
    answer = stream.collect()
except errors.HeadwaterError as error:
    print(f"It broke: {error}")
    print(f"This much had come: {stream.text!r}")
else:
    print(answer.text)
    print(f"\n{answer.usage_metadata.total_token_count} tokens, {answer.finish_reason}")
