"""OpenAI's Responses API without its state: requests read, answers written. Pure."""
