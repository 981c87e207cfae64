"""``ChatAnswer``: the events of one chat stream, one after another, to chunks of the Gemini API."""

# Theory of operation
#
# A chat server sends deltas; the Gemini API sends chunks whose parts are whole. Most deltas are text, and one delta is
# one chunk. What has to be remembered between events is little, and all of it is here: for each choice the function
# calls that are not complete (``CallAssembler``), text that may turn out to be a tag or a frame (``AnswerText``), and
# what belongs on the last chunk; for the answer its id, its model, and its token counts.
#
# The order that matters:
# * A delta's thought comes before its text, and its text before its calls: so they were generated.
# * The chunk with a finish reason is the last one with content of its choice. What was held back is given out in it.
# * Token counts follow the finish reason in an event without choices (OpenAI), come with it (Mistral), in every event
#   (Databricks), or in a second event with a finish reason (OpenRouter). The last ones count, and none are added up.
#
# What an event without content is worth: a role, a ping, progress or a filter result makes no result at all, so the
# deadline of the first content is not moved by it. A piece of a function call, or a thought that the client does not
# want, is ``PROGRESS``: content has arrived, and there is nothing to show yet.
#
# What cannot happen: a finish reason that the server did not give. A stream that ends without one, whatever ``[DONE]``
# says, is cut, and its function calls are not given out, since the last of them may be half.

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, final

import msgspec

from headwater.core.wire.openai.answer_text import AnswerText
from headwater.core.wire.openai.chat_arguments import ArgumentPieces
from headwater.core.wire.openai.chat_calls import CallAssembler, StreamedCall, made_id
from headwater.core.wire.openai.chat_events import ChatChoice, ChatDelta, ChatEvent
from headwater.core.wire.openai.chat_extras import grounding, images, logprobs_result, safety_ratings, web_citations
from headwater.core.wire.openai.chat_state import OpaqueState
from headwater.core.wire.openai.chat_tables import GEMINI_REASONS
from headwater.core.wire.openai.chat_usage import usage_metadata, usage_of_timings
from headwater.core.wire.openai.think_tags import ThinkTagsMode

#: A server that counts further counts something else.
_MOST_CHOICES: Final = 1000


@final
class ChatProgress:
    """Content has arrived that is not a chunk yet."""


PROGRESS: Final = ChatProgress()
#: The server has said that nothing follows. The body is read to its end all the same, so that its connection can serve
#: again.
SERVER_DONE: Final = ChatProgress()


class TranslatedChunk(msgspec.Struct):
    """A chunk of the Gemini API as plain JSON. ``is_end`` says that every choice that began has a finish reason."""

    document: dict[str, Any]
    is_end: bool = False

    @property
    def raw(self) -> bytes:
        """The JSON of the chunk."""
        return msgspec.json.encode(self.document)

    def absorb(self, later: TranslatedChunk) -> None:
        """Add what followed: the Gemini API sends finish reason and token counts together, in its last chunk."""
        candidates = self.document.setdefault("candidates", [])
        known = {one["index"]: one for one in candidates}
        for candidate in later.document.get("candidates", ()):
            same = known.get(candidate["index"])
            if same is None:
                candidates.append(candidate)
                continue
            parts = [part for one in (same, candidate) for part in one["content"]["parts"] if part != {"text": ""}]
            same |= candidate
            same["content"] = {"parts": parts or [{"text": ""}], "role": "model"}
        if "usageMetadata" in later.document:
            self.document["usageMetadata"] = later.document["usageMetadata"]


class ChatOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the request says about how its answer is to be read.

    ``tool_names`` maps the names of functions that had to be changed for the server back. ``frame`` says what the
    server was made to put around the value that was asked for: an object with one key, or quotes. ``prefill`` is the
    text that the answer continues, which some servers repeat. ``engine`` marks what only this engine can read.
    """

    model: str = ""
    include_thoughts: bool = False
    think_tags: ThinkTagsMode = "auto"
    tool_names: Mapping[str, str] = {}
    frame: str = ""
    prefill: str = ""
    engine: str = ""
    keeps_reasoning: bool = False
    #: Whether the client wants the arguments of calls while they arrive.
    streams_arguments: bool = False
    #: Whether each event has the counts so far in llama.cpp's ``timings``.
    counts_timings: bool = False


class ChatAnswer:
    """One answer. Lives as long as the body that it arrives in."""

    def __init__(self, options: ChatOptions) -> None:
        self._options = options
        self._choices: dict[int, _ChoiceState] = {}
        self._head: dict[str, Any] = {}
        self._created: int | None = None
        self._usage: Any = None
        self._citations: list[Any] = []

    @property
    def is_ended(self) -> bool:
        """Whether every choice that began has a finish reason."""
        return bool(self._choices) and all(choice.reason for choice in self._choices.values())

    def feed(self, event: ChatEvent) -> list[TranslatedChunk | ChatProgress]:
        """Return what an event adds."""
        if event.id and "responseId" not in self._head:
            self._remember(event)
        if isinstance(event.citations, list):
            self._citations = event.citations
        candidates, has_progress = [], False
        for entry in event.choices or ():
            choice = self._choice(entry.index)
            candidate = choice.feed(entry, self)
            has_progress |= choice.has_progress
            if candidate is not None:
                candidates.append(candidate)
        usage = self._usage_of(event)
        if candidates or usage is not None:
            return [self._chunk(candidates, usage)]
        return [PROGRESS] if has_progress else []

    def flush(self) -> list[TranslatedChunk | ChatProgress]:
        """Return the text that was held back, at the end of a body that was cut."""
        rests = [choice.rest() for choice in self._choices.values()]
        candidates = [rest for rest in rests if rest is not None]
        return [self._chunk(candidates, None)] if candidates else []

    def settle(self) -> list[TranslatedChunk | ChatProgress]:
        """Return what the server's own end of the stream adds: choices that it forgot to finish (LiteLLM) are ended.

        Not if the first choice is one of them: then the answer was cut.
        """
        first = self._choices.get(0)
        if self.is_ended or first is None or not first.reason:
            return self.flush()
        return [self._chunk([choice.forgotten() for choice in self._choices.values() if not choice.reason], None)]

    def call_id(self, call: StreamedCall) -> str:
        """Return the id of a call; one that has none gets one that depends on its place alone."""
        return call.id or made_id(self._head.get("responseId", ""), self._created, call.number, call.name)

    def web_sources(self) -> dict[str, Any] | None:
        """Return the grounding metadata for pages that a server lists beside its choices (Perplexity)."""
        return grounding([{"uri": url} for url in self._citations if isinstance(url, str)])

    def _remember(self, event: ChatEvent) -> None:
        """Take the id and the model of the answer from the first event that has them."""
        self._head = {"modelVersion": str(event.model or self._options.model), "responseId": str(event.id)}
        created = event.created
        if isinstance(created, int | float) and not isinstance(created, bool) and 0 < created < 1e11:
            self._created = int(created)

    def _choice(self, index: Any) -> _ChoiceState:
        number = index if type(index) is int and 0 <= index < _MOST_CHOICES else 0
        found = self._choices.get(number)
        if found is None:
            found = self._choices[number] = _ChoiceState(number, self._options)
        return found

    def _usage_of(self, event: ChatEvent) -> dict[str, Any] | None:
        """The token counts of an event, None where they are not new."""
        usage = event.usage
        if not usage and isinstance(event.x_groq, dict):
            usage = event.x_groq.get("usage")
        if not usage and event.timings and self._options.counts_timings:
            usage = usage_of_timings(event.timings)
        if not usage or usage == self._usage:
            return None
        self._usage = usage
        return usage_metadata(usage)

    def _chunk(self, candidates: list[dict[str, Any]], usage: dict[str, Any] | None) -> TranslatedChunk:
        document: dict[str, Any] = {"candidates": candidates} if candidates else {}
        if usage is not None:
            document["usageMetadata"] = usage
        document["modelVersion"] = self._head.get("modelVersion") or self._options.model
        if "responseId" in self._head:
            document["responseId"] = self._head["responseId"]
        if self._created is not None:
            document["createTime"] = _timestamp(self._created)
            self._created = None  # once is enough
        return TranslatedChunk(document, self.is_ended)


class _ChoiceState:
    """One choice so far."""

    def __init__(self, index: int, options: ChatOptions) -> None:
        self.index = index
        self.reason = ""
        self.has_progress = False
        self._options = options
        self._text = AnswerText(options.prefill, options.think_tags, options.frame)
        self._calls = CallAssembler()
        self._refusal: list[str] = []
        self._citations: list[dict[str, Any]] = []
        self._ratings: list[dict[str, Any]] | None = None
        self._state = OpaqueState(options.engine, keeps_reasoning=options.keeps_reasoning)
        self._streaming: StreamedCall | None = None

    def feed(self, entry: ChatChoice, answer: ChatAnswer) -> dict[str, Any] | None:
        """Return the candidate of the next chunk, None if the event adds nothing to show."""
        delta, parts = entry.delta or entry.message, list[dict[str, Any]]()
        self.has_progress = False
        if delta is not None:
            self._add(delta, parts, answer)
        extra: dict[str, Any] = {}
        if entry.logprobs and (result := logprobs_result(entry.logprobs)):
            extra["logprobsResult"] = result
        if entry.content_filter_results:
            self._ratings = safety_ratings(entry.content_filter_results) or self._ratings
        # "" stands for null at some servers; "error" is no end but an error, which the dialect reports.
        word = "" if entry.finish_reason in (None, "error") else str(entry.finish_reason)
        if (word and word != self.reason) or (self.reason and self._calls.calls):  # a call may be late
            self._finish(word or self.reason, parts, extra, answer)
        if not parts and not extra:
            return None
        return self._candidate(parts, extra)

    def rest(self) -> dict[str, Any] | None:
        """Return the text that was held back; None if nothing was."""
        parts = self._shown(self._text.flush())
        return self._candidate(parts, {}) if parts else None

    def forgotten(self) -> dict[str, Any]:
        """Return the end of a choice whose finish reason the server left out: not one that says that it is whole."""
        self.reason = "unknown"
        extra = {"finishReason": "OTHER", "finishMessage": "the server gave no finish reason"}
        return self._candidate(self._shown(self._text.flush()), extra)

    def _add(self, delta: ChatDelta, parts: list[dict[str, Any]], answer: ChatAnswer) -> None:
        content = delta.content
        if type(content) is str and content and delta.reasoning is None and delta.reasoning_content is None:
            if self._text.is_plain:  # nearly every event of nearly every stream
                parts.append({"text": content})
            else:
                parts += self._shown(self._text.feed(content))
        else:
            self._add_content(delta, parts)
        if delta.tool_calls:
            parts += self._call_pieces(delta.tool_calls, answer)
        if delta.refusal or delta.reasoning_details or delta.images or delta.audio:
            self._add_rare(delta, parts)
        if delta.function_call or delta.annotations or delta.extra_content:
            self._add_others(delta)

    def _call_pieces(self, pieces: Any, answer: ChatAnswer) -> list[dict[str, Any]]:
        """Take pieces of calls; return what is shown at once, if the client wants arguments while they arrive."""
        self.has_progress = True
        parts: list[dict[str, Any]] = []
        for piece in pieces if isinstance(pieces, list) else ():
            call = self._calls.feed(piece)
            if call is not None and self._options.streams_arguments and call.name:
                parts += self._stream(call, answer)
        return parts

    def _stream(self, call: StreamedCall, answer: ChatAnswer) -> list[dict[str, Any]]:
        """What is new of a call whose arguments are given out while they arrive."""
        found: list[dict[str, Any]] = []
        shown: dict[str, Any] = {}
        if call.pieces is None:
            found += self._end_call()
            self._streaming, call.pieces = call, ArgumentPieces()
            shown = {"id": answer.call_id(call), "name": self._name(call)}
        pieces = call.new_pieces() if call is self._streaming else []
        if pieces:
            shown["partialArgs"] = pieces
        return [*found, {"functionCall": shown | {"willContinue": True}}] if shown else found

    def _end_call(self) -> list[dict[str, Any]]:
        """The end of the call that is given out while it arrives, if there is one."""
        call, self._streaming = self._streaming, None
        if call is None or call.pieces is None:
            return []
        return [{"functionCall": {"partialArgs": call.pieces.finish(), "willContinue": False}}]

    def _name(self, call: StreamedCall) -> str:
        return self._options.tool_names.get(call.name, call.name)

    def _add_content(self, delta: ChatDelta, parts: list[dict[str, Any]]) -> None:
        text, thought = _texts(delta.content)
        # Servers that send both names send the same text twice.
        named = next((one for one in (delta.reasoning_content, delta.reasoning) if isinstance(one, str) and one), "")
        thought = named or thought
        if thought:
            self._state.add_reasoning(thought)
            parts += self._shown([(True, thought)])
        if text:
            parts += self._shown(self._text.feed(text))

    def _add_rare(self, delta: ChatDelta, parts: list[dict[str, Any]]) -> None:
        if isinstance(delta.refusal, str) and delta.refusal:
            self._refusal.append(delta.refusal)
            parts.append({"text": delta.refusal})
        if delta.reasoning_details:
            self._state.add_details(delta.reasoning_details)
            self.has_progress = True
        parts += images(delta.images, delta.audio)

    def _add_others(self, delta: ChatDelta) -> None:
        if isinstance(delta.function_call, dict):  # the form before ``tool_calls``
            self._calls.feed({"index": 0, "function": delta.function_call})
            self.has_progress = True
        self._citations += web_citations(delta.annotations)
        self._state.add_google(delta.extra_content)

    def _shown(self, texts: list[tuple[bool, str]]) -> list[dict[str, Any]]:
        """Text as parts; thoughts only if they were asked for, but they count as content."""
        self.has_progress |= bool(texts)
        with_thoughts = self._options.include_thoughts
        return [
            {"text": text, "thought": True} if is_thought else {"text": text}
            for is_thought, text in texts
            if with_thoughts or not is_thought
        ]

    def _finish(self, word: str, parts: list[dict[str, Any]], extra: dict[str, Any], answer: ChatAnswer) -> None:
        """Append what was held back, and say how the choice ended."""
        is_first = not self.reason
        self.reason = word
        reason = GEMINI_REASONS.get(word.lower(), "OTHER")
        message = "" if reason != "OTHER" else word
        parts += self._shown(self._text.flush())
        calls = self._calls.take()
        is_broken = any(call.args() is None for call in calls)
        if is_broken and reason == "STOP":
            reason, message = "MALFORMED_FUNCTION_CALL", _broken(calls)
        else:  # at its limit, the model may have been cut in the last call: those before it are whole
            parts += self._end_call() if not is_broken else []
            whole = [call for call in calls if call.pieces is None]
            parts += [part for call in whole if (part := self._call_part(call, answer)) is not None]
        if self._refusal and reason == "STOP":
            reason, message = "SAFETY", "refusal"
        if is_first:
            self._state.sign(parts)
            extra.update(self._sources(answer))
        extra["finishReason"] = reason
        if message:
            extra["finishMessage"] = message
        if self._ratings and reason == "SAFETY":
            extra["safetyRatings"] = self._ratings

    def _sources(self, answer: ChatAnswer) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._citations:
            found["citationMetadata"] = {"citationSources": self._citations}
        sources = grounding(self._citations) or answer.web_sources()
        if sources is not None:
            found["groundingMetadata"] = sources
        return found

    def _call_part(self, call: StreamedCall, answer: ChatAnswer) -> dict[str, Any] | None:
        args = call.args()
        if args is None:
            return None
        shown = {"id": answer.call_id(call), "name": self._name(call), "args": args}
        part: dict[str, Any] = {"functionCall": shown}
        if call.extra:
            self._state.sign_call(part, call.extra)
        return part

    def _candidate(self, parts: list[dict[str, Any]], extra: dict[str, Any]) -> dict[str, Any]:
        # The Gemini API sends an empty text with a finish reason: programs loop over the parts of every chunk.
        return {"content": {"parts": parts or [{"text": ""}], "role": "model"}, **extra, "index": self.index}


def _texts(content: Any) -> tuple[str, str]:
    """The text and the thought in ``content``: a string, or a list of parts (Mistral)."""
    if isinstance(content, str):
        return content, ""
    text, thought = list[str](), list[str]()
    for part in content if isinstance(content, list) else ():
        if not isinstance(part, dict):
            continue
        if part.get("type") in ("text", None) and isinstance(part.get("text"), str):
            text.append(part["text"])
        elif part.get("type") == "thinking":
            thought.append(_texts(part.get("thinking"))[0])
        elif part.get("type") == "reasoning":  # Databricks
            thought += [str(one.get("text", "")) for one in part.get("summary") or () if isinstance(one, dict)]
    return "".join(text), "".join(thought)


def _broken(calls: list[StreamedCall]) -> str:
    texts = [f"{call.name}({''.join(call.arguments)[:200]})" for call in calls if call.args() is None]
    return "the arguments are not a JSON object: " + "; ".join(texts)


def _timestamp(created: int) -> str:
    return datetime.fromtimestamp(created, UTC).isoformat().replace("+00:00", "Z")
