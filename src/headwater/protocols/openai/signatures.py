"""Thought signatures of function calls, remembered for clients that do not send them back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

#: Remembers the signature of a call, by the call's id.
KeepSignature = Callable[[str, bytes], None]


class SignatureCache:
    """The signatures of the latest calls, by owner and call id; the oldest are dropped beyond ``max_bytes``.

    Gemini 3 refuses a call of its own that comes back without its signature, and most clients of chat completions drop
    ``extra_content``, where it is sent to them. They send ids back, so the signature is put back by the id.
    """

    def __init__(self, max_bytes: int = 16 * 1024 * 1024) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._signatures: OrderedDict[tuple[bytes, str], bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._signatures)

    def keep(self, owner: bytes, call_id: str, signature: bytes) -> None:
        """Remember the signature of a call."""
        key = (owner, call_id)
        self._bytes -= _size(key, self._signatures.pop(key, None))
        self._signatures[key] = signature
        self._bytes += _size(key, signature)
        while self._bytes > self._max_bytes:
            self._bytes -= _size(*self._signatures.popitem(last=False))

    def find(self, owner: bytes, call_id: str) -> bytes | None:
        """Return the signature of a call, or None if it had none or was dropped."""
        return self._signatures.get((owner, call_id))


def _size(key: tuple[bytes, str], signature: bytes | None) -> int:
    # About what an entry takes besides its bytes: keys, pointers, the table.
    return 0 if signature is None else len(signature) + len(key[0]) + len(key[1]) + 300
