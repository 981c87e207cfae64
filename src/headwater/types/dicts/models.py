"""The twins of ``headwater.types.models``: written by tests/types/make_dicts.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias, TypedDict

from headwater.types.dicts.response import ModalityTokenCountOrDict
from headwater.types.models import Checkpoint, CountTokensResponse, Endpoint, ListModelsResponse, Model, TunedModelInfo


class EndpointDict(TypedDict, total=False):
    """``Endpoint`` as a dict."""

    name: str | None
    deployed_model_id: str | None


EndpointOrDict: TypeAlias = Endpoint | EndpointDict


class TunedModelInfoDict(TypedDict, total=False):
    """``TunedModelInfo`` as a dict."""

    base_model: str | None
    create_time: datetime | None
    update_time: datetime | None


TunedModelInfoOrDict: TypeAlias = TunedModelInfo | TunedModelInfoDict


class CheckpointDict(TypedDict, total=False):
    """``Checkpoint`` as a dict."""

    checkpoint_id: str | None
    epoch: int | None
    step: int | None


CheckpointOrDict: TypeAlias = Checkpoint | CheckpointDict


class ModelDict(TypedDict, total=False):
    """``Model`` as a dict."""

    name: str | None
    version: str | None
    display_name: str | None
    description: str | None
    input_token_limit: int | None
    output_token_limit: int | None
    supported_actions: Sequence[str] | None
    temperature: float | None
    max_temperature: float | None
    top_p: float | None
    top_k: int | None
    thinking: bool | None
    version_id: str | None
    labels: Mapping[str, str] | None
    create_time: datetime | None
    update_time: datetime | None
    deployed_models: Sequence[Mapping[str, Any]] | None
    default_checkpoint_id: str | None
    checkpoints: Sequence[CheckpointOrDict] | None
    endpoints: Sequence[EndpointOrDict] | None
    tuned_model_info: TunedModelInfoOrDict | None


ModelOrDict: TypeAlias = Model | ModelDict


class ListModelsResponseDict(TypedDict, total=False):
    """``ListModelsResponse`` as a dict."""

    models: Sequence[ModelOrDict] | None
    tuned_models: Sequence[ModelOrDict] | None
    publisher_models: Sequence[ModelOrDict] | None
    next_page_token: str | None


ListModelsResponseOrDict: TypeAlias = ListModelsResponse | ListModelsResponseDict


class CountTokensResponseDict(TypedDict, total=False):
    """``CountTokensResponse`` as a dict."""

    total_tokens: int | None
    cached_content_token_count: int | None
    prompt_tokens_details: Sequence[ModalityTokenCountOrDict] | None
    total_billable_characters: int | None


CountTokensResponseOrDict: TypeAlias = CountTokensResponse | CountTokensResponseDict
