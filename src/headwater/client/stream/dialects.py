"""The dialects of the Gemini API's own calls, one object for each type of answer."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from headwater.core.wire.gemini import Gemini
from headwater.types import CountTokensResponse, GenerateContentResponse, ListModelsResponse, Model
from headwater.types.base import ApiModel

W = TypeVar("W", bound=ApiModel)


class LenientGemini(Gemini[W]):
    """As Gemini's dialect, but numbers may be strings (proto3 JSON writes int64 so)."""

    def __init__(self, kind: type[W]) -> None:
        super().__init__(kind)
        self._decoder = msgspec.json.Decoder(kind, strict=False)


ANSWERS = Gemini(GenerateContentResponse)
COUNTS = Gemini(CountTokensResponse)
MODELS = Gemini(Model)
MODEL_LISTS = Gemini(ListModelsResponse)
