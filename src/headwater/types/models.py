"""What is known about models, and counted tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from headwater.types.base import ApiModel
from headwater.types.response import ApiResponse, ModalityTokenCount


class Endpoint(ApiModel):
    """Where a tuned model is deployed."""

    name: str | None = None
    deployed_model_id: str | None = None


class TunedModelInfo(ApiModel):
    """What a tuned model was made from, and when."""

    base_model: str | None = None
    create_time: datetime | None = None
    update_time: datetime | None = None


class Checkpoint(ApiModel):
    """A state of a tuned model."""

    checkpoint_id: str | None = None
    epoch: int | None = None
    step: int | None = None


class Model(ApiResponse):
    """A model and its limits (tokens)."""

    name: str | None = None
    version: str | None = None
    display_name: str | None = None
    description: str | None = None
    input_token_limit: int | None = None
    output_token_limit: int | None = None
    supported_actions: list[str] | None = msgspec.field(default=None, name="supportedGenerationMethods")
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
        """The models of this page, whichever name the API gave them."""
        return self.models or self.tuned_models or self.publisher_models or []


class CountTokensResponse(ApiResponse):
    """How many tokens a request has."""

    total_tokens: int | None = None
    cached_content_token_count: int | None = None
    prompt_tokens_details: list[ModalityTokenCount] | None = None
    total_billable_characters: int | None = None
