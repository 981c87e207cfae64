"""The configs of requests: ``GenerateContentConfig`` and the like."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from headwater.types.base import ApiModel
from headwater.types.content import Content
from headwater.types.enums import (
    FeatureSelectionPreference,
    HarmBlockMethod,
    HarmBlockThreshold,
    HarmCategory,
    MediaResolution,
    Modality,
    ServiceTier,
    ThinkingLevel,
)
from headwater.types.http import HttpOptions
from headwater.types.output import (
    AudioTranscriptionConfig,
    ImageConfig,
    ResponseFormat,
    SpeechConfig,
    TranslationConfig,
)
from headwater.types.tools import Tool, ToolConfig

if TYPE_CHECKING:
    # For type checkers alone, which know mcp's classes by their shape: no type of mcp is needed here.
    class McpSession(Protocol):
        """A connection to an MCP server: ``mcp.ClientSession``, or ``mcp.Client`` of mcp 2."""

        async def call_tool(self, name: str, arguments: dict[str, Any] | None = None) -> Any:
            """Call a tool."""

        @property
        def list_tools(self) -> Callable[..., Any]:
            """What lists the tools; its arguments depend on the class."""

    class McpTool(Protocol):
        """The description of an MCP tool: ``mcp.types.Tool``."""

        name: str
        description: str | None

    ToolEntry = Tool | Callable[..., Any] | McpSession | McpTool
else:
    ToolEntry = Tool | Callable[..., Any]


class SafetySetting(ApiModel):
    """The probability from which one kind of harm is blocked."""

    category: HarmCategory | None = None
    #: The default is the model's.
    threshold: HarmBlockThreshold | None = None
    #: Vertex AI only.
    method: HarmBlockMethod | None = None


class ThinkingConfig(ApiModel):
    """How much the model thinks (in tokens; 0 is off, -1 leaves it to the model), and whether its thoughts are sent."""

    include_thoughts: bool | None = None
    #: In tokens; 0 is off, -1 leaves it to the model.
    thinking_budget: int | None = None
    #: Instead of a budget (Gemini 3).
    thinking_level: ThinkingLevel | None = None


class GenerationConfigRoutingConfigAutoRoutingMode(ApiModel):
    """The service chooses the model by this preference."""

    model_routing_preference: str | None = None


class GenerationConfigRoutingConfigManualRoutingMode(ApiModel):
    """The model to use, by name."""

    model_name: str | None = None


class GenerationConfigRoutingConfig(ApiModel):
    """Which model answers (Vertex AI)."""

    auto_mode: GenerationConfigRoutingConfigAutoRoutingMode | None = None
    manual_mode: GenerationConfigRoutingConfigManualRoutingMode | None = None


class ModelSelectionConfig(ApiModel):
    """What to prefer when the service chooses the model (Vertex AI)."""

    feature_selection_preference: FeatureSelectionPreference | None = None


class ModelArmorConfig(ApiModel):
    """The Model Armor templates that check prompt and response (Vertex AI)."""

    prompt_template_name: str | None = None
    response_template_name: str | None = None


class GenerationOutputConfig(ApiModel):
    """Where in Cloud Storage the output is written (Vertex AI)."""

    output_uri_prefix: str | None = None


class AutomaticFunctionCallingConfig(ApiModel):
    """Whether and how often the client calls the Python functions among the tools.

    ``maximum_remote_calls`` is the number of requests (default 10).
    """

    disable: bool | None = None
    #: Requests, not functions (default 10).
    maximum_remote_calls: int | None = None
    #: Leaves ``automatic_function_calling_history`` out of responses.
    ignore_call_history: bool | None = None


class _GenerationSettings(ApiModel):
    """The fields that ``GenerateContentConfig`` and the ``generationConfig`` of a request share: written once."""

    temperature: float | None = None
    """Randomness, 0 to 2; the model's own default where it is not set."""
    top_p: float | None = None
    """Sample from the most likely tokens whose probabilities add up to this."""
    top_k: float | None = None
    """Sample from this number of most likely tokens."""
    candidate_count: int | None = None
    """How many answers to generate (default 1)."""
    max_output_tokens: int | None = None
    """The longest answer, in tokens, thoughts included."""
    stop_sequences: list[str] | None = None
    """Texts that end the answer, at most five; they are not part of it."""
    response_logprobs: bool | None = None
    """Whether the response has the log probabilities of the chosen tokens."""
    logprobs: int | None = None
    """How many alternatives for each token, with ``response_logprobs``."""
    presence_penalty: float | None = None
    """Positive values make tokens that have occurred less likely."""
    frequency_penalty: float | None = None
    """The same, in proportion to how often they have occurred."""
    seed: int | None = None
    """The same seed makes the same request give mostly the same answer."""
    response_mime_type: str | None = None
    """``text/plain`` (default), ``application/json``, or ``text/x.enum``."""
    response_schema: Any = None
    """The type or schema of a JSON answer, in the API's schema language."""
    response_json_schema: Any = None
    """The same as JSON Schema; either of the two may be set."""
    routing_config: GenerationConfigRoutingConfig | None = None
    """Vertex AI only."""
    response_modalities: list[Modality] | None = None
    """What the answer consists of: text (default), images, audio."""
    media_resolution: MediaResolution | None = None
    """How many tokens are spent on each image or video frame of the prompt."""
    speech_config: SpeechConfig | None = None
    """The voices of an answer in audio."""
    audio_timestamp: bool | None = None
    """Whether the model sees the times in audio of the prompt (Vertex AI only)."""
    thinking_config: ThinkingConfig | None = None
    image_config: ImageConfig | None = None
    """The size and shape of generated images."""
    enable_enhanced_civic_answers: bool | None = None
    """Developer API only."""
    audio_transcription_config: AudioTranscriptionConfig | None = None


class GenerateContentConfig(_GenerationSettings):
    """Everything about a request except its model and contents. A dict of these names does as well."""

    http_options: HttpOptions | None = None
    """Address, headers, timeout and retries of this request; they take precedence over the client's."""
    should_return_http_response: bool | None = None
    """Never sent: whether ``sdk_http_response`` of a whole answer has the body, as text."""
    stream: bool | None = None
    """headwater's own: whether ``generate_content`` returns a stream."""
    system_instruction: Any = None
    """Content, part or text that tells the model how to behave."""
    model_selection_config: ModelSelectionConfig | None = None
    """Vertex AI only; ``modelConfig`` on the wire."""
    safety_settings: list[SafetySetting] | None = None
    tools: list[ToolEntry] | None = None
    """``Tool`` objects, and Python functions and MCP sessions, which are called automatically."""
    tool_config: ToolConfig | None = None
    labels: dict[str, str] | None = None
    """Labels of your own, for the bill."""
    cached_content: str | None = None
    """The name of cached content to begin with: ``cachedContents/...``."""
    automatic_function_calling: AutomaticFunctionCallingConfig | None = None
    """Never sent: the client calls the functions."""
    model_armor_config: ModelArmorConfig | None = None
    """Vertex AI only."""
    service_tier: ServiceTier | None = None
    continuation_token: bytes | None = None
    """From a response that ended with ``CONTINUATION``: asks for what follows it."""
    automatic_continuation: bool | None = None
    """Never sent: whether the client continues such responses by itself (default True)."""
    generation_output_config: GenerationOutputConfig | None = None
    """Vertex AI only; ``outputConfig`` on the wire."""
    store: bool | None = None
    """Developer API only: whether Google may keep request and response."""


class CountTokensConfig(ApiModel):
    """How tokens are counted; all but ``http_options`` on Vertex AI only."""

    http_options: HttpOptions | None = None
    #: Vertex AI only.
    system_instruction: Any = None
    #: Vertex AI only.
    tools: list[Tool | Callable[..., Any]] | None = None
    #: Vertex AI only.
    generation_config: GenerationConfig | None = None


class ComputeTokensConfig(ApiModel):
    """How tokens are listed."""

    http_options: HttpOptions | None = None


class GetModelConfig(ApiModel):
    """How a model is looked up."""

    http_options: HttpOptions | None = None


class ListModelsConfig(ApiModel):
    """Which models to list, ``page_size`` at a time: base models unless ``query_base`` is False."""

    http_options: HttpOptions | None = None
    page_size: int | None = None
    page_token: str | None = None
    filter: str | None = None
    #: False lists tuned models.
    query_base: bool | None = None


class GenerateContentRequest(ApiModel):
    """The body of a generateContent request, as the API and every engine see it."""

    contents: list[Content] | None = None
    system_instruction: Content | None = None
    generation_config: GenerationConfig | None = None
    safety_settings: list[SafetySetting] | None = None
    tools: list[Any] | None = None
    tool_config: ToolConfig | None = None
    cached_content: str | None = None
    labels: dict[str, str] | None = None
    service_tier: ServiceTier | None = None
    store: bool | None = None
    continuation_token: bytes | None = None
    model_armor_config: ModelArmorConfig | None = None
    output_config: GenerationOutputConfig | None = None


class GenerationConfig(_GenerationSettings):
    """The ``generationConfig`` of a request: the settings that concern the answer itself."""

    model_selection_config: ModelSelectionConfig | None = msgspec.field(default=None, name="modelConfig")
    response_format: list[ResponseFormat] | None = None
    """Formats and delivery of each kind of output; ``GenerateContentConfig`` has no field for it."""
    enable_affective_dialog: bool | None = None
    """Live API only."""
    translation_config: TranslationConfig | None = None
    """Live API only."""
