"""Vertex AI: who is calling (key, credentials, application default), and tokens that are renewed in time."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.credentials import Credentials
from google.oauth2 import service_account

from headwater import genai
from headwater.client.request import credentials as module
from headwater.client.request.credentials import AccessTokens
from headwater.client.request.settings import Settings
from headwater.errors import AuthenticationError, ConnectError, StreamCancelled, StreamStalled, UsageError
from tests.support.servers import PATIENCE, Connection, Request, Server, refuses, whole
from tests.support.sides import run_async, run_page


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*form).decode()


class Cloud:
    """A token endpoint and an API in one server. The API takes the tokens whose numbers are in ``good``."""

    def __init__(self, private_key: str) -> None:
        self.good = range(1, 1000)
        self.lasts = 3600
        self.hold: threading.Event | None = None
        self.refuses_accounts = False
        self.issued = 0
        self.asked: list[Request] = []
        self.assertions: list[dict[str, Any]] = []
        self.server = Server(self._script)
        self._key = private_key

    def account(self) -> dict[str, str]:
        """The JSON of a service account."""
        return {
            "type": "service_account",
            "project_id": "account-project",
            "private_key_id": "1",
            "private_key": self._key,
            "client_email": "robot@account-project.iam.gserviceaccount.com",
            "token_uri": f"{self.server.url}/token",
        }

    def credentials(self, **more: str) -> Any:
        return service_account.Credentials.from_service_account_info(self.account() | more)  # type: ignore[no-untyped-call]

    def client(self, **options: Any) -> genai.Client:
        given = {"credentials": self.credentials(), "project": "p", "location": "l"} | options
        http_options = {"base_url": self.server.url} | given.pop("http_options", {})
        return genai.Client(vertexai=True, http_options=http_options, **given)

    @property
    def tokens(self) -> list[str | None]:
        """What the requests to the API carried."""
        return [request.headers.get("authorization") for request in self.asked]

    def _script(self, connection: Connection, request: Request) -> None:
        if request.path == "/token":
            return self._issue(connection, request)
        self.asked.append(request)
        token = request.headers.get("authorization", "")
        if token.startswith("Bearer token-") and int(token.removeprefix("Bearer token-")) not in self.good:
            return connection.answer(refuses(401, "UNAUTHENTICATED", "the token is old"), "401 Unauthorized")
        return whole(connection, request)

    def _issue(self, connection: Connection, request: Request) -> None:
        assertion = parse_qs(request.body.decode())["assertion"][0].split(".")[1]
        self.assertions.append(json.loads(base64.urlsafe_b64decode(assertion + "==")))
        if self.hold is not None:
            assert self.hold.wait(PATIENCE)
        if self.refuses_accounts:
            return connection.answer(
                {"error": "invalid_grant", "error_description": "no such robot"}, "400 Bad Request"
            )
        self.issued += 1
        return connection.answer(
            {"access_token": f"token-{self.issued}", "expires_in": self.lasts, "token_type": "Bearer"}
        )


@pytest.fixture
def cloud(private_key: str) -> Iterator[Cloud]:
    cloud = Cloud(private_key)
    with cloud.server:
        yield cloud


def test_a_service_account_is_who_calls(side: Any, cloud: Cloud) -> None:
    """A token is asked for once, for Google Cloud, and goes with every request; no key does."""
    client = cloud.client(credentials=cloud.credentials().with_quota_project("payer"))
    assert cloud.issued == 0, "making a client asks for nothing"
    assert side.ask(client).text == "Hello world"
    assert side.read(side.stream(client))
    assert cloud.tokens == ["Bearer token-1"] * 2
    for request in cloud.asked:
        assert request.path.startswith("/v1beta1/projects/p/locations/l/publishers/google/models/m:")
        assert request.headers["x-goog-user-project"] == "payer"
        assert "x-goog-api-key" not in request.headers
    (assertion,) = cloud.assertions
    assert assertion["scope"] == "https://www.googleapis.com/auth/cloud-platform"
    assert assertion["iss"] == "robot@account-project.iam.gserviceaccount.com"


def test_a_refused_token_is_renewed_once(side: Any, cloud: Cloud) -> None:
    """After a 401 the request goes out once more, with a new token."""
    client = cloud.client()
    side.ask(client)
    cloud.good = range(2, 1000)
    assert side.ask(client).text == "Hello world"
    assert cloud.tokens == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]
    cloud.good = range(0)
    with pytest.raises(AuthenticationError, match="the token is old"):
        side.ask(client)
    assert cloud.tokens[3:] == ["Bearer token-2", "Bearer token-3"]


def test_a_refusal_stays_where_there_is_no_newer_token(side: Any, cloud: Cloud) -> None:
    """Where the token can not be renewed, it is the API's own error that is raised."""
    client = cloud.client()
    side.ask(client)
    cloud.good, cloud.refuses_accounts = range(0), True
    with pytest.raises(AuthenticationError, match="the token is old"):
        side.ask(client)
    assert cloud.tokens == ["Bearer token-1"] * 2


def expires_in(credentials: Any, seconds: float) -> None:
    """Have the token of ``credentials`` run out then."""
    credentials.expiry = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=seconds)


def test_a_token_is_renewed_before_it_runs_out(side: Any, cloud: Cloud) -> None:
    """One that has run out is not sent; one that soon will is used, and renewed meanwhile."""
    client = cloud.client()
    side.ask(client)
    inside = client._settings.tokens._credentials
    expires_in(inside, -1)
    side.ask(client)
    assert cloud.tokens == ["Bearer token-1", "Bearer token-2"]
    cloud.hold = threading.Event()
    expires_in(inside, 60)
    side.ask(client)
    assert cloud.tokens[2:] == ["Bearer token-2"], "nobody waits for what is not needed yet"
    cloud.hold.set()
    side.ask(client)
    deadline = time.monotonic() + PATIENCE
    while cloud.tokens[-1] != "Bearer token-3":
        assert time.monotonic() < deadline
        side.ask(client)
    assert cloud.issued == 3


def test_many_calls_wait_for_one_token(cloud: Cloud) -> None:
    """Calls that begin together ask for one token, in threads and in tasks."""
    client = cloud.client()
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(client.models.generate_content, model="m", contents="hi") for _ in range(16)]
        assert {answer.result(PATIENCE).text for answer in answers} == {"Hello world"}
    assert cloud.issued == 1

    async def main() -> None:
        ask = cloud.client().aio.models.generate_content
        await asyncio.gather(*(ask(model="m", contents="hi") for _ in range(16)))

    run_async(main())
    assert cloud.issued == 2


def test_a_forked_child_renews_for_itself(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """A renewal that the parent of a process had begun is not waited for: its thread is not there."""
    cloud.hold = threading.Event()
    tokens = AccessTokens(cloud.credentials())
    parents = tokens.refresh_if_needed()
    assert tokens.refresh_if_needed() is parents
    monkeypatch.setattr(module.os, "getpid", lambda: 1)  # type: ignore[attr-defined]
    assert tokens.refresh_if_needed() is not parents
    cloud.hold.set()


def test_waiting_for_a_token_does_not_hold_the_event_loop_up(cloud: Cloud) -> None:
    """While a token is on its way, other tasks of the loop run."""
    cloud.hold = threading.Event()

    async def main() -> str:
        answer = asyncio.ensure_future(cloud.client().aio.models.generate_content(model="m", contents="hi"))
        await asyncio.to_thread(cloud.server.wait_for, 1)
        assert cloud.hold is not None
        cloud.hold.set()
        return (await answer).text

    assert run_async(main()) == "Hello world"


def test_a_call_that_waits_for_a_token_can_be_stopped(side: Any, cloud: Cloud) -> None:
    """cancel ends a stream at once, also while its token is on its way."""
    cloud.hold = threading.Event()
    stream = side.stream(cloud.client(), raise_on_cancel=True)

    def stop() -> None:
        cloud.server.wait_for(1)
        stream.cancel("enough")

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(StreamCancelled):
        side.read(stream)
    thread.join()
    assert cloud.asked == []
    cloud.hold.set()


def test_a_token_that_does_not_come_is_a_timeout(side: Any, cloud: Cloud) -> None:
    """The timeout of a call counts the wait for its token."""
    cloud.hold = threading.Event()
    with pytest.raises(StreamStalled):
        side.ask(cloud.client(http_options={"timeout": 100, "retry_options": {"attempts": 1}}))
    cloud.hold.set()


def test_credentials_that_are_refused_say_why(side: Any, cloud: Cloud) -> None:
    """What the token endpoint says is in the error."""
    cloud.refuses_accounts = True
    with pytest.raises(AuthenticationError, match="no such robot") as caught:
        side.ask(cloud.client())
    assert (caught.value.code, cloud.asked) == (401, [])
    assert caught.value.__cause__ is not None


def test_an_unreachable_token_endpoint_is_a_connection_error(side: Any, cloud: Cloud) -> None:
    """It is the road that is broken, and may be tried again."""
    away = cloud.credentials(token_uri="http://127.0.0.1:9/token")
    with pytest.raises(ConnectError, match="no access token"):
        side.ask(cloud.client(credentials=away, http_options={"retry_options": {"attempts": 1}}))


def test_an_authorization_of_the_callers_own_is_kept(side: Any, cloud: Cloud) -> None:
    """Who sets the header himself is not asked for a token."""
    side.ask(cloud.client(http_options={"headers": {"authorization": "Bearer mine"}}))
    assert (cloud.tokens, cloud.issued) == (["Bearer mine"], 0)


class Plain(Credentials):
    """Credentials of somebody's own."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.renewed = 0

    def refresh(self, request: Any) -> None:
        self.renewed += 1
        self.token = f"token-{self.renewed}"


def test_credentials_of_any_kind_do(side: Any, cloud: Cloud) -> None:
    """What google-auth calls credentials is enough."""
    side.ask(cloud.client(credentials=Plain()))
    assert cloud.tokens == ["Bearer token-1"]


@pytest.fixture
def account_file(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service account where google-auth looks for it."""
    path = tmp_path / "account.json"
    path.write_text(json.dumps(cloud.account()))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    return path


@pytest.mark.usefixtures("account_file")
def test_application_default_credentials(side: Any, cloud: Cloud) -> None:
    """Without a key and without credentials, those of the machine are used."""
    side.ask(cloud.client(credentials=None))
    assert cloud.tokens == ["Bearer token-1"]


@pytest.mark.usefixtures("account_file")
def test_the_project_may_come_from_the_credentials(cloud: Cloud) -> None:
    """A project that nobody named is that of the credentials."""
    for given in (None, cloud.credentials()):
        settings = Settings(vertexai=True, credentials=given)
        assert settings.project == "account-project"
        assert settings.url("m") == (
            "https://aiplatform.googleapis.com/v1beta1/projects/account-project/locations/global/m"
        )


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without credentials, which asks no metadata server."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("PATH", "")


@pytest.mark.usefixtures("nowhere")
def test_missing_credentials_are_explained(side: Any, cloud: Cloud) -> None:
    """Where the machine has none, the error says what to do, at the latest at the first call."""
    with pytest.raises(UsageError, match="gcloud auth application-default login"):
        genai.Client(vertexai=True)
    with pytest.raises(UsageError, match="gcloud auth application-default login"):
        side.ask(cloud.client(credentials=None))


def test_missing_google_auth_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where google-auth is not installed, the error says how to install it, and that a key does without."""
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"api_key.* needs google-auth, which .*pip install 'google-auth"):
        genai.Client(vertexai=True, project="p")
    genai.Client(vertexai=True, api_key="k")


@pytest.mark.parametrize(
    ("arguments", "environment", "wanted"),
    [
        ({"api_key": "k"}, {}, ("k", None, None, False)),
        ({"api_key": "k"}, {"GOOGLE_CLOUD_PROJECT": "e"}, ("k", None, None, False)),
        ({"api_key": "k", "project": "p", "location": "l"}, {}, ("k", "p", "l", False)),
        ({}, {"GOOGLE_API_KEY": "k"}, ("k", None, None, False)),
        ({}, {"GOOGLE_API_KEY": "k", "GOOGLE_CLOUD_PROJECT": "e"}, ("", "e", None, True)),
        ({"project": "p"}, {"GOOGLE_API_KEY": "k"}, ("", "p", None, True)),
        ({"project": "p"}, {"GOOGLE_CLOUD_PROJECT": "e", "GOOGLE_CLOUD_LOCATION": "f"}, ("", "p", "f", True)),
        ({"credentials": Plain(), "project": "p"}, {"GOOGLE_API_KEY": "k"}, ("", "p", None, True)),
    ],
)
def test_who_calls_is_found(
    monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], environment: dict[str, str], wanted: Any
) -> None:
    """Arguments go before the environment, credentials and projects before the key of the environment."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings(vertexai=True, **arguments)
    assert (settings.api_key, settings.project, settings.location, settings.tokens is not None) == wanted


@pytest.mark.parametrize(
    "arguments",
    [
        {"vertexai": True, "api_key": "k", "credentials": Plain()},
        {"api_key": "k", "project": "p"},
        {"api_key": "k", "location": "l"},
        {"credentials": Plain()},
    ],
)
def test_what_does_not_fit_is_refused(arguments: dict[str, Any]) -> None:
    """Two ways to say who calls, or Vertex AI's arguments without Vertex AI, are a UsageError."""
    with pytest.raises(UsageError):
        genai.Client(**arguments)


def test_a_gateway_may_sign_itself(side: Any) -> None:
    """With another base URL, and nothing that says who calls, nothing is added to the requests."""
    with Server(whole) as server:
        side.ask(genai.Client(vertexai=True, http_options={"base_url": server.url}))
        (request,) = server.requests
        assert request.path == "/v1beta1/publishers/google/models/m:generateContent"
        assert {"authorization", "x-goog-api-key"}.isdisjoint(request.headers)


def test_express_mode_sends_the_key(side: Any, cloud: Cloud) -> None:
    """With a key, no token is asked for, and the path has no project."""
    side.ask(genai.Client(vertexai=True, api_key="k", http_options={"base_url": cloud.server.url}))
    assert (cloud.issued, cloud.tokens) == (0, [None])
    assert cloud.asked[0].headers["x-goog-api-key"] == "k"
    assert cloud.asked[0].path == "/v1beta1/publishers/google/models/m:generateContent"


def test_the_page_about_vertex_is_true(
    cloud: Cloud, account_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The Python of the page runs from top to bottom, with application default credentials and with an account."""
    monkeypatch.chdir(account_file.parent)
    monkeypatch.setenv("GOOGLE_VERTEX_BASE_URL", cloud.server.url)
    run_page("vertex.md")
    assert capsys.readouterr().out == "Hello world\n" * 2
    assert cloud.tokens == ["Bearer token-1", "Bearer token-2"]


def test_google_auth_is_loaded_when_it_is_needed() -> None:
    """Neither the package nor a client that has a key loads it."""
    import subprocess

    code = (
        "from headwater import genai; import sys; genai.Client(api_key='k'); genai.Client(vertexai=True, api_key='k');"
        "print([name for name in sys.modules if name.startswith('google.auth')])"
    )
    told = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (told.stdout.strip(), told.stderr) == ("[]", "")
