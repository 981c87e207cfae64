"""``GenerateContentResponse`` (a whole answer, or one chunk of a stream) and what it contains.

Chunks are decoded by msgspec straight into these Structs, on the hot path: there is no validation in Python and no
work in ``__init__``. What is not part of the API's JSON (raw bytes, headers, parsed value) is kept in the ``__dict__``
of ``ApiResponse``, so that it costs nothing where it is not used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import msgspec

from headwater.types.base import ApiModel, salvage
from headwater.types.content import Content, FunctionCall, Part
from headwater.types.enums import (
    BlockedReason,
    FinishReason,
    HarmBlockThreshold,
    HarmCategory,
    HarmProbability,
    HarmSeverity,
    MediaModality,
    ModelStage,
    TrafficType,
    UrlRetrievalStatus,
)
from headwater.types.grounding import GroundingMetadata
from headwater.types.notices import notify


class SafetyRating(ApiModel):
    """A safety rating. Scores and severity: Vertex AI."""

    category: HarmCategory | None = None
    probability: HarmProbability | None = None
    #: Whether this rating blocked the content.
    blocked: bool | None = None
    #: 0 to 1.
    probability_score: float | None = None
    severity: HarmSeverity | None = None
    #: 0 to 1.
    severity_score: float | None = None
    overwritten_threshold: HarmBlockThreshold | None = None


class GoogleTypeDate(ApiModel):
    """A date; unknown parts are None."""

    year: int | None = None
    month: int | None = None
    day: int | None = None


class Citation(ApiModel):
    """A source that the answer quotes; the indices are in characters."""

    start_index: int | None = None
    end_index: int | None = None
    uri: str | None = None
    title: str | None = None
    license: str | None = None
    publication_date: GoogleTypeDate | None = None


class CitationMetadata(ApiModel):
    """The citations of a candidate: always in ``citations``, though the Developer API sends ``citationSources``."""

    citations: list[Citation] | None = None
    citation_sources: list[Citation] | None = None

    def __post_init__(self) -> None:
        if self.citations is None:
            self.citations = self.citation_sources


class UrlMetadata(ApiModel):
    """A URL that was fetched for the model."""

    retrieved_url: str | None = None
    url_retrieval_status: UrlRetrievalStatus | None = None


class UrlContextMetadata(ApiModel):
    """The URLs that were fetched for the model."""

    url_metadata: list[UrlMetadata] | None = None


class LogprobsResultCandidate(ApiModel):
    """A token with its log probability."""

    token: str | None = None
    token_id: int | None = None
    log_probability: float | None = None


class LogprobsResultTopCandidates(ApiModel):
    """The most likely tokens at one step."""

    candidates: list[LogprobsResultCandidate] | None = None


class LogprobsResult(ApiModel):
    """The chosen tokens and their alternatives."""

    chosen_candidates: list[LogprobsResultCandidate] | None = None
    top_candidates: list[LogprobsResultTopCandidates] | None = None
    log_probability_sum: float | None = None


class Candidate(ApiModel):
    """An answer, or its part in one chunk. ``index`` None means 0."""

    content: Content | None = None
    finish_reason: FinishReason | None = None
    #: Why it ended, in words; not every model sends it.
    finish_message: str | None = None
    index: int | None = None
    safety_ratings: list[SafetyRating] | None = None
    citation_metadata: CitationMetadata | None = None
    #: The tokens of this candidate.
    token_count: int | None = None
    #: The mean log probability of its tokens.
    avg_logprobs: float | None = None
    logprobs_result: LogprobsResult | None = None
    grounding_metadata: GroundingMetadata | None = None
    url_context_metadata: UrlContextMetadata | None = None
    #: With the finish reason CONTINUATION: for the request of the rest.
    continuation_token: bytes | None = None


class ModalityTokenCount(ApiModel):
    """Tokens of one modality."""

    modality: MediaModality | None = None
    token_count: int | None = None


class GenerateContentResponseUsageMetadata(ApiModel, frozen=True):  # type: ignore[misc]  # so that one can be a default
    """Token counts, cumulative within a stream: the last one counts. False if the API sent none."""

    #: Includes cached tokens, but not those of tool results.
    prompt_token_count: int | None = None
    #: Does not include thoughts.
    candidates_token_count: int | None = None
    total_token_count: int | None = None
    #: Billed as output.
    thoughts_token_count: int | None = None
    cached_content_token_count: int | None = None
    #: Of the results of Google's own tools, which the model reads.
    tool_use_prompt_token_count: int | None = None
    prompt_tokens_details: list[ModalityTokenCount] | None = None
    candidates_tokens_details: list[ModalityTokenCount] | None = None
    cache_tokens_details: list[ModalityTokenCount] | None = None
    tool_use_prompt_tokens_details: list[ModalityTokenCount] | None = None
    traffic_type: TrafficType | None = None
    service_tier: str | None = None

    @property
    def initial_prompt_token_count(self) -> int | None:
        """``prompt_token_count``, under google-genai's name for that of the first of several requests."""
        return self.prompt_token_count

    def __bool__(self) -> bool:
        return self != NO_USAGE

    def __reduce__(self) -> Any:
        return "NO_USAGE" if self is NO_USAGE else super().__reduce__()


UsageMetadata = GenerateContentResponseUsageMetadata
#: What ``usage_metadata`` is on a chunk that carries none.
NO_USAGE = UsageMetadata()


class GenerateContentResponsePromptFeedback(ApiModel):
    """Set when the prompt was refused; there are no candidates then."""

    block_reason: BlockedReason | None = None
    block_reason_message: str | None = None
    safety_ratings: list[SafetyRating] | None = None


class HttpResponse(ApiModel):
    """The HTTP answer behind a response: its headers (lower-case names) and, when asked for, its body."""

    headers: dict[str, str] | None = None
    #: With ``should_return_http_response``.
    body: str | None = None


class ApiResponse(ApiModel, dict=True):
    """The base of responses. ``raw`` is the JSON as received, so that unknown fields are not lost."""

    _properties: ClassVar[tuple[str, ...]] = ("sdk_http_response",)

    def __reduce__(self) -> tuple[Any, ...]:
        return (*super().__reduce__(), self.__dict__)

    def __copy__(self) -> Self:
        restore, arguments, extra = self.__reduce__()
        copied = restore(*arguments)
        copied.__dict__.update(extra)
        return cast("Self", copied)

    @classmethod
    def model_validate(cls, obj: Any, **_: Any) -> Self:
        """Return ``obj``, a dict or an instance, as an instance. Unknown fields are ignored.

        Raises:
            UsageError: if it is neither.
        """
        if isinstance(obj, Mapping):
            return salvage(obj, cls)
        return super().model_validate(obj)

    @property
    def raw(self) -> bytes:
        """The JSON as received; for a response that was built here, its JSON."""
        raw = self.__dict__.get("_raw")
        return raw if raw is not None else msgspec.json.encode(self)

    @property
    def sdk_http_response(self) -> HttpResponse | None:
        """The HTTP response of this; None for a response that was built here."""
        headers, body = self.__dict__.get("_headers"), self.__dict__.get("_body")
        return None if headers is None else HttpResponse(headers=dict(headers), body=body)

    @sdk_http_response.setter
    def sdk_http_response(self, value: HttpResponse | Mapping[str, Any] | None) -> None:
        response = HttpResponse.model_validate(value or {})
        self.__dict__.update(_headers=response.headers or ({} if value else None), _body=response.body)


class ModelStatus(ApiModel):
    """The life-cycle stage of the model that answered."""

    message: str | None = None
    model_stage: ModelStage | None = None
    retirement_time: datetime | None = None


class GenerateContentResponse(ApiResponse):
    """A whole answer, or one chunk of a stream. ``text``, ``parts`` and the like are those of the first candidate."""

    _properties = ("sdk_http_response", "parsed", "automatic_function_calling_history")

    candidates: list[Candidate] | None = None
    usage_metadata: UsageMetadata = NO_USAGE
    model_version: str | None = None
    response_id: str | None = None
    prompt_feedback: GenerateContentResponsePromptFeedback | None = None
    create_time: datetime | None = None
    model_status: ModelStatus | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            candidates: list[Candidate] | None = None,
            usage_metadata: UsageMetadata | None = None,
            model_version: str | None = None,
            response_id: str | None = None,
            prompt_feedback: GenerateContentResponsePromptFeedback | None = None,
            create_time: datetime | None = None,
            model_status: ModelStatus | None = None,
            sdk_http_response: HttpResponse | None = None,
            parsed: Any = None,
            automatic_function_calling_history: list[Content] | None = None,
        ) -> None: ...

    @classmethod
    def _from_response(cls, *, response: Mapping[str, Any], kwargs: Mapping[str, Any] | None = None) -> Self:
        answer = super()._from_response(response=response, kwargs=kwargs)
        if _finishers and kwargs and kwargs.get("config"):
            _finishers[0](answer, kwargs["config"])
        return answer

    @property
    def is_reset(self) -> bool:
        """Whether the answer restarts with this chunk (``on_break="restart"``): everything before it is void."""
        return "_is_reset" in self.__dict__

    @property
    def parsed(self) -> Any:
        """The answer as the type in ``response_schema``; None without a schema, or for an answer of calls only.

        Raises:
            ParseError: if the text does not fit; ``error.text`` is the text.
        """
        extra = self.__dict__
        if "_parsed" not in extra:
            parse, text = extra.get("_parse"), self.text
            extra["_parsed"] = parse(text) if parse is not None and (text or not self.function_calls) else None
        return extra["_parsed"]

    @parsed.setter
    def parsed(self, value: Any) -> None:
        self.__dict__["_parsed"] = value

    @property
    def automatic_function_calling_history(self) -> list[Content] | None:
        """With automatic function calling: the contents sent, and all calls and results before this answer."""
        history: list[Content] | None = self.__dict__.get("_history")
        return history

    @automatic_function_calling_history.setter
    def automatic_function_calling_history(self, turns: list[Content] | None) -> None:
        self.__dict__["_history"] = turns

    @property
    def parts(self) -> list[Part]:
        """The parts of the first candidate, or an empty list."""
        candidates = self.candidates
        if not candidates or candidates[0].content is None:
            return []
        return candidates[0].content.parts or []

    def _parts_shown(self, accessor: str) -> list[Part]:
        # ``parts`` written out: loops read this of every chunk, and the count of candidates has to be free.
        candidates = self.candidates
        if not candidates:
            return []
        if len(candidates) > 1:
            _tell_of_others(accessor, len(candidates))
        content = candidates[0].content
        return [] if content is None else content.parts or []

    @property
    def text(self) -> str:
        """The text of the first candidate without thoughts, or ``""``."""
        parts = self._parts_shown("text")
        if len(parts) == 1 and not parts[0].thought:
            return parts[0].text or ""
        return "".join([part.text for part in parts if part.text and not part.thought])

    def _repr_markdown_(self) -> str | None:
        """The text, for notebooks; None leaves a response without text to its plain form."""
        return self.text or None

    @property
    def thought_text(self) -> str:
        """The thoughts of the first candidate, or ``""``."""
        return "".join([part.text for part in self.parts if part.text and part.thought])

    @property
    def function_calls(self) -> list[FunctionCall] | None:
        """The function calls of the first candidate, or None."""
        parts = self._parts_shown("function_calls")
        return [part.function_call for part in parts if part.function_call is not None] or None

    @property
    def executable_code(self) -> str | None:
        """The first code that the model ran, or None."""
        parts = self._parts_shown("executable_code")
        return next((part.executable_code.code for part in parts if part.executable_code is not None), None)

    @property
    def code_execution_result(self) -> str | None:
        """The output of that code, or None."""
        results = (part.code_execution_result for part in self._parts_shown("code_execution_result"))
        return next((result.output for result in results if result is not None), None)

    @property
    def initial_prompt_token_count(self) -> int | None:
        """The number of tokens in the prompt."""
        return self.usage_metadata.prompt_token_count

    @property
    def finish_reason(self) -> FinishReason | None:
        """The finish reason of the first candidate; None while it continues."""
        return self.candidates[0].finish_reason if self.candidates else None


def _tell_of_others(accessor: str, count: int) -> None:
    """Say, once for each accessor, that it shows the first of several candidates."""
    # The beginning is google-genai's: programs filter their logs by it.
    some = f"there are {count} candidates" if accessor == "text" else "there are multiple candidates"
    rest = f"returning {accessor.replace('_', ' ')} from the first one; response.candidates has all"
    notify(accessor, f"{some} in the response, {rest}")


_finishers: list[Callable[[GenerateContentResponse, Any], object]] = []


def register_finisher(finish: Callable[[GenerateContentResponse, Any], object]) -> None:
    """Register what gives an answer the parser that its config asks for.

    ``types`` imports nothing from above, so ``client/client.py`` registers it here.
    """
    _finishers[:] = [finish]
