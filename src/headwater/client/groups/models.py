"""``client.models``, sync and async: each method builds a request and passes it to the caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack, cast, overload

from headwater.client.groups import server_streams
from headwater.client.groups.base import MethodGroup
from headwater.client.groups.pagers import AsyncPager, Pager
from headwater.client.options.call_options import CallOptions, StreamOptions
from headwater.client.request import build
from headwater.client.stream.aio import AsyncCaller, AsyncStream
from headwater.client.stream.dialects import COUNTS, MODEL_LISTS, MODELS
from headwater.client.stream.sync import Caller, Stream
from headwater.types import (
    CountTokensConfig,
    CountTokensResponse,
    GenerateContentConfig,
    GenerateContentResponse,
    GetModelConfig,
    ListModelsConfig,
    ListModelsResponse,
    Model,
)

if TYPE_CHECKING:  # so that these are loaded only by programs that use them
    from headwater.types import (
        ComputeTokensConfig,
        ComputeTokensResponse,
        EmbedContentConfig,
        EmbedContentResponse,
        GenerateContentConfigDict,
        StreamConfigDict,
    )

Config: TypeAlias = "GenerateContentConfig | GenerateContentConfigDict | Mapping[str, Any] | None"


class Models(MethodGroup[Caller]):
    """Generate content, count tokens, list models."""

    @overload
    def generate_content(
        self, *, model: str, contents: Any, config: StreamConfigDict, **options: Unpack[StreamOptions]
    ) -> Stream: ...

    @overload
    def generate_content(
        self, *, model: str, contents: Any, config: Config = None, **options: Unpack[CallOptions]
    ) -> GenerateContentResponse: ...

    def generate_content(
        self, *, model: str, contents: Any, config: Config | StreamConfigDict = None, **options: Any
    ) -> GenerateContentResponse | Stream:
        """Return the whole answer; with ``config={"stream": True}`` its stream.

        Raises:
            UsageError: if the request is invalid; nothing was sent.
            APIError: if the API refused it.
            StreamError: if the connection failed.
        """
        # The overloads tell type checkers which of the two it is by ``StreamConfigDict``.
        settings = build.to_config(config, GenerateContentConfig)
        if settings.stream:
            return self.generate_content_stream(model=model, contents=contents, config=settings, **options)
        request = build.generate_content(self._caller.settings, model, contents, settings, stream=False)
        return self._caller.ask(request, settings, cast("CallOptions", options))

    def generate_content_stream(
        self, *, model: str, contents: Any, config: Config = None, **options: Unpack[StreamOptions]
    ) -> Stream:
        """Return the stream of the answer. Nothing is sent before its first chunk is requested.

        ``options`` set deadlines, retries, recovery, pacing and hooks (see ``StreamOptions``).

        Raises:
            UsageError: if the request is invalid. Everything else is raised by the stream.
        """
        settings = build.to_config(config, GenerateContentConfig)
        request = build.generate_content(self._caller.settings, model, contents, settings, stream=True)
        return self._caller.stream(request, settings, options)

    def resume_stream(self, position: str, **options: Unpack[StreamOptions]) -> Stream:
        """Return the rest of a stream from a position (``stream.position``, ``error.position``).

        Another process may have started it: a headwater server stores streams for a while. The part before the
        position is not included.

        Raises:
            UsageError: if it is not a position. Everything else is raised by the stream: NotFoundError if the server no
                longer has it.
        """
        plan = server_streams.resume(self._caller.settings, position, options)
        return self._caller.stream(**plan._asdict())

    def count_tokens(
        self, *, model: str, contents: Any, config: CountTokensConfig | Mapping[str, Any] | None = None
    ) -> CountTokensResponse:
        """Return the number of tokens in ``contents``."""
        settings = build.to_config(config, CountTokensConfig)
        request = build.count_tokens(self._caller.settings, model, contents, settings)
        return self._caller.call(COUNTS, request, settings.http_options)

    def compute_tokens(
        self, *, model: str, contents: Any, config: ComputeTokensConfig | Mapping[str, Any] | None = None
    ) -> ComputeTokensResponse:
        """Return the tokens of ``contents``. Vertex AI only; ``count_tokens`` returns their number everywhere.

        Raises:
            UsageError: if the client does not use Vertex AI.
        """
        from headwater.client.groups import embeddings  # here, since most programs never need it

        request, options = embeddings.compute_tokens(self._caller.settings, model, contents, config)
        return self._caller.call(embeddings.TOKENS, request, options)

    def embed_content(
        self, *, model: str, contents: Any, config: EmbedContentConfig | Mapping[str, Any] | None = None
    ) -> EmbedContentResponse:
        """Return the vectors of ``contents``: one for each element of a list.

        Raises:
            UsageError: if the contents are empty or cannot be sent, or a field is for the other API.
            APIError: if the API refused it.
        """
        from headwater.client.groups import embeddings

        request, options = embeddings.embed_content(self._caller.settings, model, contents, config)
        return embeddings.to_embeddings(self._caller.call(embeddings.EMBEDDINGS, request, options))

    def get(self, *, model: str, config: GetModelConfig | Mapping[str, Any] | None = None) -> Model:
        """Return the details of a model."""
        settings = build.to_config(config, GetModelConfig)
        request = build.get_model(self._caller.settings, model, settings.http_options)
        return self._caller.call(MODELS, request, settings.http_options)

    def list(self, *, config: ListModelsConfig | Mapping[str, Any] | None = None) -> Pager[Model]:
        """Return the models. Further pages are fetched as they are iterated over."""
        settings = build.to_config(config, ListModelsConfig)
        return Pager(self._page, settings, self._page(settings))

    def _page(self, config: ListModelsConfig) -> ListModelsResponse:
        request = build.list_models(self._caller.settings, config)
        return self._caller.call(MODEL_LISTS, request, config.http_options)


class AsyncModels(MethodGroup[AsyncCaller]):
    """Generate content, count tokens, list models, from coroutines."""

    @overload
    async def generate_content(
        self, *, model: str, contents: Any, config: StreamConfigDict, **options: Unpack[StreamOptions]
    ) -> AsyncStream: ...

    @overload
    async def generate_content(
        self, *, model: str, contents: Any, config: Config = None, **options: Unpack[CallOptions]
    ) -> GenerateContentResponse: ...

    async def generate_content(
        self, *, model: str, contents: Any, config: Config | StreamConfigDict = None, **options: Any
    ) -> GenerateContentResponse | AsyncStream:
        """Return the whole answer; with ``config={"stream": True}`` its stream."""
        settings = await build.with_mcp_tools(build.to_config(config, GenerateContentConfig))
        if settings.stream:
            return await self.generate_content_stream(model=model, contents=contents, config=settings, **options)
        request = build.generate_content(self._caller.settings, model, contents, settings, stream=False)
        return await self._caller.ask(request, settings, cast("CallOptions", options))

    async def generate_content_stream(
        self, *, model: str, contents: Any, config: Config = None, **options: Unpack[StreamOptions]
    ) -> AsyncStream:
        """Return the stream of the answer: ``async for chunk in await ...``. See ``Models.generate_content_stream``."""
        settings = await build.with_mcp_tools(build.to_config(config, GenerateContentConfig))
        request = build.generate_content(self._caller.settings, model, contents, settings, stream=True)
        return self._caller.stream(request, settings, options)

    async def resume_stream(self, position: str, **options: Unpack[StreamOptions]) -> AsyncStream:
        """Return the rest of a stream from a position. See ``Models.resume_stream``."""
        plan = server_streams.resume(self._caller.settings, position, options)
        return self._caller.stream(**plan._asdict())

    async def count_tokens(
        self, *, model: str, contents: Any, config: CountTokensConfig | Mapping[str, Any] | None = None
    ) -> CountTokensResponse:
        """Return the number of tokens in ``contents``."""
        settings = build.to_config(config, CountTokensConfig)
        request = build.count_tokens(self._caller.settings, model, contents, settings)
        return await self._caller.call(COUNTS, request, settings.http_options)

    async def compute_tokens(
        self, *, model: str, contents: Any, config: ComputeTokensConfig | Mapping[str, Any] | None = None
    ) -> ComputeTokensResponse:
        """Return the tokens of ``contents`` (Vertex AI). See ``Models.compute_tokens``."""
        from headwater.client.groups import embeddings  # here, since most programs never need it

        request, options = embeddings.compute_tokens(self._caller.settings, model, contents, config)
        return await self._caller.call(embeddings.TOKENS, request, options)

    async def embed_content(
        self, *, model: str, contents: Any, config: EmbedContentConfig | Mapping[str, Any] | None = None
    ) -> EmbedContentResponse:
        """Return the vectors of ``contents``. See ``Models.embed_content``."""
        from headwater.client.groups import embeddings

        request, options = embeddings.embed_content(self._caller.settings, model, contents, config)
        return embeddings.to_embeddings(await self._caller.call(embeddings.EMBEDDINGS, request, options))

    async def get(self, *, model: str, config: GetModelConfig | Mapping[str, Any] | None = None) -> Model:
        """Return the details of a model."""
        settings = build.to_config(config, GetModelConfig)
        request = build.get_model(self._caller.settings, model, settings.http_options)
        return await self._caller.call(MODELS, request, settings.http_options)

    async def list(self, *, config: ListModelsConfig | Mapping[str, Any] | None = None) -> AsyncPager[Model]:
        """Return the models. Further pages are fetched as they are iterated over."""
        settings = build.to_config(config, ListModelsConfig)
        return AsyncPager(self._page, settings, await self._page(settings))

    async def _page(self, config: ListModelsConfig) -> ListModelsResponse:
        request = build.list_models(self._caller.settings, config)
        return await self._caller.call(MODEL_LISTS, request, config.http_options)


def __getattr__(name: str) -> Any:
    """Return google-genai's ``models.t``, which instrumentation imports."""
    if name != "t":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from headwater.client.request import transformers

    return transformers
