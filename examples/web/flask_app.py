"""Flask: the endpoint of a page with ``useChat``, in sync code.

Run it with ``flask --app examples.web.flask_app run --port 8000``: a thread for each request.
"""

from flask import Flask, Response, request

from headwater import genai
from headwater.errors import UsageError
from headwater.protocols import AiSdk, encoded, read_messages

client = genai.Client()
app = Flask(__name__)


@app.post("/api/chat")
def chat() -> Response:
    """Stream the answer to a page's messages; it stops when the page leaves."""
    try:
        conversation = read_messages(request.data)
    except UsageError as error:
        return Response(str(error), 400, mimetype="text/plain")
    stream = client.models.generate_content_stream(model="gemini-3.8-flash", contents=conversation.contents)
    return Response(encoded(stream, AiSdk()), headers=dict(AiSdk.headers))
