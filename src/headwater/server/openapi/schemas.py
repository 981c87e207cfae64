"""The schemas of the description: headwater's own resources from their Structs, the Gemini API's by hand.

The latter are sketches on purpose. Requests and chunks pass through the server unparsed, so it accepts fields that it
does not know; Google describes them in full.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from headwater.contract.streams import ON_SERVER_BREAK, StreamDocument
from headwater.server.chats.endpoint import AnswerOptions, ChatChanges
from headwater.server.chats.model import ChatDraft, ChatRecord, ChatTree, Message
from headwater.server.openapi.builders import ANY, NUMBER, REF, TEXT, list_of, object_of, ref

#: A text, an object or a list.
ANY_JSON: dict[str, Any] = {}
#: The Structs that requests are parsed into and responses are made of.
_STRUCTS = (StreamDocument, ChatTree, ChatRecord, Message, ChatDraft, ChatChanges, AnswerOptions)

_GEMINI: dict[str, Any] = {
    "Empty": object_of(),
    "Part": ANY | {"properties": {"text": TEXT, "thought": {"type": "boolean"}, "inlineData": ANY, "fileData": ANY}},
    "Content": object_of(role=TEXT, parts=list_of("Part")),
    "GenerateContentRequest": object_of(
        "contents",
        contents=list_of("Content"),
        systemInstruction=ref("Content"),
        generationConfig=ANY,
        tools={"type": "array", "items": ANY},
        toolConfig=ANY,
        safetySettings={"type": "array", "items": ANY},
    ),
    "Candidate": object_of(content=ref("Content"), finishReason=TEXT, index=NUMBER),
    "GenerateContentResponse": object_of(
        candidates=list_of("Candidate"), usageMetadata=ANY, modelVersion=TEXT, responseId=TEXT, promptFeedback=ANY
    ),
    "CountTokensResponse": object_of(totalTokens=NUMBER),
    "Model": object_of(name=TEXT, displayName=TEXT, description=TEXT, inputTokenLimit=NUMBER, outputTokenLimit=NUMBER),
    "ListModelsResponse": object_of(models=list_of("Model"), nextPageToken=TEXT),
    "EmbedContentRequest": object_of(
        "content", content=ref("Content"), model=TEXT, taskType=TEXT, title=TEXT, outputDimensionality=NUMBER
    ),
    "EmbedRequests": object_of("requests", requests=list_of("EmbedContentRequest")),
    "Embedding": object_of(values={"type": "array", "items": {"type": "number"}}, statistics=ANY),
    "EmbedContentResponse": object_of(embedding=ref("Embedding"), usageMetadata=ANY),
    "BatchEmbedResponse": object_of(embeddings=list_of("Embedding"), usageMetadata=ANY),
    "PredictRequest": object_of("instances", instances={"type": "array", "items": ANY}, parameters=ANY),
    "PredictResponse": object_of(predictions={"type": "array", "items": ANY}, metadata=ANY),
    "ComputeTokensRequest": object_of("contents", contents=list_of("Content")),
    "ComputeTokensResponse": object_of(tokensInfo={"type": "array", "items": ANY}),
    "CacheLifetime": object_of(ttl=TEXT, expireTime=TEXT),
    "CachedContentDraft": object_of(
        "model",
        model=TEXT,
        displayName=TEXT,
        contents=list_of("Content"),
        systemInstruction=ref("Content"),
        tools={"type": "array", "items": ANY},
        toolConfig=ANY,
        ttl=TEXT,
        expireTime=TEXT,
    ),
    "CachedContent": object_of(
        name=TEXT,
        model=TEXT,
        displayName=TEXT,
        createTime=TEXT,
        updateTime=TEXT,
        expireTime=TEXT,
        usageMetadata=ANY,
    ),
    "ListCachedContentsResponse": object_of(cachedContents=list_of("CachedContent"), nextPageToken=TEXT),
    "RegisterFilesRequest": object_of("uris", uris={"type": "array", "items": TEXT}),
    "RegisterFilesResponse": object_of(files=list_of("File")),
    "File": object_of(
        name=TEXT,
        displayName=TEXT,
        mimeType=TEXT,
        sizeBytes=TEXT,
        createTime=TEXT,
        expirationTime=TEXT,
        sha256Hash=TEXT,
        uri=TEXT,
        state=TEXT,
    ),
    "UploadedFile": object_of(file=ref("File")),
    "ListFilesResponse": object_of(files=list_of("File"), nextPageToken=TEXT),
    "InteractionRequest": object_of(
        "model",
        model=TEXT,
        input=ANY_JSON,
        stream={"type": "boolean"},
        background={"type": "boolean"},
        store={"type": "boolean"},
        previous_interaction_id=TEXT,
        system_instruction=TEXT,
        generation_config=ANY,
        tools={"type": "array", "items": ANY},
        response_format=ANY_JSON,
    ),
    "Interaction": object_of(
        "id",
        "status",
        id=TEXT,
        status=TEXT,
        model=TEXT,
        created=TEXT,
        updated=TEXT,
        previous_interaction_id=TEXT,
        usage=ANY,
        steps={"type": "array", "items": ANY},
        errors={"type": "array", "items": ANY},
    ),
    "InteractionError": object_of("error", error=object_of("code", "message", code=TEXT, message=TEXT)),
    "Error": object_of("error", error=object_of("code", "message", code=NUMBER, message=TEXT, status=TEXT)),
}
#: Requests that are the API's with fields of ours, and small objects around our resources.
_COMPOSED: dict[str, Any] = {
    "StreamRequest": object_of(
        "model",
        "contents",
        model=TEXT,
        contents=list_of("Content"),
        engine=TEXT,
        on_break={"enum": list(ON_SERVER_BREAK)},
    ),
    "StreamList": object_of("streams", streams=list_of(StreamDocument), nextPageToken=TEXT),
    "Link": object_of("url", url=TEXT),
    "ChatList": object_of("chats", chats=list_of(ChatRecord), nextPageToken=TEXT),
    "AnswerRequest": {"allOf": [ref(AnswerOptions), object_of(systemInstruction=ref("Content"), generationConfig=ANY)]},
    "StartedAnswer": object_of("chat", "answer", chat=ref(ChatRecord), message=ref(Message), answer=ref(Message)),
}


@cache
def schemas() -> dict[str, Any]:
    """Return all schemas, by name."""
    # Cached, since generating takes some milliseconds and never changes.
    _, own = msgspec.json.schema_components(_STRUCTS, ref_template=REF)
    return own | _GEMINI | _COMPOSED
