"""Django, in one file: the endpoint of a page with ``useChat``. In a project, take the view and its path.

Run it with ``uvicorn examples.web.django_app:app``: an async view streams under ASGI only.
"""

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import path
from django.views.decorators.http import require_POST

from headwater import genai
from headwater.errors import UsageError
from headwater.protocols import AiSdk, aencoded, read_messages

settings.configure(ALLOWED_HOSTS=["localhost", "127.0.0.1"], ROOT_URLCONF=__name__)
client = genai.Client()


@require_POST
async def chat(request: HttpRequest) -> HttpResponseBase:
    """Stream the answer to a page's messages; it stops when the page leaves."""
    try:
        conversation = read_messages(request.body)
    except UsageError as error:
        return HttpResponse(str(error), "text/plain", 400)
    stream = await client.aio.models.generate_content_stream(model="gemini-3.8-flash", contents=conversation.contents)
    return StreamingHttpResponse(aencoded(stream, AiSdk()), headers=dict(AiSdk.headers))


urlpatterns = [path("api/chat", chat)]
app = get_asgi_application()
