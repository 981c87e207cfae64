"""A page without any library, and the endpoint that its ``EventSource`` reads: plain text, as it arrives.

Run it with ``uvicorn examples.web.event_source:app`` and open http://127.0.0.1:8000.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from headwater import genai
from headwater.protocols import PlainText, aencoded

client = genai.Client()
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>A story</title>
<form>Tell me a story about <input name="about" value="a river"> <button>Tell</button></form>
<p id="story" style="white-space: pre-wrap"></p>
<script>
  let source;
  document.querySelector("form").onsubmit = (event) => {
    event.preventDefault();
    source?.close();  // which stops the answer before
    story.textContent = "";
    source = new EventSource("/story?" + new URLSearchParams(new FormData(event.target)));
    source.onmessage = ({ data }) => story.append(data);
    source.addEventListener("end", () => source.close());
    source.addEventListener("failed", ({ data }) => { source.close(); story.append(JSON.parse(data).error.message); });
  };
</script>"""


async def page(request: Request) -> Response:
    """Return the page."""
    return HTMLResponse(PAGE)


async def story(request: Request) -> Response:
    """Stream a story; it stops when the page leaves."""
    about = request.query_params.get("about")
    if not about:
        return PlainTextResponse("Say what the story is about: /story?about=a+river", 400)
    if "last-event-id" in request.headers:  # the line broke, and the EventSource is back: another story is no help
        return Response(status_code=204)
    stream = await client.aio.models.generate_content_stream(
        model="gemini-3.8-flash", contents=f"Tell me a story about {about}."
    )
    return StreamingResponse(aencoded(stream, PlainText()), headers=dict(PlainText.headers))


app = Starlette(routes=[Route("/", page), Route("/story", story)])
