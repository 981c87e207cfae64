"""The twins of ``headwater.types.auth``: written by tests/types/make_dicts.py."""

from __future__ import annotations

from typing import TypeAlias, TypedDict

from headwater.types.auth import (
    ApiAuth,
    ApiAuthApiKeyConfig,
    ApiKeyConfig,
    AuthConfig,
    AuthConfigGoogleServiceAccountConfig,
    AuthConfigHttpBasicAuthConfig,
    AuthConfigOauthConfig,
    AuthConfigOidcConfig,
    AuthType,
    HttpElementLocation,
)


class ApiKeyConfigDict(TypedDict, total=False):
    """``ApiKeyConfig`` as a dict."""

    api_key_secret: str | None
    api_key_string: str | None
    http_element_location: HttpElementLocation | str | None
    name: str | None


ApiKeyConfigOrDict: TypeAlias = ApiKeyConfig | ApiKeyConfigDict


class AuthConfigGoogleServiceAccountConfigDict(TypedDict, total=False):
    """``AuthConfigGoogleServiceAccountConfig`` as a dict."""

    service_account: str | None


AuthConfigGoogleServiceAccountConfigOrDict: TypeAlias = (
    AuthConfigGoogleServiceAccountConfig | AuthConfigGoogleServiceAccountConfigDict
)


class AuthConfigHttpBasicAuthConfigDict(TypedDict, total=False):
    """``AuthConfigHttpBasicAuthConfig`` as a dict."""

    credential_secret: str | None


AuthConfigHttpBasicAuthConfigOrDict: TypeAlias = AuthConfigHttpBasicAuthConfig | AuthConfigHttpBasicAuthConfigDict


class AuthConfigOauthConfigDict(TypedDict, total=False):
    """``AuthConfigOauthConfig`` as a dict."""

    access_token: str | None
    service_account: str | None


AuthConfigOauthConfigOrDict: TypeAlias = AuthConfigOauthConfig | AuthConfigOauthConfigDict


class AuthConfigOidcConfigDict(TypedDict, total=False):
    """``AuthConfigOidcConfig`` as a dict."""

    id_token: str | None
    service_account: str | None


AuthConfigOidcConfigOrDict: TypeAlias = AuthConfigOidcConfig | AuthConfigOidcConfigDict


class AuthConfigDict(TypedDict, total=False):
    """``AuthConfig`` as a dict."""

    api_key: str | None
    api_key_config: ApiKeyConfigOrDict | None
    auth_type: AuthType | str | None
    google_service_account_config: AuthConfigGoogleServiceAccountConfigOrDict | None
    http_basic_auth_config: AuthConfigHttpBasicAuthConfigOrDict | None
    oauth_config: AuthConfigOauthConfigOrDict | None
    oidc_config: AuthConfigOidcConfigOrDict | None


AuthConfigOrDict: TypeAlias = AuthConfig | AuthConfigDict


class ApiAuthApiKeyConfigDict(TypedDict, total=False):
    """``ApiAuthApiKeyConfig`` as a dict."""

    api_key_secret_version: str | None
    api_key_string: str | None


ApiAuthApiKeyConfigOrDict: TypeAlias = ApiAuthApiKeyConfig | ApiAuthApiKeyConfigDict


class ApiAuthDict(TypedDict, total=False):
    """``ApiAuth`` as a dict."""

    api_key_config: ApiAuthApiKeyConfigOrDict | None


ApiAuthOrDict: TypeAlias = ApiAuth | ApiAuthDict
