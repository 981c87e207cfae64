"""Lists that come in pages: iterating over the items fetches further pages when they are needed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

import msgspec

from headwater.types import HttpResponse

if TYPE_CHECKING:
    from headwater.core.wire.saved_chats import ListChatsConfig
    from headwater.types import ListCachedContentsConfig, ListFilesConfig, ListModelsConfig

T = TypeVar("T")
Config: TypeAlias = "ListModelsConfig | ListFilesConfig | ListCachedContentsConfig | ListChatsConfig"


class ItemPage(Protocol[T]):
    """One page of a list."""

    next_page_token: str | None

    @property
    def items(self) -> list[T]:
        """The items of the page."""


class _BasePager(Generic[T]):
    """The current page, for sync and async pagers."""

    def __init__(self, config: Config, page: ItemPage[T]) -> None:
        self._config = config
        self._current = page

    @property
    def name(self) -> str:
        """What is listed: ``models``, ``files``."""
        fields: tuple[str, ...] = getattr(self._current, "__struct_fields__", ())
        return next((field for field in fields if field != "next_page_token"), "")

    @property
    def config(self) -> dict[str, Any]:
        """The config that requests the next page, as a dict; on the last page its ``page_token`` is None."""
        fields = {name: getattr(self._config, name) for name in self._config.__struct_fields__}
        chosen = {name: value for name, value in fields.items() if value is not None}
        return {**chosen, "page_token": self._current.next_page_token}

    @property
    def sdk_http_response(self) -> HttpResponse | None:
        """The HTTP response of the current page."""
        response: HttpResponse | None = getattr(self._current, "sdk_http_response", None)
        return response

    @property
    def page(self) -> list[T]:
        """The items of the current page."""
        return self._current.items

    @property
    def page_size(self) -> int:
        """The requested size of a page, else the size of this one."""
        return self._config.page_size or len(self.page)

    def __len__(self) -> int:
        return len(self.page)

    def __getitem__(self, index: int) -> T:
        return self.page[index]

    def _next_config(self) -> Config:
        """Return the config that requests the next page.

        Raises:
            IndexError: if this is the last page.
        """
        if not self._current.next_page_token:
            raise IndexError("no more pages")
        self._config = msgspec.structs.replace(self._config, page_token=self._current.next_page_token)
        return self._config


class Pager(_BasePager[T]):
    """A list in pages: ``for item in pager`` iterates over the items of all pages."""

    def __init__(self, fetch: Callable[[Any], ItemPage[T]], config: Config, page: ItemPage[T]) -> None:
        super().__init__(config, page)
        self._fetch = fetch

    def next_page(self) -> list[T]:
        """Fetch the next page and return its items.

        Raises:
            IndexError: if this is the last page.
        """
        self._current = self._fetch(self._next_config())
        return self.page

    def __iter__(self) -> Iterator[T]:
        yield from self.page
        while self._current.next_page_token:
            yield from self.next_page()


class AsyncPager(_BasePager[T]):
    """A list in pages: ``async for item in pager`` iterates over the items of all pages."""

    def __init__(self, fetch: Callable[[Any], Awaitable[ItemPage[T]]], config: Config, page: ItemPage[T]) -> None:
        super().__init__(config, page)
        self._fetch = fetch

    async def next_page(self) -> list[T]:
        """Fetch the next page and return its items.

        Raises:
            IndexError: if this is the last page.
        """
        self._current = await self._fetch(self._next_config())
        return self.page

    async def __aiter__(self) -> AsyncIterator[T]:
        for item in self.page:
            yield item
        while self._current.next_page_token:
            for item in await self.next_page():
                yield item
