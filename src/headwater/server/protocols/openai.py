"""Chat completions as a format of stored streams. Its endpoint is ``server/openai/``."""

from __future__ import annotations

from headwater.protocols.openai.encoder import ChatCompletions
from headwater.server.protocols.base import FrontEndProtocol, StoredAnswer


def _encoder(answer: StoredAnswer) -> ChatCompletions:
    # Nobody has said whether usage is wanted: a reader who asks for this format by its name gets all of it.
    return ChatCompletions(model=answer.model, seed=answer.derived_id("chat"), include_usage=True)


OPENAI = FrontEndProtocol(name="openai", encoder=_encoder)
