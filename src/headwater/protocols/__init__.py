"""The protocols that front ends speak: an answer in, the bytes of a response out; and their requests. Pure."""

from headwater.protocols.ag_ui.encoder import AgUi
from headwater.protocols.ag_ui.input import RunInput, read_run
from headwater.protocols.ai_sdk.encoder import AiSdk
from headwater.protocols.ai_sdk.messages import Conversation, read_messages
from headwater.protocols.ai_sdk.saved import ui_messages, ui_parts
from headwater.protocols.base import Encoder, EventEncoder, StreamOutcome
from headwater.protocols.error_documents import ErrorDocument
from headwater.protocols.events import (
    AnswerReset,
    CallDelta,
    CallEnd,
    CallResult,
    CallStart,
    FilePart,
    Piece,
    ServerToolCall,
    ServerToolResult,
    SourceCitation,
    TextDelta,
    TurnStart,
)
from headwater.protocols.openai.completion import chat_completion
from headwater.protocols.openai.encoder import ChatCompletions
from headwater.protocols.openai.failures import chat_error
from headwater.protocols.openai.request import ChatRequest, read_chat
from headwater.protocols.plain import PlainText
from headwater.protocols.serving import aencoded, encoded

__all__ = [
    "AgUi",
    "AiSdk",
    "AnswerReset",
    "CallDelta",
    "CallEnd",
    "CallResult",
    "CallStart",
    "ChatCompletions",
    "ChatRequest",
    "Conversation",
    "Encoder",
    "ErrorDocument",
    "EventEncoder",
    "FilePart",
    "Piece",
    "PlainText",
    "RunInput",
    "ServerToolCall",
    "ServerToolResult",
    "SourceCitation",
    "StreamOutcome",
    "TextDelta",
    "TurnStart",
    "aencoded",
    "chat_completion",
    "chat_error",
    "encoded",
    "read_chat",
    "read_messages",
    "read_run",
    "ui_messages",
    "ui_parts",
]
