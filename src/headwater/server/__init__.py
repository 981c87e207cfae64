"""The server: the Gemini API itself, WebSocket and streams, over engine -> log -> reader."""

from headwater.server.app import app as app
