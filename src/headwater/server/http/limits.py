"""How much one server takes of everything."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """How much one server takes. Sizes in bytes, times in seconds."""

    #: The head of a request.
    head: int = 64 * 1024
    #: The body of a request, apart from uploads.
    body: int = 32 * 1024 * 1024
    #: One uploaded file, and all files of one key together.
    file: int = 2 * 1024 * 1024 * 1024
    storage: int = 20 * 1024 * 1024 * 1024
    #: All that one stream of a user's own holds.
    stream: int = 1024 * 1024 * 1024
    #: One message of a WebSocket.
    message: int = 8 * 1024 * 1024
    #: Saved chats of one key.
    chats: int = 100_000
    #: Answers at once, and uploads at once.
    streams_per_key: int = 100
    #: Requests of one key in any minute, prompts on a WebSocket among them; None for no limit.
    requests_per_minute: int | None = None
    #: The head of a request must be there within this time.
    head_time: float = 10.0
    #: A body that does not come, or an answer that is not taken, for this long ends the connection.
    stall: float = 20.0
    #: A silence of this length is filled with a blank line.
    keep_alive: float = 15.0
    #: How long an uploaded file is kept.
    file_life: float = 48 * 3600.0
    #: How long an answer can be read again after its end, by the readers of a WebSocket who know its name.
    stream_life: float = 300.0
    #: How long a stored answer is kept after it last changed, and how much all of them may be; None for no limit (in
    #: memory: 512 MiB).
    log_life: float | None = 24 * 3600.0
    log_size: int | None = None
