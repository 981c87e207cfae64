"""How a tool of Google's proves itself to the service that it asks (mostly Vertex AI)."""

from __future__ import annotations

from headwater.types.base import ApiModel, OpenEnum


class HttpElementLocation(OpenEnum):
    """Where in a request a key is put."""

    HTTP_IN_UNSPECIFIED = "HTTP_IN_UNSPECIFIED"
    HTTP_IN_QUERY = "HTTP_IN_QUERY"
    HTTP_IN_HEADER = "HTTP_IN_HEADER"
    HTTP_IN_PATH = "HTTP_IN_PATH"
    HTTP_IN_BODY = "HTTP_IN_BODY"
    HTTP_IN_COOKIE = "HTTP_IN_COOKIE"


class AuthType(OpenEnum):
    """What kind of proof is given."""

    AUTH_TYPE_UNSPECIFIED = "AUTH_TYPE_UNSPECIFIED"
    NO_AUTH = "NO_AUTH"
    API_KEY_AUTH = "API_KEY_AUTH"
    HTTP_BASIC_AUTH = "HTTP_BASIC_AUTH"
    GOOGLE_SERVICE_ACCOUNT_AUTH = "GOOGLE_SERVICE_ACCOUNT_AUTH"
    OAUTH = "OAUTH"
    OIDC_AUTH = "OIDC_AUTH"


class ApiKeyConfig(ApiModel):
    """A key, or the secret that holds it, and where it is put."""

    api_key_secret: str | None = None
    api_key_string: str | None = None
    http_element_location: HttpElementLocation | None = None
    name: str | None = None


class AuthConfigGoogleServiceAccountConfig(ApiModel):
    """Proof by a service account."""

    service_account: str | None = None


class AuthConfigHttpBasicAuthConfig(ApiModel):
    """Proof by a name and a password that a secret holds."""

    credential_secret: str | None = None


class AuthConfigOauthConfig(ApiModel):
    """Proof by OAuth."""

    access_token: str | None = None
    service_account: str | None = None


class AuthConfigOidcConfig(ApiModel):
    """Proof by OpenID Connect."""

    id_token: str | None = None
    service_account: str | None = None


class AuthConfig(ApiModel):
    """The proof that a tool gives. The Developer API takes ``api_key`` only."""

    api_key: str | None = None
    api_key_config: ApiKeyConfig | None = None
    auth_type: AuthType | None = None
    google_service_account_config: AuthConfigGoogleServiceAccountConfig | None = None
    http_basic_auth_config: AuthConfigHttpBasicAuthConfig | None = None
    oauth_config: AuthConfigOauthConfig | None = None
    oidc_config: AuthConfigOidcConfig | None = None


class ApiAuthApiKeyConfig(ApiModel):
    """A key, or the version of the secret that holds it."""

    api_key_secret_version: str | None = None
    api_key_string: str | None = None


class ApiAuth(ApiModel):
    """The older way to give a key."""

    api_key_config: ApiAuthApiKeyConfig | None = None
