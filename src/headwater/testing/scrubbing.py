"""Scrubbing: takes keys, tokens, cookies and e-mail addresses out of what a cassette writes to disk. Pure."""

# Headers and query parameters are written from a list of those that are harmless, so that a new way to carry a key is
# left out and not let through. In bodies, secrets are found in two ways: those that the request itself carried in its
# headers, query or URL (as they are, URL-encoded and in base64), and anything that looks like a key of a known
# provider. A mask is as long as what it hides, so that the sizes and times of a recording stay true.

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from headwater.contract.headers import LAST_EVENT_ID

#: Headers that are written. All others may hold a secret, or say something about whoever recorded.
_REQUEST_HEADERS = frozenset({"accept", "content-type", "content-encoding", LAST_EVENT_ID.lower()})
_RESPONSE_HEADERS = frozenset({"content-type", "content-encoding", "retry-after", "location", "server-timing"})
_PARAMETERS = frozenset({"alt", "pageSize", "pageToken", "after", "stream", "last_event_id", "limit", "order"})
#: A shorter secret is a placeholder, and masking it would garble the texts that contain it.
_SHORTEST = 8
_KEYS = re.compile(
    rb"""
    AIza[\w-]{30,}                                  # Google API keys
    | ya29\.[\w.-]{10,}                             # Google access tokens
    | AQ\.[\w-]{20,}                                # Google express-mode keys
    | \b(?:sk|pk|rk)-[\w-]{16,}                     # OpenAI, Anthropic, Stripe and many others
    | \b(?:gsk|xai|hf|pplx|nvapi|r8|glpat|npm|pypi)[_-][\w-]{16,}
    | \bgh[pousr]_\w{20,} | \bgithub_pat_\w{20,}
    | \bAKIA[0-9A-Z]{16}\b                          # AWS
    | \bxox[abprs]-[\w-]{10,}                       # Slack
    | \beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*             # JSON Web Tokens
    | (?<=Bearer\ )[\w.~+/=-]{8,}
    | -----BEGIN[ A-Z]*PRIVATE\ KEY-----(?:(?!-----END).)*  # the key, escaped in JSON or not
    | [\w.+-]+(?:@|\\u0040|%40)[\w-]+(?:\.[\w-]+)+  # e-mail addresses
    """,
    re.VERBOSE | re.DOTALL,
)


class Scrubber:
    """Hides the secrets of one exchange."""

    def __init__(self, path: str, headers: Mapping[str, str]) -> None:
        # Longer ones first: of two secrets, one may begin with the other.
        forms = sorted(_forms(_carried(path, headers)), key=lambda form: -len(form))
        self._known = re.compile(b"|".join(forms)) if forms else None

    def scrub(self, data: bytes) -> bytes:
        """Return ``data`` with stars in the place of secrets; as long as before."""
        if self._known is not None:
            data = self._known.sub(_stars, data)
        return _KEYS.sub(_stars, data)

    def text(self, text: str) -> str:
        """Return a text with stars in the place of secrets."""
        return self.scrub(text.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")

    def path(self, path: str) -> str:
        """Return a path with its harmless parameters; a key in it is masked."""
        parts = urlsplit(path)
        kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name in _PARAMETERS]
        return self.text(parts.path + (f"?{urlencode(kept)}" if kept else ""))

    def request_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a request that are written."""
        return {name: self.text(value) for name, value in headers.items() if name in _REQUEST_HEADERS}

    def response_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a response that are written."""
        kept = {
            name: value for name, value in headers.items() if name in _RESPONSE_HEADERS or name[:10] == "headwater-"
        }
        return {name: self.text(value) for name, value in kept.items()}


def without_texts(value: Any) -> Any:
    """Return JSON with all that was written by hand or by a model replaced by ``***``: texts, data, arguments."""
    if isinstance(value, dict):
        return {name: "***" if name in _TEXTS else without_texts(part) for name, part in value.items()}
    if isinstance(value, list):
        return [without_texts(part) for part in value]
    return value


_TEXTS = frozenset(
    {"text", "content", "data", "args", "arguments", "input", "input_text", "response", "result", "output"}
)


def _carried(path: str, headers: Mapping[str, str]) -> set[str]:
    """What a request carries that is not known to be harmless, and long enough to be a secret."""
    found = [value.rpartition(" ")[2] for name, value in headers.items() if _is_secret_header(name)]
    for cookie in headers.get("cookie", "").split(";"):
        found.append(cookie.partition("=")[2].strip())
    query = parse_qsl(urlsplit(path).query, keep_blank_values=True)
    found += [value for name, value in query if name not in _PARAMETERS]
    return {value for value in found if len(value) >= _SHORTEST}


def _is_secret_header(name: str) -> bool:
    return any(word in name for word in ("authorization", "key", "token", "secret", "cookie", "session", "password"))


def _forms(secrets: Iterable[str]) -> set[bytes]:
    """Patterns of how secrets can appear: plain, URL-encoded, and in base64 at each of its three alignments."""
    forms: set[bytes] = set()
    for secret in secrets:
        data = secret.encode()
        forms |= {re.escape(data), re.escape(quote(secret, safe="").encode())}
        for shift in range(3):
            # The characters at the borders depend on the neighbors as well: they are matched, whatever they are.
            size = len(data) + shift
            core = base64.b64encode(b"\0" * shift + data)[-(-shift * 4 // 3) : size // 3 * 4]
            both = re.escape(core).replace(rb"\+", rb"[+-]").replace(b"/", b"[/_]")
            forms.add(rb"[\w+/-]{0,3}" + both + rb"[\w+/=-]{0,4}")
    return forms


def _stars(match: re.Match[bytes]) -> bytes:
    return b"*" * len(match[0])
