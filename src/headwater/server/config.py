"""The configuration of a server: what one instance allows, for how long, and to whom."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self

from headwater.log.lease import LEASE

_MIB = 1024 * 1024
_GIB = 1024 * _MIB
_HOUR = 3600.0

#: Which interactions are stored: all but those with ``"store": false``, only those with ``"store": true``, or none.
InteractionsStore = Literal["default", "allowed", "never"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one server accepts and how long it waits. Sizes are in bytes, times in seconds."""

    #: The head of a request: its request line and headers.
    max_head: int = 64 * 1024
    #: The body of a request, except for file uploads.
    max_body: int = 32 * _MIB
    #: All request bodies of one key together that are being received, or whose requests are being answered.
    max_bodies: int = 256 * _MIB
    #: One uploaded file.
    max_file: int = 2048 * _MIB
    #: All uploaded files of one key together.
    max_storage: int = 20 * _GIB
    #: The records of one durable stream together.
    max_durable_stream: int = 1 * _GIB
    #: One WebSocket message.
    max_message: int = 8 * _MIB
    #: Saved chats per key.
    max_chats: int = 100_000
    #: Concurrent answers per key; also concurrent uploads, and streams per WebSocket.
    max_streams: int = 100
    #: Requests per key in any minute, prompts on a WebSocket included; None for no limit.
    requests_per_minute: int | None = None
    #: A client has this long to send the head of a request, or the first message on a WebSocket.
    head_timeout: float = 10.0
    #: A connection is closed when its request body stops arriving, or its client stops reading, for this long.
    stall_timeout: float = 20.0
    #: A response that is silent for this long gets a blank line, so that proxies keep it open.
    keep_alive: float = 15.0
    #: How long an uploaded file is kept.
    file_ttl: float = 48 * _HOUR
    #: How long a stream that was started on a WebSocket can be read after its end.
    stream_ttl: float = 300.0
    #: How long a stored stream is kept after its last change; None for no limit.
    store_ttl: float | None = 24 * _HOUR
    #: All stored streams together, the oldest are deleted first; None for no limit (512 MiB if they are in memory).
    store_size: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerConfig:
    """How one server behaves. ``headwater serve`` makes one from its options, a program passes one to ``app``.

    Every field is an option of ``headwater serve`` as well, apart from a few limits that only programs set. Secrets are
    not in its ``repr``.
    """

    #: Keys that clients may use. With none, no key is needed, and only this machine is served (loopback host names).
    api_keys: Collection[str] = field(default=(), repr=False)
    #: Web origins whose pages may use the server, besides its own.
    origins: Collection[str] = ()
    #: Host names that the server answers to. Empty for every name if there are keys, for loopback names if not.
    allowed_hosts: Collection[str] = ()
    #: What clients may send and keep.
    limits: Limits = field(default_factory=Limits)
    #: Whether clients may create durable streams under ``/v1/durable/``; reading stored streams there always works.
    durable_streams: bool = False
    #: Which interactions are stored: those that do not decline it, those that ask for it, or none.
    interactions_store: InteractionsStore = "default"
    #: Signs links to streams; None for a secret that is created once and kept in the log.
    secret: str | None = field(default=None, repr=False)
    #: Seconds of silence after which the other servers on a shared log consider this one dead.
    lease: float = LEASE
    #: Seconds that running answers have to finish when the server shuts down.
    grace: float = 10.0

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """Return the configuration that flat ``options`` describe: names of fields of this class and of ``Limits``."""
        own, limits = ({one.name for one in fields(kind)} for kind in (cls, Limits))
        allowed = {name: value for name, value in options.items() if name in limits}
        return cls(limits=Limits(**allowed), **{name: options[name] for name in options if name in own})

    def by_option(self) -> dict[str, Any]:
        """Return the values of all fields, those of ``limits`` among them: the inverse of ``from_options``."""
        flat = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "limits"}
        return flat | {one.name: getattr(self.limits, one.name) for one in fields(self.limits)}
