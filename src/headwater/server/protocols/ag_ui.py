"""AG-UI agents: CopilotKit and ``@ag-ui/client``. Threads are kept by the client, so nothing is saved here."""

from __future__ import annotations

import msgspec

from headwater.contract.defaults import DEFAULT_MODEL
from headwater.engines.base import EngineRequest
from headwater.protocols.ag_ui.encoder import AgUi
from headwater.protocols.ag_ui.input import read_run
from headwater.server.protocols.base import FrontEndProtocol, ProtocolRequest, StoredAnswer, relay_route
from headwater.server.streams.routing import model_name

PATH = "/api/ag-ui"
#: Fields of the Gemini API that an application may put into ``forwardedProps`` of its ``RunAgentInput``.
_FORWARDED = ("generationConfig", "toolConfig", "safetySettings")


def read_request(body: bytes) -> ProtocolRequest:
    """Return what a ``RunAgentInput`` asks for.

    Raises:
        UsageError: if the body is invalid.
    """
    run = read_run(body)
    forwarded = run.forwarded if isinstance(run.forwarded, dict) else {}
    model = model_name(str(forwarded.get("model") or DEFAULT_MODEL))
    fields = {name: forwarded[name] for name in _FORWARDED if name in forwarded}
    request = EngineRequest(model, msgspec.json.encode({**fields, **run.request}))
    return ProtocolRequest(request, AgUi(thread_id=run.thread_id, run_id=run.run_id))


def _encoder(answer: StoredAnswer) -> AgUi:
    """An encoder for a stored stream, which has no ``RunAgentInput`` to take the ids from."""
    return AgUi(thread_id=answer.derived_id("thread"), run_id=answer.derived_id("run"), model=answer.model)


AG_UI = FrontEndProtocol(
    name="ag-ui",
    encoder=_encoder,
    routes=(relay_route(PATH, "runAgent", "Run an AG-UI agent: a RunAgentInput in, events out.", read_request),),
)
