"""Authentication of Google's tools against the services that they call (mostly Vertex AI)."""

from __future__ import annotations

from headwater.types.base import ApiModel
from headwater.types.open_enum import OpenEnum


class HttpElementLocation(OpenEnum):
    """Where a request has the key."""

    HTTP_IN_UNSPECIFIED = "HTTP_IN_UNSPECIFIED"
    HTTP_IN_QUERY = "HTTP_IN_QUERY"
    HTTP_IN_HEADER = "HTTP_IN_HEADER"
    HTTP_IN_PATH = "HTTP_IN_PATH"
    HTTP_IN_BODY = "HTTP_IN_BODY"
    HTTP_IN_COOKIE = "HTTP_IN_COOKIE"


class AuthType(OpenEnum):
    """The kind of authentication."""

    AUTH_TYPE_UNSPECIFIED = "AUTH_TYPE_UNSPECIFIED"
    NO_AUTH = "NO_AUTH"
    API_KEY_AUTH = "API_KEY_AUTH"
    HTTP_BASIC_AUTH = "HTTP_BASIC_AUTH"
    GOOGLE_SERVICE_ACCOUNT_AUTH = "GOOGLE_SERVICE_ACCOUNT_AUTH"
    OAUTH = "OAUTH"
    OIDC_AUTH = "OIDC_AUTH"


class ApiKeyConfig(ApiModel):
    """An API key, or the secret that contains it, and where a request has it."""

    api_key_secret: str | None = None
    api_key_string: str | None = None
    http_element_location: HttpElementLocation | None = None
    name: str | None = None


class AuthConfigGoogleServiceAccountConfig(ApiModel):
    """Authentication by a service account."""

    service_account: str | None = None


class AuthConfigHttpBasicAuthConfig(ApiModel):
    """Basic authentication; a secret contains name and password."""

    credential_secret: str | None = None


class AuthConfigOauthConfig(ApiModel):
    """Authentication by OAuth."""

    access_token: str | None = None
    service_account: str | None = None


class AuthConfigOidcConfig(ApiModel):
    """Authentication by OpenID Connect."""

    id_token: str | None = None
    service_account: str | None = None


class AuthConfig(ApiModel):
    """The authentication of a tool. The Developer API takes ``api_key`` only."""

    api_key: str | None = None
    #: Vertex AI only.
    api_key_config: ApiKeyConfig | None = None
    #: Vertex AI only.
    auth_type: AuthType | None = None
    #: Vertex AI only.
    google_service_account_config: AuthConfigGoogleServiceAccountConfig | None = None
    #: Vertex AI only.
    http_basic_auth_config: AuthConfigHttpBasicAuthConfig | None = None
    #: Vertex AI only.
    oauth_config: AuthConfigOauthConfig | None = None
    #: Vertex AI only.
    oidc_config: AuthConfigOidcConfig | None = None


class ApiAuthApiKeyConfig(ApiModel):
    """An API key, or the version of the secret that contains it."""

    api_key_secret_version: str | None = None
    api_key_string: str | None = None


class ApiAuth(ApiModel):
    """The older form of an API key."""

    api_key_config: ApiAuthApiKeyConfig | None = None
