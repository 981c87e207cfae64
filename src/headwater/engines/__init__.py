"""Engines produce answers; servers and the offline client run them behind one protocol."""

from typing import TYPE_CHECKING

from headwater.lazy import lazy_names

if TYPE_CHECKING:
    from headwater.engines.base import Chunk, Engine, EngineRequest, NativeMethods, UpstreamCall
    from headwater.engines.gemini import GeminiEngine
    from headwater.engines.http import HttpCaller
    from headwater.engines.offline import OfflineEngine
    from headwater.engines.openai import OpenAIEngine
    from headwater.engines.registry import EngineSettings, make_engine
    from headwater.engines.replay import ReplayEngine
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "Chunk": "base",
            "Engine": "base",
            "EngineRequest": "base",
            "EngineSettings": "registry",
            "GeminiEngine": "gemini",
            "HttpCaller": "http",
            "NativeMethods": "base",
            "OfflineEngine": "offline",
            "OpenAIEngine": "openai",
            "ReplayEngine": "replay",
            "UpstreamCall": "base",
            "make_engine": "registry",
        },
    )

__all__ = [
    "Chunk",
    "Engine",
    "EngineRequest",
    "EngineSettings",
    "GeminiEngine",
    "HttpCaller",
    "NativeMethods",
    "OfflineEngine",
    "OpenAIEngine",
    "ReplayEngine",
    "UpstreamCall",
    "make_engine",
]
