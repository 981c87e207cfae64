"""The Interactions API over any engine: its requests as Gemini requests, chunks as its events. Pure."""
