"""Agents of the Interactions API, and the environments that they work in."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from headwater.types.interactions.base import JsonObject, UnknownObject
from headwater.types.interactions.config import ThinkingSummaries

__all__ = [
    "Allowlist",
    "AllowlistEntry",
    "AntigravityAgentConfig",
    "CodeMenderAgentConfig",
    "DeepResearchAgentConfig",
    "Disabled",
    "DynamicAgentConfig",
    "Env",
    "EnvVar",
    "Environment",
    "EnvironmentMode",
    "EnvironmentNetworkEgressAllowlist",
    "FileContent",
    "FindRequest",
    "FixRequest",
    "InteractionAgentConfig",
    "Mode",
    "Network",
    "NetworkEnum",
    "SessionConfig",
    "Source",
    "SourceType",
    "Transform",
    "UnknownInteractionAgentConfig",
    "Visualization",
]


class AntigravityAgentConfig(JsonObject):
    """The settings of the Antigravity agent."""

    max_total_tokens: int | None = None
    model: str | None = None
    type: Literal["antigravity"] = "antigravity"


Mode: TypeAlias = Literal["scan", "verify"] | str


class FileContent(JsonObject):
    """A file for CodeMender."""

    content: str | None = None
    path: str | None = None


class FindRequest(JsonObject):
    """What CodeMender looks for."""

    description: str | None = None
    finding_id: str | None = None
    mode: Mode | None = None
    source_files: list[FileContent] | None = None


class FixRequest(JsonObject):
    """What CodeMender repairs."""

    description: str | None = None
    finding_id: str | None = None
    source_files: list[FileContent] | None = None


class SessionConfig(JsonObject):
    """The limits of a session of CodeMender."""

    max_rounds: int | None = None


class CodeMenderAgentConfig(JsonObject):
    """The settings of the CodeMender agent."""

    find_request: FindRequest | None = None
    fix_request: FixRequest | None = None
    model: str | None = None
    session_config: SessionConfig | None = None
    session_id: str | None = None
    type: Literal["code-mender"] = "code-mender"


Visualization: TypeAlias = Literal["off", "auto"] | str


class DeepResearchAgentConfig(JsonObject):
    """The settings of the Deep Research agent."""

    collaborative_planning: bool | None = None
    enable_bigquery_tool: bool | None = None
    thinking_summaries: ThinkingSummaries | None = None
    type: Literal["deep-research"] = "deep-research"
    visualization: Visualization | None = None


class DynamicAgentConfig(JsonObject):
    """The settings of an agent of your own."""

    type: Literal["dynamic"] = "dynamic"


class UnknownInteractionAgentConfig(UnknownObject):
    """Settings of an unknown agent."""

    type: Literal["UNKNOWN"] = "UNKNOWN"


InteractionAgentConfig: TypeAlias = (
    AntigravityAgentConfig
    | CodeMenderAgentConfig
    | DeepResearchAgentConfig
    | DynamicAgentConfig
    | UnknownInteractionAgentConfig
)
Transform: TypeAlias = list[dict[str, str]] | dict[str, str]


class AllowlistEntry(JsonObject):
    """A host that an environment may reach."""

    domain: str
    credential: str | None = None
    transform: Transform | None = None


Disabled: TypeAlias = Literal["disabled"] | str
Allowlist: TypeAlias = list[AllowlistEntry] | Disabled


class EnvironmentNetworkEgressAllowlist(JsonObject):
    """The hosts that an environment may reach."""

    allowlist: Allowlist | None = None


NetworkEnum: TypeAlias = Literal["disabled"] | str
Network: TypeAlias = EnvironmentNetworkEgressAllowlist | NetworkEnum


class EnvVar(JsonObject):
    """An environment variable."""

    credential: str | None = None
    value: str | None = None


Env: TypeAlias = EnvVar | str
EnvironmentMode: TypeAlias = Literal["on_demand", "self_hosted"] | str
SourceType: TypeAlias = Literal["gcs", "inline", "repository", "skill_registry"] | str


class Source(JsonObject):
    """Files that are copied into an environment."""

    content: str | None = None
    encoding: str | None = None
    source: str | None = None
    target: str | None = None
    type: SourceType | None = None


class Environment(JsonObject):
    """The machine that an agent works on."""

    custom_config: dict[str, Any] | None = None
    env: dict[str, Env] | None = None
    environment_id: str | None = None
    mode: EnvironmentMode | None = None
    network: Network | None = None
    sources: list[Source] | None = None
    type: Literal["remote"] = "remote"
