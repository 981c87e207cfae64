"""Plain events, for an ``EventSource`` without any library."""

from __future__ import annotations

from headwater.protocols.plain import PlainText
from headwater.server.protocols.base import FrontEndProtocol

PLAIN_TEXT = FrontEndProtocol(name="text", encoder=lambda answer: PlainText(after=answer.after), is_resumable=True)
