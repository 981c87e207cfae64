"""The clients; ``ApiClient`` is the private part that google-genai's tests make a mock of."""

from unittest import mock

from headwater.client.client import AsyncClient as AsyncClient
from headwater.client.client import Client as RealClient

ApiClient = type("ApiClient", (), {"vertexai": False})


class Client(RealClient):
    """A client whose credentials for Vertex AI nobody looks for."""

    def __init__(self, **arguments: object) -> None:
        if arguments.get("vertexai"):
            arguments.setdefault("credentials", mock.Mock())
        super().__init__(**arguments)  # type: ignore[arg-type]

    @property
    def _api_client(self) -> object:
        return self
