"""Requests of the Gemini API as requests of chat completions, for each kind of server. Pure."""
