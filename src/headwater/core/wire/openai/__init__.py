"""OpenAI's chat completions, as an API that engines call: requests, streams and errors, to and from Gemini's. Pure."""
