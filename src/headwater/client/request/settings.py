"""The settings of a client: key, base URL, headers and timeouts, from arguments and environment variables."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote, urlsplit

import msgspec

import headwater
from headwater.client.options.call_options import StreamOptions
from headwater.client.request.credentials import AccessTokens
from headwater.contract.defaults import API_KEY_VARIABLES
from headwater.core.machine.policy import RETRY_CODES, Deadlines, Retry
from headwater.errors import UsageError
from headwater.transport.base import Transports, is_http
from headwater.types import HttpOptions, HttpRetryOptions

if TYPE_CHECKING:
    from headwater.client.request.http_clients import HttpArguments


DEVELOPER_URL = "https://generativelanguage.googleapis.com/"
OFFLINE = "offline:"
#: The User-Agent.
AGENT = f"headwater/{headwater.__version__} gl-python/{sys.version.split()[0]}"

#: The headers of every request, besides those that the user sets.
_HEADERS = {
    "Content-Type": "application/json",
    "User-Agent": AGENT,
    "x-goog-api-client": AGENT,
    "Accept-Encoding": "gzip, deflate",
}


def is_offline(url: str) -> bool:
    """Return whether a URL stands for the built-in offline engine."""
    return url.startswith(OFFLINE)


class Settings:
    """The settings of one client. Immutable after construction, and so shared by all threads and tasks."""

    def __init__(
        self,
        *,
        api_key: str | None = None,
        vertexai: bool | None = None,
        credentials: Any = None,
        project: str | None = None,
        location: str | None = None,
        http_options: HttpOptions | Mapping[str, Any] | None = None,
        defaults: StreamOptions | None = None,
        transports: Transports | None = None,
    ) -> None:
        if api_key is not None and not isinstance(api_key, str):
            raise UsageError(f"api_key is a str, not {type(api_key).__name__}")
        self.options = _options(http_options)
        #: What carries all requests instead of the network; None for the network.
        self.transports = transports
        #: The options of every generate_content call and stream; those of a call take precedence.
        self.defaults: StreamOptions = defaults or {}
        flag = vertexai if vertexai is not None else _flag("GOOGLE_GENAI_USE_ENTERPRISE", "GOOGLE_GENAI_USE_VERTEXAI")
        self.vertexai = bool(flag)
        if credentials is not None and api_key:
            raise UsageError("credentials and api_key exclude each other: pass one of them")
        if not self.vertexai and (credentials is not None or project or location):
            raise UsageError("credentials, project and location are for Vertex AI: pass vertexai=True as well")
        self.project, self.location = (
            _project_and_location(api_key, project, location) if self.vertexai else (None, None)
        )
        self.base_url = self.options.base_url or self._environment_url() or self._default_url()
        _check_options(self.options, self.base_url)
        #: What ``client_args`` and ``async_client_args`` say; None if there are none.
        self.http_arguments = _http_arguments(self.options)
        # google-genai's rule: with project, location or credentials, a key from the environment does not count.
        is_known = self.vertexai and (credentials is not None or self.project or self.location)
        self.api_key = (api_key or ("" if is_known else _environment_key()) or "").strip()
        #: The source of access tokens; None with an API key, or where no authentication is needed.
        self.tokens = self._find_tokens(credentials, project) if self.vertexai and not self.api_key else None
        if not (self.api_key or self.vertexai or is_offline(self.base_url)):
            raise UsageError(_NO_KEY)
        if not _VALUE.fullmatch(self.api_key) or " " in self.api_key:
            raise UsageError("the API key has characters that no key has (spaces, quotes, line ends): copy it again")
        self.api_version = self._version()
        # What requests will say, all but the key: frameworks read it there. The user's own object stays as it is.
        self.options = msgspec.structs.replace(
            self.options,
            base_url=self.base_url,
            api_version=self.api_version,
            headers=_merge_headers(_HEADERS, self.options.headers),
        )

    def __repr__(self) -> str:
        return f"Settings(base_url={self.base_url!r}, api_version={self.api_version!r})"  # and never the key

    def __reduce__(self) -> NoReturn:
        # Not without the key: such a client would fail later, somewhere else, with a message about a missing key.
        raise TypeError("a client cannot be pickled, since it holds the API key: make one in the process that uses it")

    def __deepcopy__(self, memo: object) -> Settings:
        return self

    @property
    def below_project(self) -> str:
        """The prefix of resource names: on Vertex AI ``projects/x/locations/y/``, else empty."""
        return f"projects/{self.project}/locations/{self.location or 'global'}/" if self.project else ""

    def url(self, path: str, options: HttpOptions | None = None, *, project: bool = True, above: str = "") -> str:
        """Return the URL of ``path`` below the API's version (and, on Vertex AI, below the project).

        ``above`` is inserted before the version, as in ``upload/v1beta/files``.
        """
        base = (options and options.base_url) or self.base_url
        version = options.api_version if options and options.api_version is not None else self.api_version
        scope = (options and options.base_url_resource_scope) or self.options.base_url_resource_scope
        pieces = [base.rstrip("/"), above]
        if scope != "COLLECTION":
            pieces.append(version)
            if self.vertexai and project and self.project and not path.startswith("projects/"):
                pieces.append(self.below_project.rstrip("/"))
        name, colon, method = path.partition(":")
        pieces.append(quote(name, safe="/@.-_~") + colon + method)
        return "/".join(piece for piece in pieces if piece)

    def server_url(self, path: str, options: HttpOptions | None = None, *, otherwise: str) -> str:
        """Return the URL of ``path`` below the root of a headwater server, for what the Gemini API does not have.

        Raises:
            UsageError: if the base URL is Google's or offline; the message is ``otherwise``.
        """
        above = (options or HttpOptions()).model_copy(update={"api_version": ""})
        url = self.url(path, above, project=False)
        if is_offline(url) or _is_google(url):
            raise UsageError(otherwise)
        return url

    def headers(self, options: HttpOptions | None = None) -> dict[str, str]:
        """Return the headers of every request; a new dict each time.

        Raises:
            UsageError: if ``options`` contain something that cannot be sent.
        """
        headers = {"x-goog-api-key": self.api_key} if self.api_key else {}
        if options is None:
            return _merge_headers(headers, self.options.headers)
        _check_options(options, options.base_url)
        if _has_client(options):
            from headwater.client.request.http_clients import check_call_options

            check_call_options(options, self.options)
        return _merge_headers(headers, self.options.headers, options.headers)

    def timeout_option(self, options: HttpOptions | None = None) -> int | None:
        """Return the timeout as it was set: in milliseconds, as google-genai counts."""
        return options.timeout if options and options.timeout is not None else self.options.timeout

    def timeout(self, options: HttpOptions | None = None) -> float | None:
        """Return the timeout (longest silence) in seconds; None if none is set."""
        milliseconds = self.timeout_option(options)
        return None if milliseconds is None else milliseconds / 1000

    def deadlines(self, options: HttpOptions | None = None) -> Deadlines:
        """Return the deadlines of a call; google-genai's ``timeout`` is the longest silence between bytes."""
        timeout = self.timeout(options)
        return Deadlines() if timeout is None else Deadlines(byte_gap=timeout)

    def retry(self, options: HttpOptions | None = None) -> Retry:
        """Return the retry policy; ``retry_options``, if set, have google-genai's defaults."""
        retry_options = (options and options.retry_options) or self.options.retry_options
        return Retry() if retry_options is None else _retry(retry_options)

    def extra_body(self, options: HttpOptions | None = None) -> dict[str, Any]:
        """Return what is merged into the body of each request."""
        return (self.options.extra_body or {}) | ((options and options.extra_body) or {})

    def _find_tokens(self, credentials: Any, project: str | None) -> AccessTokens | None:
        """Return the source of access tokens; None for a gateway, unless project or credentials are given."""
        is_google = _is_google(self.base_url)
        if credentials is None and (is_offline(self.base_url) or not (project or is_google)):
            return None
        tokens = AccessTokens(credentials)
        if is_google and not self.project:
            self.project = tokens.project()
            if not self.project:
                raise UsageError(_NO_PROJECT)
        return tokens

    def _environment_url(self) -> str | None:
        return os.environ.get("GOOGLE_VERTEX_BASE_URL" if self.vertexai else "GOOGLE_GEMINI_BASE_URL") or None

    def _default_url(self) -> str:
        if not self.vertexai:
            return DEVELOPER_URL
        match self.location:
            case None | "global":
                return "https://aiplatform.googleapis.com/"
            case "us" | "eu":
                return f"https://aiplatform.{self.location}.rep.googleapis.com/"
        return f"https://{self.location}-aiplatform.googleapis.com/"

    def _version(self) -> str:
        if self.options.api_version is not None:
            return self.options.api_version
        version = os.environ.get("GOOGLE_GENAI_API_VERSION")
        if version and version != "beta":
            return version
        return "v1beta1" if self.vertexai else "v1beta" if version else "v1"


_NO_KEY = (
    "no API key: set GEMINI_API_KEY (or GOOGLE_API_KEY), or pass genai.Client(api_key=...). "
    "Without one, the built-in offline engine works now: set GOOGLE_GEMINI_BASE_URL=offline: "
    "or pass http_options={'base_url': 'offline:'}"
)

_NO_PROJECT = (
    "no Google Cloud project: pass genai.Client(vertexai=True, project=...) or set GOOGLE_CLOUD_PROJECT; "
    "or pass api_key=... (express mode)"
)


def _options(options: HttpOptions | Mapping[str, Any] | None) -> HttpOptions:
    if options is None:
        return HttpOptions()
    if isinstance(options, HttpOptions):
        return options
    if isinstance(options, Mapping):
        return HttpOptions(**options)
    raise UsageError(f"http_options is a types.HttpOptions or a dict, not {type(options).__name__}")


_CLIENTS = ("client_args", "async_client_args", "httpx_client", "httpx_async_client", "aiohttp_client")
# RFC 9110, section 5: a header that does not match could end the head, or begin another header.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t -~]*")


def _check_options(options: HttpOptions, base_url: str | None) -> None:
    if base_url is not None and not is_offline(base_url) and not is_http(base_url):
        raise UsageError(f"the base URL {base_url!r} is not a URL: it must start with https://, http:// or offline:")
    if options.timeout is not None and options.timeout <= 0:
        raise UsageError(f"timeout is in milliseconds and must be more than 0, not {options.timeout}")
    for name, value in (options.headers or {}).items():
        if not isinstance(value, str):
            raise UsageError(f"the header {name!r} is {value!r}: pass its value as a str, or leave the header out")
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise UsageError(f"the header {name!r} cannot be sent: names and values are plain ASCII without line ends")


def _has_client(options: HttpOptions) -> bool:
    """Whether the options say anything about the HTTP client."""
    return any(getattr(options, name) is not None for name in _CLIENTS)


def _http_arguments(options: HttpOptions) -> tuple[HttpArguments, HttpArguments] | None:
    if not _has_client(options) and "GOOGLE_GENAI_HTTP_CLIENT" not in os.environ:
        return None
    from headwater.client.request import http_clients  # here, since few clients need it

    http_clients.check_clients(options)
    return (
        http_clients.parse_arguments(options.client_args, "client_args"),
        http_clients.parse_arguments(options.async_client_args, "async_client_args"),
    )


def _merge_headers(*layers: Mapping[str, str] | None) -> dict[str, str]:
    """Return the last value of each header; names are case-insensitive."""
    known = {name.lower(): (name, value) for layer in layers for name, value in (layer or {}).items()}
    return dict(known.values())


def _project_and_location(
    api_key: str | None, project: str | None, location: str | None
) -> tuple[str | None, str | None]:
    """Return project and location. The environment's do not count if a key was passed without them."""
    if api_key and not (project or location):
        return None, None
    return (
        project or os.environ.get("GOOGLE_CLOUD_PROJECT") or None,
        location or os.environ.get("GOOGLE_CLOUD_LOCATION") or None,
    )


def _is_google(url: str) -> bool:
    return (urlsplit(url).hostname or "").endswith(".googleapis.com")


def _environment_key() -> str | None:
    google, gemini = map(os.environ.get, API_KEY_VARIABLES)
    if google and gemini and google != gemini:
        import logging  # here, since it is a large part of what importing the client would cost

        logging.getLogger("headwater").warning("GOOGLE_API_KEY and GEMINI_API_KEY are both set; using GOOGLE_API_KEY")
    return google or gemini


def _flag(*names: str) -> bool:
    for name in names:
        if name in os.environ:
            return os.environ[name].lower() in ("true", "1")
    return False


def _retry(options: HttpRetryOptions) -> Retry:
    known = Retry(attempts=5, initial_delay=1.0, jitter=1.0)
    return Retry(
        attempts=max(1, known.attempts if options.attempts is None else options.attempts),
        initial_delay=known.initial_delay if options.initial_delay is None else options.initial_delay,
        max_delay=known.max_delay if options.max_delay is None else options.max_delay,
        exp_base=known.exp_base if options.exp_base is None else options.exp_base,
        jitter=known.jitter if options.jitter is None else options.jitter,
        codes=RETRY_CODES if options.http_status_codes is None else tuple(options.http_status_codes),
    )
