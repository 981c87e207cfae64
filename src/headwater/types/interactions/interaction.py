"""``Interaction``, its usage, and the requests that create one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Self, TypeAlias, cast

from headwater.types.interactions.agents import (
    AntigravityAgentConfig,
    CodeMenderAgentConfig,
    DeepResearchAgentConfig,
    DynamicAgentConfig,
    Environment,
    InteractionAgentConfig,
)
from headwater.types.interactions.base import JsonObject, absent
from headwater.types.interactions.config import (
    GenerationConfig,
    ResponseFormat,
    ResponseModality,
    SafetySetting,
    ServiceTier,
    WebhookConfig,
)
from headwater.types.interactions.content import AudioContent, Content, ImageContent, VideoContent
from headwater.types.interactions.steps import Step
from headwater.types.interactions.tools import Tool

__all__ = [
    "CreateAgentInteraction",
    "CreateAgentInteractionAgentConfig",
    "CreateAgentInteractionEnvironment",
    "CreateAgentInteractionResponseFormat",
    "CreateModelInteraction",
    "CreateModelInteractionEnvironment",
    "CreateModelInteractionResponseFormat",
    "Error",
    "GroundingToolCount",
    "GroundingToolCountType",
    "Interaction",
    "InteractionEnvironment",
    "InteractionResponseFormat",
    "InteractionStatus",
    "InteractionsInput",
    "ModalityTokens",
    "Usage",
]


class ModalityTokens(JsonObject):
    """The tokens of one modality."""

    modality: ResponseModality | None = None
    tokens: int | None = None


GroundingToolCountType: TypeAlias = Literal["google_search", "google_maps", "retrieval"] | str


class GroundingToolCount(JsonObject):
    """How often a grounding tool was used."""

    count: int | None = None
    type: GroundingToolCountType | None = None


class Usage(JsonObject):
    """The tokens that an interaction used."""

    cached_tokens_by_modality: list[ModalityTokens] | None = None
    grounding_tool_count: list[GroundingToolCount] | None = None
    initial_input_tokens: int | None = None
    input_tokens_by_modality: list[ModalityTokens] | None = None
    output_tokens_by_modality: list[ModalityTokens] | None = None
    tool_use_tokens_by_modality: list[ModalityTokens] | None = None
    total_cached_tokens: int | None = None
    total_input_tokens: int | None = None
    total_output_tokens: int | None = None
    total_thought_tokens: int | None = None
    total_tokens: int | None = None
    total_tool_use_tokens: int | None = None


class Error(JsonObject):
    """An error as the Interactions API writes it."""

    code: str | None = None
    message: str | None = None


InteractionStatus: TypeAlias = (
    Literal[
        "in_progress",
        "requires_action",
        "completed",
        "failed",
        "cancelled",
        "incomplete",
        "budget_exceeded",
        "queued",
        "idle",
        "requires_continuation",
    ]
    | str
)
InteractionEnvironment: TypeAlias = Environment | str
InteractionResponseFormat: TypeAlias = ResponseFormat | list[ResponseFormat]
CreateModelInteractionEnvironment: TypeAlias = Environment | str
CreateModelInteractionResponseFormat: TypeAlias = ResponseFormat | list[ResponseFormat]
CreateAgentInteractionEnvironment: TypeAlias = Environment | str
CreateAgentInteractionResponseFormat: TypeAlias = ResponseFormat | list[ResponseFormat]
CreateAgentInteractionAgentConfig: TypeAlias = (
    AntigravityAgentConfig | CodeMenderAgentConfig | DeepResearchAgentConfig | DynamicAgentConfig
)
#: What ``input`` takes: text, contents, or the steps of a conversation.
InteractionsInput: TypeAlias = str | Content | Step | list[Content | Step]


class CreateModelInteraction(JsonObject):
    """The body of a request to a model."""

    model: str
    background: bool | None = None
    cached_content: str | None = None
    continuation_token: str | None = None
    environment: CreateModelInteractionEnvironment | None = None
    generation_config: GenerationConfig | None = None
    input: InteractionsInput | None = None
    labels: dict[str, str] | None = None
    previous_interaction_id: str | None = None
    response_format: CreateModelInteractionResponseFormat | None = None
    response_mime_type: str | None = None
    response_modalities: list[ResponseModality] | None = None
    safety_settings: list[SafetySetting] | None = None
    service_tier: ServiceTier | None = None
    store: bool | None = None
    stream: bool | None = None
    system_instruction: str | None = None
    tools: list[Tool] | None = None
    webhook_config: WebhookConfig | None = None


class CreateAgentInteraction(JsonObject):
    """The body of a request to an agent."""

    agent: str
    agent_config: CreateAgentInteractionAgentConfig | None = None
    background: bool | None = None
    continuation_token: str | None = None
    environment: CreateAgentInteractionEnvironment | None = None
    input: InteractionsInput | None = None
    labels: dict[str, str] | None = None
    previous_interaction_id: str | None = None
    response_format: CreateAgentInteractionResponseFormat | None = None
    response_mime_type: str | None = None
    response_modalities: list[ResponseModality] | None = None
    safety_settings: list[SafetySetting] | None = None
    service_tier: ServiceTier | None = None
    store: bool | None = None
    stream: bool | None = None
    system_instruction: str | None = None
    tools: list[Tool] | None = None
    webhook_config: WebhookConfig | None = None


class Interaction(JsonObject):
    """An answer of the Interactions API: its steps, status and usage."""

    # Not a key of the JSON object, which ``__dict__`` is: a slot.
    __slots__ = ("_parse",)

    status: InteractionStatus
    agent: str | None = None
    agent_config: InteractionAgentConfig | None = None
    cached_content: str | None = None
    continuation_ids: list[str] | None = None
    continuation_token: str | None = None
    created: str | None = None
    environment: InteractionEnvironment | None = None
    environment_id: str | None = None
    errors: list[Error] | None = None
    generation_config: GenerationConfig | None = None
    id: str = absent()
    input: InteractionsInput | None = None
    labels: dict[str, str] | None = None
    model: str | None = None
    previous_interaction_id: str | None = None
    response_format: InteractionResponseFormat | None = None
    response_mime_type: str | None = None
    response_modalities: list[ResponseModality] | None = None
    safety_settings: list[SafetySetting] | None = None
    service_tier: ServiceTier | None = None
    steps: list[Step] = absent()
    system_instruction: str | None = None
    tools: list[Tool] | None = None
    updated: str | None = None
    usage: Usage = absent()
    webhook_config: WebhookConfig | None = None

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        """Return the interaction of a decoded JSON object, which it takes over."""
        # Lyria's models kept the schema of before June 2026 longest: contents without steps around them.
        if "steps" not in document and str(document.get("model")).removeprefix("models/").startswith("lyria-3"):
            outputs = document.pop("outputs", None)
            if isinstance(outputs, list):
                document["steps"] = [{"type": "model_output", "content": outputs}]
        return super().from_document(document)

    @property
    def output_text(self) -> str:
        """The text at the end of the answer, after the last image or call; ``""`` if something else ends it."""
        texts: list[str] = []
        for content in _trailing(self.steps):
            if getattr(content, "type", None) == "text":
                text = getattr(content, "text", None)
                texts.append(text if isinstance(text, str) else "")
            elif texts:
                break
        return "".join(reversed(texts))

    @property
    def parsed(self) -> Any:
        """The answer as an instance of the class that ``response_format`` was; None if it was not a class.

        Raises:
            ParseError: if the answer does not fit it.
        """
        parse = getattr(self, "_parse", None)
        return None if parse is None else parse(self.output_text)

    @property
    def output_image(self) -> ImageContent:
        """The last image of the answer, or None."""
        return cast("ImageContent", self._last("image"))

    @property
    def output_audio(self) -> AudioContent:
        """The last audio of the answer, or None."""
        return cast("AudioContent", self._last("audio"))

    @property
    def output_video(self) -> VideoContent:
        """The last video of the answer, or None."""
        return cast("VideoContent", self._last("video"))

    def _last(self, kind: str) -> Any:
        contents = (content for content in _trailing(self.steps) if isinstance(content, JsonObject))
        return next((content for content in contents if getattr(content, "type", None) == kind), None)

    def _items(self) -> Iterator[tuple[str, Any]]:
        for name, value in super()._items():
            if name not in _COMPUTED:
                yield name, value
        for name in _COMPUTED:
            value = getattr(self, name)
            if value is not None:
                yield name, value


#: What is worked out of the steps, and dumped with the rest, as google-genai does.
_COMPUTED = ("output_text", "output_image", "output_audio", "output_video")


def _trailing(steps: Any) -> Iterator[Any]:
    """Yield the contents of the model's answer since the user's last input, last first; a call stands as None."""
    for step in reversed(steps if isinstance(steps, list) else []):
        kind = getattr(step, "type", None)
        if kind == "user_input":
            return
        if kind == "model_output":
            contents = getattr(step, "content", None)
            yield from reversed(contents if isinstance(contents, list) else [])
        elif kind != "thought":
            yield None
