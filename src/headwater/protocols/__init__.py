"""The protocols that front ends speak: an answer in, the bytes of a response out; and their requests. Pure."""

from headwater.protocols.ag_ui.encoder import AgUi
from headwater.protocols.ag_ui.input import RunInput, read_run
from headwater.protocols.ai_sdk.encoder import AiSdk
from headwater.protocols.ai_sdk.messages import Conversation, read_messages
from headwater.protocols.ai_sdk.saved import ui_messages, ui_parts
from headwater.protocols.base import Encoder, StreamOutcome
from headwater.protocols.plain import PlainText
from headwater.protocols.serving import aencoded, encoded

__all__ = [
    "AgUi",
    "AiSdk",
    "Conversation",
    "Encoder",
    "PlainText",
    "RunInput",
    "StreamOutcome",
    "aencoded",
    "encoded",
    "read_messages",
    "read_run",
    "ui_messages",
    "ui_parts",
]
