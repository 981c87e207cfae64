"""The dialects of the Gemini API's own calls, one object for each type of answer."""

from __future__ import annotations

from headwater.core.wire.gemini import Gemini
from headwater.types import CountTokensResponse, GenerateContentResponse, ListModelsResponse, Model

ANSWERS = Gemini(GenerateContentResponse)
COUNTS = Gemini(CountTokensResponse)
MODELS = Gemini(Model)
MODEL_LISTS = Gemini(ListModelsResponse)
