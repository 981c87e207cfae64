"""The details of models, and token counts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from headwater.types.base import ApiModel
from headwater.types.response import ApiResponse, ModalityTokenCount


class Endpoint(ApiModel):
    """An endpoint where a tuned model is deployed (Vertex AI)."""

    name: str | None = None
    deployed_model_id: str | None = None


class TunedModelInfo(ApiModel):
    """The base model of a tuned model, and its dates."""

    base_model: str | None = None
    create_time: datetime | None = None
    update_time: datetime | None = None


class Checkpoint(ApiModel):
    """A checkpoint of a tuned model (Vertex AI)."""

    checkpoint_id: str | None = None
    epoch: int | None = None
    step: int | None = None


class Model(ApiResponse):
    """A model; its limits are in tokens."""

    name: str | None = None
    version: str | None = None
    display_name: str | None = None
    description: str | None = None
    #: In tokens, as is the next.
    input_token_limit: int | None = None
    output_token_limit: int | None = None
    #: ``generateContent``, ``countTokens`` ...
    supported_actions: list[str] | None = msgspec.field(default=None, name="supportedGenerationMethods")
    #: The default of the model, as are ``top_p`` and ``top_k``.
    temperature: float | None = None
    max_temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    thinking: bool | None = None
    version_id: str | None = None
    labels: dict[str, str] | None = None
    create_time: datetime | None = None
    update_time: datetime | None = None
    deployed_models: list[dict[str, Any]] | None = None
    default_checkpoint_id: str | None = None
    checkpoints: list[Checkpoint] | None = None
    endpoints: list[Endpoint] | None = None
    tuned_model_info: TunedModelInfo | None = None


class ListModelsResponse(ApiResponse):
    """One page of models."""

    models: list[Model] | None = None
    tuned_models: list[Model] | None = None
    publisher_models: list[Model] | None = None
    next_page_token: str | None = None

    @property
    def items(self) -> list[Model]:
        """The models of this page, under whichever name the API sent them."""
        return self.models or self.tuned_models or self.publisher_models or []


class CountTokensResponse(ApiResponse):
    """The number of tokens in a request."""

    total_tokens: int | None = None
    cached_content_token_count: int | None = None
    prompt_tokens_details: list[ModalityTokenCount] | None = None
    total_billable_characters: int | None = None


class TokensInfo(ApiModel):
    """The tokens of one content."""

    role: str | None = None
    token_ids: list[int] | None = None
    tokens: list[bytes] | None = None


class ComputeTokensResponse(ApiResponse):
    """The tokens of a request."""

    #: One for each content.
    tokens_info: list[TokensInfo] | None = None


class ComputeTokensResult(ApiModel):
    """The tokens of a request, as google-genai's local tokenizer returns them."""

    tokens_info: list[TokensInfo] | None = None
