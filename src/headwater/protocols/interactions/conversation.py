"""Conversations: what earlier interactions contribute to a request, and which of them can be continued."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from headwater.core.answer.fold import Fold
from headwater.errors import APIError
from headwater.protocols.interactions.answer_events import AnswerEvents, InteractionInfo
from headwater.protocols.interactions.create_request import CreateRequest, PriorTurns
from headwater.protocols.interactions.error_codes import refusal
from headwater.protocols.interactions.steps import Step, Turn, contents_of
from headwater.types import GenerateContentResponse

#: How many interactions a conversation may have before the next one: each is looked up.
MAX_DEPTH = 500


class Link(NamedTuple):
    """What one interaction adds to a conversation: its input, and the model's turn if there is any.

    ``call_names`` are the names of the turn's function calls, by the ids that clients know them by.
    """

    previous: str
    steps: list[Step]
    answer: Turn | None
    call_names: dict[str, str]
    #: About how many bytes of JSON it is.
    size: int = 0


def link_of(info: InteractionInfo, request: CreateRequest, chunks: Iterable[GenerateContentResponse]) -> Link:
    """Return what an interaction adds to a conversation.

    The turn is made of chunks and not of steps: signatures, ids and order are those of the model.
    """
    fold, events = Fold(), AnswerEvents(info)
    names: dict[str, str] = {}
    for chunk in chunks:
        fold.add(chunk)
        for event in events.chunk(chunk):
            step = event.get("step", {})
            if step.get("type") == "function_call":
                names[step["id"]] = step["name"]
    candidates = msgspec.to_builtins(fold.response).get("candidates") or [{}]
    parts = (candidates[0].get("content") or {}).get("parts")
    return Link(request.previous, request.steps, {"role": "model", "parts": parts} if parts else None, names)


def prior_turns(links: Sequence[Link], request: CreateRequest) -> PriorTurns:
    """Return the turns before a request, from what the interactions before it add, the first one first."""
    turns: list[Turn] = []
    names: dict[str, str] = {}
    for link in links:
        turns += contents_of(link.steps, names)
        turns += [] if link.answer is None else [link.answer]
        names |= link.call_names
    # The rest of an answer is asked for as the answer was: the API's token stands for what there is of it.
    if links and request.is_continuation and links[-1].answer is not None:
        turns.pop()
    return PriorTurns(turns, names, sum(link.size for link in links))


def unknown_interaction(interaction_id: str) -> APIError:
    """Return the error for an interaction that does not exist, or belongs to another key; it does not tell which."""
    return refusal(404, "not_found", f"Interaction not found: interactions/{interaction_id[:100]}")


def bad_name(interaction_id: str) -> APIError:
    """Return the error for an id that no interaction can have."""
    return refusal(400, "invalid_request", f"Invalid interaction name: interactions/{interaction_id[:100]}")


def lost_interaction(interaction_id: str) -> APIError:
    """Return the error for a conversation whose earlier interaction does not exist any more."""
    message = f"interaction {interaction_id[:100]} of this conversation was deleted, so it cannot be continued"
    return refusal(404, "not_found", message)


def check_continuable(link: Link, interaction_id: str) -> None:
    """Check that the interaction before a request has an answer.

    Raises:
        APIError: 400, if it failed, or was cancelled, before it had one.
    """
    if link.answer is None:
        message = f"interaction {interaction_id} has no answer that could be continued"
        raise refusal(400, "failed_precondition", message)


def still_running(interaction_id: str) -> APIError:
    """Return the error for continuing an interaction that has not ended."""
    message = f"interaction {interaction_id} is still in progress: continue it when it has ended"
    return refusal(400, "failed_precondition", message)


def already_ended() -> APIError:
    """Return the error for cancelling an interaction that has ended."""
    return refusal(400, "failed_precondition", "the interaction has ended: only a running one can be cancelled")


def too_large(limit: int) -> APIError:
    """Return the error for a conversation whose turns are too many bytes together."""
    return refusal(400, "failed_precondition", f"a conversation has at most {limit:,} bytes")


def too_long() -> APIError:
    """Return the error for a conversation of too many interactions."""
    return refusal(400, "failed_precondition", f"a conversation has at most {MAX_DEPTH} interactions")
