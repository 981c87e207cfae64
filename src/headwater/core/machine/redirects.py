"""Redirects: those to the same host are followed, or from http to https on it, because the key goes along."""

from __future__ import annotations

from urllib.parse import SplitResult, urljoin, urlsplit

import msgspec

from headwater.core.wire.request import HttpRequest
from headwater.errors import WireError

#: The statuses that repeat the request unchanged, or that APIs use to mean so. RFC 9110, sections 15.4.2 and 15.4.3,
#: lets clients turn a POST into a GET for 301 and 302; a GET would not be the request that was asked for.
REDIRECTS = (301, 302, 307, 308)
_MAX_REDIRECTS = 5


def follow_redirect(request: HttpRequest, location: str, count: int) -> HttpRequest:
    """Return ``request`` with the URL to which the ``count``-th redirect of the call sends it.

    Raises:
        WireError: if ``location`` is not a URL, is on another host, or is one redirect too many.
    """
    try:
        url = urljoin(request.url, location)
        old, new = urlsplit(request.url), urlsplit(url)
        same = _is_same_host(old, new)
    except ValueError:
        raise WireError(f"the API redirects to {location[:200]!r}, which is not a URL") from None
    if count > _MAX_REDIRECTS or not same:
        where = "too many times" if same else f"to another host, {new.scheme}://{new.netloc}, and the key stays here"
        raise WireError(f"the API redirects {where}; set base_url to where it should go")
    return msgspec.structs.replace(request, url=url)


def _is_same_host(old: SplitResult, new: SplitResult) -> bool:
    if (new.scheme, new.netloc) == (old.scheme, old.netloc):
        return True
    return (old.scheme, new.scheme) == ("http", "https") and new.hostname == old.hostname
