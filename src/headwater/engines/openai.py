"""The openai engine: any server of OpenAI's chat completions, from a local Ollama to OpenRouter."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, suppress
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import msgspec

import headwater
from headwater.core.answer.fold import Fold
from headwater.core.machine.policy import Deadlines
from headwater.core.wire.openai.chat_answer import SERVER_DONE, TranslatedChunk
from headwater.core.wire.openai.chat_dialect import ChatDialect, ChatResult, JsonDialect
from headwater.core.wire.openai.requests.chat_request import ChatCall, chat_call
from headwater.core.wire.openai.requests.server_traits import PRESETS, ServerTraits, preset_for, traits_of
from headwater.core.wire.request import HttpRequest
from headwater.engines.base import Chunk, EngineRequest
from headwater.engines.http import HttpCaller, make_transport
from headwater.engines.registry import EngineSettings
from headwater.errors import APIError, ConnectError, HeadwaterError, NotFoundError, UsageError, api_error
from headwater.types import CountTokensResponse, GenerateContentRequest, GenerateContentResponse, Model

T = TypeVar("T")

#: After the finish reason, token counts follow within this many seconds, or not at all.
_USAGE_WAIT: Final = 2.0
#: After the server's own end of the stream, the end of the body follows within this many seconds, or not at all.
_DRAIN_WAIT: Final = 0.5
#: For lists of models, token counts and the check at the start (seconds).
_SHORT: Final = Deadlines(total=10.0)
#: How long an engine rests that cannot be reached, or is overloaded and does not say for how long (seconds).
_REST: Final = 10.0
#: A request of more bytes is translated in a thread: other streams are served meanwhile.
_LARGE: Final = 16 * 1024
#: Where servers say how many tokens a model reads.
_LIMITS: Final = ("max_model_len", "context_length", "context_window", "max_context_length", "n_ctx", "n_ctx_train")


class OpenAIEngine:
    """Answers requests of the Gemini API with a chat completions server.

    What changes the meaning of an answer is translated or refused with an error that names it. Hints that the server
    has no counterpart for are left out, and named in the response's header ``Headwater-Ignored``.

    Args:
        url: The base URL: what comes before ``/chat/completions``.
        api_key: The key, if the server wants one.
        preset: Whose server it is (``"ollama"``, ``"openrouter"`` ...); guessed from the URL if not given.
        traits: Settings of the preset that are different here (``{"json_schema": "no"}``).
        model: The model to ask, whatever model the client names; None for the client's.
        name: The engine's name.
        deadlines: How long an answer may take, and be silent.

    Raises:
        UsageError: if the URL, the preset or a setting is wrong; nothing is sent.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        preset: str | None = None,
        traits: Mapping[str, Any] | None = None,
        model: str | None = None,
        name: str = "openai",
        deadlines: Deadlines | None = None,
    ) -> None:
        self.name = name
        self.url = _checked(url, has_key=bool(api_key))
        self.preset = preset or preset_for(url)
        self._traits = traits_of(self.preset, traits)
        self._model = model
        self._headers = _headers(self._traits, api_key)
        self._deadlines = deadlines or Deadlines()
        self._transport = make_transport()
        self._documents: HttpCaller[Any] = HttpCaller(JsonDialect(), self._transport, deadlines=_SHORT)
        self._resting_until = 0.0

    @property
    def is_resting(self) -> bool:
        """Whether the server could not be reached, or asked for a pause, a moment ago."""
        return time.monotonic() < self._resting_until

    async def stream(self, request: EngineRequest) -> AsyncIterator[Chunk]:
        """Yield the chunks of the answer, translated as they arrive."""
        call = await _sized(request, lambda: self._translate(request))
        request.ignored = (*request.ignored, *call.ignored)
        http = HttpRequest("POST", self._at("/chat/completions"), self._headers, call.body)
        dialect = ChatDialect(call.options)
        caller: HttpCaller[ChatResult] = HttpCaller(dialect, self._transport, deadlines=self._deadlines)
        try:
            async with aclosing(caller.stream(http)) as results, aclosing(_chunks(results)) as chunks:
                if request.is_stream:
                    async for chunk in chunks:
                        yield chunk
                else:  # streamed all the same, so that the deadlines hold
                    yield await _folded(chunks)
        except HeadwaterError as error:
            self._rest(error)
            raise
        self._resting_until = 0.0

    async def count_tokens(self, request: EngineRequest) -> CountTokensResponse:
        """Return how many tokens the request has, if the server can count them.

        Raises:
            APIError: 501, if it cannot.
        """
        call = await _sized(request, lambda: self._translate(request))
        body, root = msgspec.json.decode(call.body), self.url.removesuffix("/v1")
        match self._traits.counts_tokens:
            case "llamacpp":
                prompt = await self._post(f"{root}/apply-template", {"messages": body["messages"]})
                told = await self._post(f"{root}/tokenize", {"content": prompt["prompt"], "add_special": True})
                return CountTokensResponse(total_tokens=len(told["tokens"]))
            case "vllm":
                told = await self._post(f"{root}/tokenize", {"model": body["model"], "messages": body["messages"]})
                return CountTokensResponse(total_tokens=told["count"])
        raise api_error(501, f"the {self.name} engine's server cannot count tokens", status="UNIMPLEMENTED")

    async def models(self) -> list[Model]:
        """Return the models of the server; none if it does not list them."""
        try:
            document = await self._documents.call(HttpRequest("GET", self._at("/models"), self._headers))
        except NotFoundError:
            return []
        entries = document.get("data") if isinstance(document, dict) else document
        return [_model(entry) for entry in entries or () if isinstance(entry, dict) and entry.get("id")]

    async def check(self) -> None:
        """Ask the server for a sign of life.

        Raises:
            HeadwaterError: if it does not answer, or refuses the key.
        """
        try:
            await self.models()
        except HeadwaterError as error:
            self._rest(error)
            raise

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.close()

    def _at(self, path: str) -> str:
        """The URL of ``path`` below the base URL; Azure's has a query, with the version of its API."""
        base, question, query = self.url.partition("?")
        return f"{base.rstrip('/')}{path}{question}{query}"

    def _translate(self, request: EngineRequest) -> ChatCall:
        content: GenerateContentRequest = request.content
        return chat_call(self._model or request.model, content, self._traits, engine=self.name)

    async def _post(self, url: str, body: dict[str, Any]) -> dict[str, Any]:
        request = HttpRequest("POST", url, self._headers, msgspec.json.encode(body))
        document = await self._documents.call(request)
        if not isinstance(document, dict):
            raise api_error(502, f"{url} answers with something else than an object", status="INTERNAL")
        return document

    def _rest(self, error: HeadwaterError) -> None:
        """Rest if the server cannot be reached, or says that it has no capacity."""
        if isinstance(error, ConnectError):
            self._resting_until = time.monotonic() + _REST
        elif isinstance(error, APIError) and error.code in (429, 503):
            self._resting_until = time.monotonic() + (error.retry_after or _REST)


def from_settings(settings: EngineSettings) -> OpenAIEngine:
    """Return the engine for a URL or a preset: ``openai:http://127.0.0.1:11434/v1``, ``openai:ollama``.

    Raises:
        UsageError: if there is neither, a setting is wrong, or a key is missing.
    """
    options = dict(settings.options)
    url, preset = settings.argument or options.pop("url", ""), options.pop("preset", None) or settings.preset
    if url in PRESETS:  # without a URL: the preset's own server
        url, preset = "", url
    if preset is not None:
        url = url or traits_of(preset).url
    if not url:
        where = f"the preset {preset} has no address of its own" if preset else "no URL"
        raise UsageError(f"the openai engine has {where}: openai:URL, for example openai:http://127.0.0.1:11434/v1")
    deadlines = {name: options.pop(name) for name in Deadlines.__struct_fields__ if name in options}
    return OpenAIEngine(
        url,
        api_key=_key(settings, preset or preset_for(url), url),
        preset=preset,
        model=options.pop("model", None) or settings.model,
        name=settings.name or "openai",
        deadlines=_deadlines(deadlines),
        traits=options,
    )


def _key(settings: EngineSettings, preset: str, url: str) -> str | None:
    """The key: the one that was given, else that of the preset's variable, which is only sent to the preset's server.

    Raises:
        UsageError: if no key is set, and the server is known to require one.
    """
    if settings.key:
        return settings.key
    traits = PRESETS.get(preset)
    if traits is None or not traits.key_env or preset_for(url) != preset:
        return None
    found = os.environ.get(traits.key_env, "").strip()
    if not found:
        raise UsageError(f"{preset} needs a key: set {traits.key_env}, or HEADWATER_ENGINE_KEY")
    return found


def _deadlines(seconds: dict[str, Any]) -> Deadlines | None:
    try:
        return msgspec.convert(seconds, Deadlines) if seconds else None
    except (msgspec.ValidationError, UsageError) as error:
        raise UsageError(f"a deadline of the openai engine is wrong: {error}") from None


def _checked(url: str, *, has_key: bool) -> str:
    """The base URL without a slash at its end.

    Raises:
        UsageError: if it is not a URL, or a key would be sent over it in the clear.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    if not host or parts.scheme not in ("http", "https"):
        named = "" if not url.isidentifier() else f", or be one of {', '.join(PRESETS)}"
        raise UsageError(f"the engine's URL {url!r} must start with http:// or https://{named}")
    if parts.username or parts.password:
        raise UsageError(
            "the engine's URL has a user or a password in it: set HEADWATER_ENGINE_KEY, or key_env, instead"
        )
    if has_key and parts.scheme == "http" and not _is_loopback(host):
        raise UsageError(f"the key would be sent to {host} unencrypted: use https://, or no key")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _headers(traits: ServerTraits, key: str | None) -> dict[str, str]:
    headers = {
        "content-type": "application/json",
        "accept": "text/event-stream, application/json",
        "user-agent": f"headwater/{headwater.__version__}",
        **traits.headers,
    }
    if key:
        headers[traits.key_header] = f"Bearer {key}" if traits.key_header == "authorization" else key
    return headers


async def _sized(request: EngineRequest, call: Callable[[], T]) -> T:
    return call() if len(request.body) <= _LARGE else await asyncio.to_thread(call)


async def _chunks(results: AsyncIterator[ChatResult]) -> AsyncGenerator[TranslatedChunk, None]:
    """The chunks among the results; what follows the finish reason is added to the chunk that has it."""
    async for result in results:
        if type(result) is not TranslatedChunk:
            continue  # progress, which only the deadlines had to know of
        if not result.is_end:
            yield result
            continue
        try:
            async with asyncio.timeout(_USAGE_WAIT) as limit:
                async for later in results:
                    if later is SERVER_DONE:
                        break
                    if type(later) is TranslatedChunk:
                        result.absorb(later)
        except TimeoutError:
            if not limit.expired():
                raise
        except HeadwaterError:  # even after a finish reason, an error says that the answer is not whole
            yield result
            raise
        yield result
        await _drain(results)
        return


async def _drain(results: AsyncIterator[ChatResult]) -> None:
    """Read the end of the body, which follows at once or not at all: only then can its connection serve again."""
    with suppress(TimeoutError, HeadwaterError):  # the answer is whole, whatever comes now
        async with asyncio.timeout(_DRAIN_WAIT):
            async for _ in results:
                pass


async def _folded(chunks: AsyncIterator[TranslatedChunk]) -> Chunk:
    fold = Fold()
    async for chunk in chunks:
        fold.add(msgspec.json.decode(chunk.raw, type=GenerateContentResponse))
    response: GenerateContentResponse = fold.response
    return response


def _model(entry: Mapping[str, Any]) -> Model:
    meta = entry.get("meta") if isinstance(entry.get("meta"), Mapping) else {}
    places = [(place, name) for name in _LIMITS for place in (entry, meta)]
    limit = next((place[name] for place, name in places if place and isinstance(place.get(name), int)), None)
    name = str(entry["id"]).removeprefix("models/")
    shown = entry.get("name")
    return Model(
        name=f"models/{name}",
        display_name=shown if isinstance(shown, str) else name,
        input_token_limit=limit,
        supported_actions=["generateContent", "streamGenerateContent"],
    )
