"""``AnswerFold``: what the machine knows of an answer, whichever API it comes from."""

from __future__ import annotations

from typing import Any, Protocol

from headwater.types import (
    FinishReason,
    FunctionCall,
    GenerateContentResponsePromptFeedback,
    Part,
    SafetyRating,
    UsageMetadata,
)


class AnswerFold(Protocol):
    """The answer so far. ``Fold`` is the one for Gemini's chunks; a dialect with results of its own brings another.

    What an API has no word for is None, empty or true, whichever makes no difference: an API without candidates
    is ``is_single``, one without checkpoints has no ``continuation_token``.
    """

    count: int
    """The results taken."""

    def add(self, chunk: Any, /) -> None:
        """Take the next result."""

    @property
    def text(self) -> str:
        """The text so far, without thoughts."""

    def text_after(self, start: int) -> str:
        """Return the text from character ``start`` on."""

    @property
    def thought_text(self) -> str:
        """The thoughts so far."""

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why the answer ended; None before it has."""

    @property
    def finish_message(self) -> str | None:
        """What the API says about the end."""

    @property
    def safety_ratings(self) -> list[SafetyRating] | None:
        """The last safety ratings."""

    @property
    def prompt_feedback(self) -> GenerateContentResponsePromptFeedback | None:
        """The API's verdict on the prompt, if it gave one."""

    @property
    def continuation_token(self) -> bytes | None:
        """The checkpoint from which the API can continue."""

    @property
    def since_checkpoint(self) -> list[Part]:
        """The content since that checkpoint."""

    @property
    def is_at_checkpoint(self) -> bool:
        """Whether the API can continue exactly here, so that nothing is said again."""

    @property
    def stored_name(self) -> str | None:
        """The name under which the API stores the answer, if its own results say that it does."""

    @property
    def is_single(self) -> bool:
        """Whether there is only one candidate."""

    @property
    def is_ended(self) -> bool:
        """Whether the answer may end here."""

    @property
    def is_text(self) -> bool:
        """Whether it is text and thoughts alone."""

    @property
    def is_continued(self) -> bool:
        """Whether it took several requests so far."""

    @property
    def grown(self) -> int:
        """How many pieces of content have arrived."""

    @property
    def usage_metadata(self) -> UsageMetadata:
        """The tokens so far, of all requests that the answer took."""

    @property
    def function_calls(self) -> list[FunctionCall] | None:
        """The function calls so far, None if there are none."""

    @property
    def response(self) -> Any:
        """The answer so far as one object."""

    def begin_continuation(self) -> None:
        """Record that another request continues the answer."""

    def abandon(self) -> None:
        """Record that nothing more arrives."""
