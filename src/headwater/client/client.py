"""``Client`` and ``AsyncClient``: settings, and the groups of methods."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Never, Self

from headwater.client.groups.chats import AsyncChats, Chats
from headwater.client.groups.files import AsyncFiles, Files
from headwater.client.groups.models import AsyncModels, Models
from headwater.client.groups.streams import AsyncStreams, Streams
from headwater.client.options.call_options import StreamOptions, check
from headwater.client.request.build import to_config
from headwater.client.request.settings import Settings
from headwater.client.stream.aio import AsyncCaller
from headwater.client.stream.sync import Caller
from headwater.client.tools.structured import with_parsed
from headwater.errors import UsageError
from headwater.transport.base import Transports
from headwater.types import FunctionDeclaration, GenerateContentConfig, GenerateContentResponse, HttpOptions
from headwater.types.base import ApiModel
from headwater.types.notices import register_logger
from headwater.types.response import register_finisher
from headwater.types.tools import register_declaration_builder

if TYPE_CHECKING:
    from headwater.client.groups.interactions import AsyncInteractions, Interactions

if TYPE_CHECKING:  # few programs read it
    from headwater.client.groups.api_client import BaseApiClient
    from headwater.client.groups.caches import AsyncCaches, Caches
    from headwater.client.groups.tokens import AsyncTokens, Tokens


def _load_declaration_builder() -> Callable[..., FunctionDeclaration]:
    from headwater.client.tools.declarations import from_callable  # here, since most programs never need it

    return from_callable


# ``types`` cannot import from the client: FunctionDeclaration.from_callable() gets what reads functions from here.
register_declaration_builder(_load_declaration_builder)


def _finish_answer(answer: GenerateContentResponse, config: Any) -> None:
    with_parsed(answer, to_config(config, GenerateContentConfig))


# As above: an answer made of JSON with google-genai's ``_from_response`` has ``parsed``.
register_finisher(_finish_answer)


def _log_notice(level: str, text: str) -> None:
    import logging  # here, since few programs get a notice

    # google-genai's logger: programs that silence or route these notices name it.
    getattr(logging.getLogger("google_genai.types"), level)(text)


register_logger(_log_notice)


class DebugConfig(ApiModel):
    """google-genai's switch for recording and replaying calls. Only real calls (``api``) are made here."""

    #: None or ``api``.
    client_mode: str | None = None
    replays_directory: str | None = None
    replay_id: str | None = None


class AsyncClient:
    """The async side of a client: ``client.aio``. Works in any number of event loops, at once or one after another."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._caller = AsyncCaller(settings)
        self.models = AsyncModels(self._caller)
        self.chats = AsyncChats(self._caller)
        self.files = AsyncFiles(self._caller)
        self.streams = AsyncStreams(self._caller)

    @cached_property
    def caches(self) -> AsyncCaches:
        """Cached contents."""
        from headwater.client.groups.caches import AsyncCaches

        return AsyncCaches(self._caller)

    @cached_property
    def auth_tokens(self) -> AsyncTokens:
        """Tokens for sessions of the Live API."""
        from headwater.client.groups.tokens import AsyncTokens

        return AsyncTokens(self._caller)

    @property
    def vertexai(self) -> bool:
        """Whether this client uses Vertex AI."""
        return self._settings.vertexai

    @property
    def _api_client(self) -> BaseApiClient:
        return self.models._api_client

    @cached_property
    def interactions(self) -> AsyncInteractions:
        """The Interactions API, as coroutines."""
        from headwater.client.groups.interactions import AsyncInteractions  # here, since most programs never use it

        return AsyncInteractions(self._caller)

    async def aclose(self) -> None:
        """Close the idle connections of the running event loop. The client stays usable; running streams continue."""
        await self._caller.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class Client:
    """A client of the Gemini API, with google-genai's arguments.

    The key is ``api_key``, else ``GOOGLE_API_KEY``, else ``GEMINI_API_KEY``; the base URL is ``http_options.base_url``,
    else ``GOOGLE_GEMINI_BASE_URL``. ``base_url="offline:"`` needs no key and no network: the built-in offline engine
    answers.

    ``vertexai=True`` uses Vertex AI: with ``credentials`` of google-auth, else with an API key (express mode), else
    with the application default credentials.

    ``options`` apply to every ``generate_content`` call, stream and chat message (see ``StreamOptions``). Options of a
    call take precedence, except that its ``observers`` and ``trace`` are added to the client's.

    ``transport`` carries all requests instead of the network, such as ``headwater.testing.virtual()`` in tests.

    A client is cheap to make: connections are opened when they are needed, and closed by ``close()`` or at exit.
    Running streams continue when their client is dropped.

    Raises:
        UsageError: if there is no key, or the arguments contradict each other.
    """

    def __init__(
        self,
        *,
        enterprise: bool | None = None,
        vertexai: bool | None = None,
        api_key: str | None = None,
        credentials: Any = None,
        project: str | None = None,
        location: str | None = None,
        debug_config: DebugConfig | Mapping[str, Any] | None = None,
        http_options: HttpOptions | Mapping[str, Any] | None = None,
        options: StreamOptions | None = None,
        transport: Transports | None = None,
        **unknown: Never,
    ) -> None:
        if unknown:
            raise UsageError(_unknown_argument_text(next(iter(unknown))))
        if enterprise is not None and vertexai is not None and enterprise != vertexai:
            raise UsageError("enterprise and vertexai mean the same: pass one of them")
        if debug_config is not None:
            _check_debug(debug_config)
        self._settings = Settings(
            api_key=api_key,
            vertexai=enterprise if vertexai is None else vertexai,
            credentials=credentials,
            project=project,
            location=location,
            http_options=http_options,
            defaults=check(options or {}, stream=True),
            transports=transport,
        )
        # The two sides share settings and nothing else: each has its own transport and its own connections.
        self._caller = Caller(self._settings)
        self.models = Models(self._caller)
        self.chats = Chats(self._caller)
        self.files = Files(self._caller)
        self.streams = Streams(self._caller)

    @cached_property
    def interactions(self) -> Interactions:
        """The Interactions API."""
        from headwater.client.groups.interactions import Interactions  # here, since most programs never use it

        return Interactions(self._caller)

    @cached_property
    def aio(self) -> AsyncClient:
        """The same methods as coroutines."""
        return AsyncClient(self._settings)

    @cached_property
    def caches(self) -> Caches:
        """Cached contents."""
        from headwater.client.groups.caches import Caches  # here and below: few programs need them

        return Caches(self._caller)

    @cached_property
    def auth_tokens(self) -> Tokens:
        """Tokens for sessions of the Live API."""
        from headwater.client.groups.tokens import Tokens

        return Tokens(self._caller)

    @property
    def vertexai(self) -> bool:
        """Whether this client uses Vertex AI."""
        return self._settings.vertexai

    @cached_property
    def _api_client(self) -> BaseApiClient:
        """google-genai's inner client, of which frameworks read a few attributes."""
        from headwater.client.groups.api_client import BaseApiClient

        return BaseApiClient(self._settings)

    def close(self) -> None:
        """Close the idle connections of the sync side. The client stays usable; running streams continue."""
        self._caller.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _check_debug(config: Any) -> None:
    mode = DebugConfig.model_validate(config).client_mode
    if mode not in (None, "", "api"):
        raise UsageError(
            f"client_mode={mode!r} is not supported: `headwater serve --engine replay` replays recorded answers"
        )


def _unknown_argument_text(name: str) -> str:
    known = [each for each in inspect.signature(Client).parameters if each != "unknown"]
    import difflib  # here, since only this error needs it

    near = difflib.get_close_matches(name.lower(), known, 1)
    if near:
        return f"Client has no argument {name!r}: did you mean {near[0]!r}?"
    return f"Client has no argument {name!r}: the arguments are {', '.join(known)}"
