"""What is known of an answer besides what it says: its model, its tokens, how it ended."""

from __future__ import annotations

from headwater.core.answer.ending import EndingKind, judge
from headwater.core.answer.fold import Fold, add_usage, merge_message
from headwater.types import NO_USAGE, GenerateContentResponse, UsageMetadata


class UsageCounter:
    """Takes the chunks of one answer. Lives as long as the answer."""

    def __init__(self) -> None:
        self.model = ""
        self._usage: UsageMetadata = NO_USAGE
        self._spent: UsageMetadata = NO_USAGE  # by the answers before functions were called
        self._last = Fold()  # of the chunk that says how the answer ended

    def add(self, chunk: GenerateContentResponse) -> None:
        """Take the next chunk."""
        usage = chunk.usage_metadata
        if usage is not NO_USAGE:
            self._usage = usage if usage.total_token_count is not None else merge_message(self._usage, usage)
        if chunk.model_version:
            self.model = chunk.model_version
        if chunk.finish_reason is not None or chunk.prompt_feedback is not None:
            self._last = Fold()
            self._last.add(chunk)

    def turn(self) -> None:
        """Take it that another answer of the model follows."""
        self._spent, self._usage = self.usage, NO_USAGE
        self._last = Fold()

    @property
    def usage(self) -> UsageMetadata:
        """The tokens so far; false where nobody counted."""
        return add_usage(self._spent, self._usage) if self._spent else self._usage

    @property
    def kind(self) -> EndingKind:
        """How the answer ended, as far as the API said."""
        return judge(self._last, None).kind

    @property
    def finish_reason(self) -> str | None:
        """The API's own word for it; None where it said none."""
        reason = self._last.finish_reason
        return None if reason is None else str(reason)


class TokenCount(dict[str, int]):
    """The tokens of an answer in the words of both the AI SDK and AG-UI; thoughts are a part of the output."""

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
