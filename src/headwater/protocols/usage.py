"""Usage of an answer: its model, its tokens, how it ended."""

from __future__ import annotations

from headwater.core.answer.ending import EndingKind, judge
from headwater.core.answer.fold import Fold, add_usage, merge_message
from headwater.types import NO_USAGE, GenerateContentResponse, UsageMetadata


class UsageCounter:
    """Counts the tokens of one answer, chunk by chunk."""

    def __init__(self) -> None:
        self.model = ""
        self._usage: UsageMetadata = NO_USAGE
        self._earlier: UsageMetadata = NO_USAGE  # of the turns before the last function calls
        self._last = Fold()  # the chunk that says how the answer ended

    def add(self, chunk: GenerateContentResponse) -> None:
        """Add the next chunk."""
        usage = chunk.usage_metadata
        if usage is not NO_USAGE:
            # A chunk with a total replaces the counts; servers without one send differences field by field.
            self._usage = usage if usage.total_token_count is not None else merge_message(self._usage, usage)
        if chunk.model_version:
            self.model = chunk.model_version
        # Only this chunk decides how the answer ended; folding all of them would hold the whole text.
        if chunk.finish_reason is not None or chunk.prompt_feedback is not None:
            self._last = Fold()
            self._last.add(chunk)

    def start_turn(self) -> None:
        """Record that the model answers again, after function calls: its tokens are counted from zero."""
        self._earlier, self._usage = self.usage, NO_USAGE
        self._last = Fold()

    @property
    def usage(self) -> UsageMetadata:
        """The tokens so far; falsy if the API sent no counts."""
        return add_usage(self._earlier, self._usage) if self._earlier else self._usage

    @property
    def kind(self) -> EndingKind:
        """How the answer ended, as far as the API has said."""
        return judge(self._last, None).kind

    @property
    def finish_reason(self) -> str | None:
        """The API's finish reason, or None."""
        reason = self._last.finish_reason
        return None if reason is None else str(reason)


class TokenCount(dict[str, int]):
    """Token counts under the names that the AI SDK and AG-UI share. Thoughts are part of the output."""

    def __init__(self, usage: UsageMetadata) -> None:
        prompt, tools = usage.prompt_token_count, usage.tool_use_prompt_token_count
        answer, thoughts = usage.candidates_token_count, usage.thoughts_token_count
        counts = {
            "inputTokens": None if prompt is None else prompt + (tools or 0),
            "outputTokens": None if answer is None and thoughts is None else (answer or 0) + (thoughts or 0),
            "totalTokens": usage.total_token_count,
            "reasoningTokens": thoughts,
            "cachedInputTokens": usage.cached_content_token_count,
        }
        super().__init__({name: count for name, count in counts.items() if count is not None})
