"""``Network``: the proxy, the certificates and the headers of one client, if they are not the environment's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from headwater.transport.base import proxy_for, tls_context

if TYPE_CHECKING:
    import ssl


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """How a transport reaches servers. The default is what the environment says."""

    #: The URL of an HTTP proxy for all requests.
    proxy: str | None = None
    #: What verifies servers, an ``ssl.SSLContext``; None for the system's certificates.
    tls: Any = None
    #: Whether ``HTTPS_PROXY`` and the like count.
    uses_environment: bool = True
    #: Sent with each request, unless the request has a header of that name.
    headers: Mapping[str, str] = {}

    def proxy_for(self, url: str) -> str | None:
        """Return the proxy for ``url``, or None.

        Raises:
            UsageError: if the environment names one that is not an HTTP proxy.
        """
        if self.proxy is not None:
            return self.proxy
        return proxy_for(url) if self.uses_environment else None

    def tls_context(self) -> ssl.SSLContext:
        """Return the context that verifies servers."""
        context: ssl.SSLContext = self.tls if self.tls is not None else tls_context()
        return context

    def complete(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Return the headers of a request together with those of the client."""
        if not self.headers:
            return headers
        known = {name.lower() for name in headers}
        return {**headers, **{name: value for name, value in self.headers.items() if name.lower() not in known}}


#: Proxies and certificates of the environment.
ENVIRONMENT = Network()
