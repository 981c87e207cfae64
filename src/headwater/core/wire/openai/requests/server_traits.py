"""``ServerTraits``: what chat servers differ in, as a table of presets in which every entry can be overridden."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import msgspec

from headwater.core.wire.openai.think_tags import ThinkTagsMode
from headwater.errors import UsageError

#: Settings of an engine that are no traits of its server: they are read elsewhere, and may be misspelled as well.
_NO_TRAITS: Final = ("default", "models", "model", "preset", "first_content", "content_gap", "byte_gap", "total")


class ServerTraits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one chat server wants to be asked. The defaults are what most servers accept."""

    #: Its address and the variable with its key, where both are known.
    url: str = ""
    key_env: str = ""
    #: The header that has the key: ``Authorization: Bearer KEY``, or this header with the key alone.
    key_header: Literal["authorization", "api-key", "x-api-key"] = "authorization"
    #: Other headers of each request.
    headers: dict[str, str] = {}
    #: More fields for the body of each request; they win over everything else.
    extra_body: dict[str, Any] = {}
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    seed_field: str = "seed"
    #: Whether ``stream_options`` is sent, which asks for token counts.
    usage_option: bool = True
    #: How it counts in the middle of an answer, as the Gemini API does in every chunk, if it can.
    running_usage: Literal["no", "timings", "continuous"] = "no"
    system_role: Literal["system", "developer"] = "system"
    #: How thinking is switched: by ``reasoning_effort``, by ``thinking.type``, by arguments of the chat template, by
    #: OpenRouter's ``reasoning``, or not at all.
    thinking: Literal["effort", "type", "template", "openrouter", "none"] = "effort"
    #: The field in which the server wants its thoughts back with the calls that followed them.
    reasoning_back: Literal["none", "reasoning_content", "reasoning", "reasoning_details"] = "none"
    think_tags: ThinkTagsMode = "auto"
    #: Whether it takes a JSON schema: any, with an object at its root only, as a text in the prompt, or none.
    json_schema: Literal["yes", "object-root", "prompt", "no"] = "yes"
    #: What an id of a call looks like; Mistral wants nine letters.
    tool_ids: Literal["any", "nine"] = "any"
    #: Whether it obeys ``tool_choice``; whether with the name of one function, or of several.
    tool_choice: bool = True
    named_choice: bool = False
    allowed_tools: bool = False
    top_k: bool = False
    #: Whether it gives several answers to one request (``n``).
    several_choices: bool = True
    max_stops: int = 16
    #: How an answer is begun for the model: not at all, by an assistant's turn at the end, with vLLM's two fields, or
    #: with ``prefix`` in that turn. Whether the server then repeats it.
    prefill: Literal["none", "plain", "continue", "prefix"] = "none"
    repeats_prefill: bool = False
    #: Whether neighboring turns of the user are sent as one, since the server's templates refuse two.
    merges_turns: bool = False
    #: The media that it reads, and whether it is sent URLs to fetch. One that runs in your network could be made to
    #: fetch what clients cannot reach themselves.
    images: bool = True
    fetches_urls: bool = False
    audio: bool = False
    pdf: bool = False
    video: bool = False
    #: Whether it makes images.
    image_output: bool = False
    #: Whether it takes ``metadata``, ``store`` and ``service_tier``.
    account_fields: bool = False
    #: How it counts tokens, if it does.
    counts_tokens: Literal["no", "llamacpp", "vllm"] = "no"


_OPENAI = ServerTraits(
    url="https://api.openai.com/v1",
    key_env="OPENAI_API_KEY",
    max_tokens_field="max_completion_tokens",
    json_schema="object-root",
    named_choice=True,
    allowed_tools=True,
    max_stops=4,
    fetches_urls=True,
    audio=True,
    pdf=True,
    think_tags="off",
    account_fields=True,
)

#: The presets by name. ``generic`` is what is sent to a server that nothing is known of.
PRESETS: Final[Mapping[str, ServerTraits]] = {
    "openai": _OPENAI,
    "azure": msgspec.structs.replace(
        _OPENAI, url="", key_env="AZURE_OPENAI_API_KEY", key_header="api-key", account_fields=False
    ),
    "vllm": ServerTraits(
        url="http://127.0.0.1:8000/v1",
        thinking="template",
        named_choice=True,
        top_k=True,
        prefill="continue",
        merges_turns=True,
        audio=True,
        video=True,
        running_usage="continuous",
        counts_tokens="vllm",
    ),
    "llamacpp": ServerTraits(
        url="http://127.0.0.1:8080/v1",
        thinking="template",
        top_k=True,
        prefill="plain",
        repeats_prefill=True,
        merges_turns=True,
        audio=True,
        running_usage="timings",
        counts_tokens="llamacpp",
    ),
    "ollama": ServerTraits(
        url="http://127.0.0.1:11434/v1",
        several_choices=False,
        tool_choice=False,
        merges_turns=True,
    ),
    "openrouter": ServerTraits(
        url="https://openrouter.ai/api/v1",
        key_env="OPENROUTER_API_KEY",
        thinking="openrouter",
        reasoning_back="reasoning_details",
        named_choice=True,
        top_k=True,
        several_choices=False,
        prefill="plain",
        audio=True,
        pdf=True,
        image_output=True,
        fetches_urls=True,
    ),
    "groq": ServerTraits(
        url="https://api.groq.com/openai/v1",
        key_env="GROQ_API_KEY",
        named_choice=True,
        several_choices=False,
        max_stops=4,
        fetches_urls=True,
    ),
    "mistral": ServerTraits(
        url="https://api.mistral.ai/v1",
        key_env="MISTRAL_API_KEY",
        seed_field="random_seed",
        usage_option=False,
        thinking="none",
        tool_ids="nine",
        named_choice=True,
        prefill="prefix",
        merges_turns=True,
        fetches_urls=True,
    ),
    "deepseek": ServerTraits(
        url="https://api.deepseek.com",
        key_env="DEEPSEEK_API_KEY",
        thinking="type",
        reasoning_back="reasoning_content",
        json_schema="no",
        named_choice=True,
        several_choices=False,
        images=False,
    ),
    "google": ServerTraits(
        url="https://generativelanguage.googleapis.com/v1beta/openai", key_env="GEMINI_API_KEY", think_tags="off"
    ),
    "generic": ServerTraits(),
}

#: How the host of an address (and its port, if it has no name) ends -> the preset of who is there.
_HOSTS: Final = (
    ("api.openai.com", "openai"),
    (".openai.azure.com", "azure"),
    (".cognitiveservices.azure.com", "azure"),
    ("openrouter.ai", "openrouter"),
    ("api.groq.com", "groq"),
    ("api.mistral.ai", "mistral"),
    ("api.deepseek.com", "deepseek"),
    ("generativelanguage.googleapis.com", "google"),
    (":11434", "ollama"),
)


def preset_for(url: str) -> str:
    """Return the preset that an address suggests; ``generic`` if it suggests none."""
    try:
        place = urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:  # not a URL: an IPv6 address without its bracket
        return "generic"
    host = place if place.endswith(":11434") else place.partition(":")[0]
    return next((preset for end, preset in _HOSTS if host == end or host.endswith(_dotted(end))), "generic")


def traits_of(preset: str, overrides: Mapping[str, Any] | None = None) -> ServerTraits:
    """Return the traits of a preset, with some of them overridden.

    Raises:
        UsageError: if there is no such preset or trait, or a trait has another type.
    """
    if preset not in PRESETS:
        raise UsageError(f"there is no preset {preset!r}: choose one of {', '.join(PRESETS)}")
    fields = {**msgspec.structs.asdict(PRESETS[preset]), **(overrides or {})}
    for name in fields:
        if name not in ServerTraits.__struct_fields__:
            raise UsageError(f"the openai engine has no setting {name!r}{_near(name)}")
    try:
        return msgspec.convert(fields, ServerTraits)
    except msgspec.ValidationError as error:
        raise UsageError(f"a setting of the openai engine is wrong: {error}") from None


def _near(name: str) -> str:
    import difflib  # here, since only this error needs it

    near = difflib.get_close_matches(name, [*_NO_TRAITS, *ServerTraits.__struct_fields__], 1)
    return f": did you mean {near[0]!r}?" if near else ""


def _dotted(end: str) -> str:
    """Only whole labels of a name count: ``notopenrouter.ai`` is another host."""
    return end if end[0] in ".:" else f".{end}"
