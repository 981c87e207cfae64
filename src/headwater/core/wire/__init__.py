"""The wire: framing, server-sent events, and the dialects that are spoken over HTTP."""
