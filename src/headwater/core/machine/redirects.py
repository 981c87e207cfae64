"""Which redirects are followed: those to the same host, or from http to https there, since the key goes along."""

from __future__ import annotations

from urllib.parse import SplitResult, urljoin, urlsplit

import msgspec

from headwater.core.wire.request import HttpRequest
from headwater.errors import WireError

#: The statuses that repeat the request as it is, or that APIs mean so.
REDIRECTS = (301, 302, 307, 308)
_MOST = 5


def follow_redirect(request: HttpRequest, location: str, count: int) -> HttpRequest:
    """Return ``request`` to where its answer, the ``count``-th redirect of the call, sends it.

    Raises:
        WireError: that is no URL, another host, or one redirect too many.
    """
    try:
        url = urljoin(request.url, location)
        old, new = urlsplit(request.url), urlsplit(url)
        same = _is_same(old, new)
    except ValueError:
        raise WireError(f"the API redirects to {location[:200]!r}, which is no URL") from None
    if count > _MOST or not same:
        where = "too many times" if same else f"to another host, {new.scheme}://{new.netloc}, and the key stays here"
        raise WireError(f"the API redirects {where}; set base_url to where it should go")
    return msgspec.structs.replace(request, url=url)


def _is_same(old: SplitResult, new: SplitResult) -> bool:
    if (new.scheme, new.netloc) == (old.scheme, old.netloc):
        return True
    return (old.scheme, new.scheme) == ("http", "https") and new.hostname == old.hostname
