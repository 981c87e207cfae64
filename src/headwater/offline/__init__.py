"""The offline engine: answers Gemini requests in-process by rules, without a model, a key or a network.

It is pure and deterministic: the same request always gets the same answer, and nothing is read or sent.
"""

from headwater.offline.answering import INSTANT as INSTANT
from headwater.offline.answering import REALISTIC as REALISTIC
from headwater.offline.answering import answer as answer
from headwater.offline.answering import count_tokens as count_tokens
from headwater.offline.answering import is_quick as is_quick
from headwater.offline.answering import list_models as list_models
from headwater.offline.answering import stream as stream
from headwater.offline.chunks import MODEL_VERSION as MODEL_VERSION
from headwater.offline.chunks import Pace as Pace
from headwater.offline.chunks import TimedChunk as TimedChunk
from headwater.offline.embeddings import METHODS as METHODS
from headwater.offline.embeddings import call_method as call_method
from headwater.offline.tokens import count_request as count_request
