"""Any stored stream as the events of an interaction, for readers that have its name or a link."""

from __future__ import annotations

from headwater.protocols.interactions.answer_events import InteractionInfo
from headwater.protocols.interactions.encoder import InteractionEncoder
from headwater.server.protocols.base import FrontEndProtocol, StoredAnswer


def _encoder(answer: StoredAnswer) -> InteractionEncoder:
    return InteractionEncoder(InteractionInfo(f"v1_{answer.stream}", answer.model))


#: The endpoints of the API are in ``server/interactions``; as a format it is read from the beginning.
INTERACTIONS = FrontEndProtocol(name="interactions", encoder=_encoder)
