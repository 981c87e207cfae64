"""The endpoint of cached contents: create, list, get, change and delete."""

from __future__ import annotations

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from headwater.json_text import decode_json
from headwater.server.gemini.caches import ServerCaches
from headwater.server.gemini.endpoint import VERSIONS
from headwater.server.http.auth import Auth
from headwater.server.http.body import read_request_body
from headwater.server.http.middleware import add_log_fields
from headwater.server.http.offload import run_sized
from headwater.server.http.paging import page_document, parse_page
from headwater.server.http.responses import json_response
from headwater.server.streams.routing import EngineRouter

#: The Developer API's place and Vertex AI's.
_SCOPES = ("", "/projects/{project}/locations/{location}")


class CachesEndpoint:
    """The handlers of cached contents. They raise errors that the application turns into responses."""

    def __init__(self, caches: ServerCaches, engines: EngineRouter, auth: Auth) -> None:
        self._caches = caches
        self._engines = engines
        self._auth = auth

    def routes(self) -> list[Route]:
        """Return the routes for all versions, with and without a project."""
        routes = []
        for place in (f"{version}{scope}/cachedContents" for version in VERSIONS for scope in _SCOPES):
            routes += [
                Route(place, self._create, methods=["POST"]),
                Route(place, self._list, methods=["GET"]),
                Route(place + "/{name}", self._get, methods=["GET"]),
                Route(place + "/{name}", self._update, methods=["PATCH"]),
                Route(place + "/{name}", self._delete, methods=["DELETE"]),
            ]
        return routes

    async def _create(self, http: HttpRequest) -> Response:
        principal = self._auth.identify(http)
        body = await read_request_body(http, self._auth.limits)
        document = await run_sized(len(body), decode_json, body, "Invalid JSON payload received.")
        model = document.get("model") if isinstance(document, dict) else None
        engine = self._engines.for_model(model.rpartition("/")[2] if isinstance(model, str) else "")
        add_log_fields(http.scope, model=str(model)[:200], engine=engine.name)
        params = http.path_params
        scope = f"projects/{params['project']}/locations/{params['location']}/" if "project" in params else ""
        # A creation may be passed on, and counts as an answer then.
        with self._auth.quotas.stream(principal):
            return json_response(await self._caches.create(principal, engine, body, scope))

    async def _list(self, http: HttpRequest) -> Response:
        principal = self._auth.identify(http)
        start, size = parse_page(http, default=100, limit=1000)
        caches = self._caches.list(principal)
        return json_response(page_document("cachedContents", caches, start, size) if caches else {})

    async def _get(self, http: HttpRequest) -> Response:
        principal = self._auth.identify(http)
        return json_response(await self._caches.get(principal, http.path_params["name"]))

    async def _update(self, http: HttpRequest) -> Response:
        principal = self._auth.identify(http)
        body = await read_request_body(http, self._auth.limits)
        return json_response(await self._caches.update(principal, http.path_params["name"], body))

    async def _delete(self, http: HttpRequest) -> Response:
        principal = self._auth.identify(http)
        await self._caches.delete(principal, http.path_params["name"])
        return json_response({})
