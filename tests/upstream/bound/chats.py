"""headwater's chats on answers that a test makes up: only the call itself is not headwater's."""

from collections.abc import AsyncIterator, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from headwater import types
from headwater.client.groups import chats
from headwater.client.groups.history import TurnState, exchange
from headwater.client.request.settings import Settings
from headwater.core.answer.fold import Fold

Chat, AsyncChat = chats.Chat, chats.AsyncChat


class _Caller:
    """Answers every call with what the patched method returns."""

    settings = Settings(api_key="a-key")

    def __init__(self, modules: Any) -> None:
        self.modules = modules

    def ask(self, *asked: Any, **options: Any) -> Any:
        return self.modules.generate_content()

    def stream(self, request: Any, config: Any, options: Mapping[str, Any]) -> Any:
        fold = Fold()

        def chunks() -> Iterator[types.GenerateContentResponse]:
            for chunk in self.modules.generate_content_stream():
                fold.add(chunk)
                yield chunk
            options["on_end"](SimpleNamespace(response=fold.response, usage_metadata=None, metrics=None))

        return chunks()


class _AsyncCaller(_Caller):
    async def ask(self, *asked: Any, **options: Any) -> Any:
        return await self.modules.generate_content()

    def stream(self, request: Any, config: Any, options: Mapping[str, Any]) -> Any:
        fold = Fold()

        async def chunks() -> AsyncIterator[types.GenerateContentResponse]:
            async for chunk in await self.modules.generate_content_stream():
                fold.add(chunk)
                yield chunk
            options["on_end"](SimpleNamespace(response=fold.response, usage_metadata=None, metrics=None))

        return chunks()


class Chats(chats.Chats):
    """As google-genai makes it."""

    def __init__(self, modules: Any) -> None:
        super().__init__(_Caller(modules))  # type: ignore[arg-type]


class AsyncChats(chats.AsyncChats):
    """As google-genai makes it."""

    def __init__(self, modules: Any) -> None:
        super().__init__(_AsyncCaller(modules))  # type: ignore[arg-type]


def _validate_response(answer: types.GenerateContentResponse) -> bool:
    for candidate in answer.candidates or ():
        candidate.finish_reason = types.FinishReason.STOP  # these tests ask of the parts only
    return exchange(types.UserContent("?"), answer, sent=1)[1] is TurnState.WHOLE
