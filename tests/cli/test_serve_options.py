"""The options of ``headwater serve``: each sets a field of the configuration and has a sentence in the help."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from headwater.cli.serve import serve
from headwater.server import Limits, ServerConfig

ROOT = Path(__file__).resolve().parents[2]
#: Limits that only programs set.
PYTHON_ONLY = {"max_bodies", "max_head", "max_storage", "max_durable_stream", "max_message", "max_chats", "stream_ttl"}
#: Options that are no fields: they open what ``app`` gets beside its configuration, or are about the process.
OTHERS = {"host", "port", "api_key_file", "engine", "model_engine", "upstream", "pace", "store", "chats"}
OTHERS |= {"engines", "engine_key", "engine_preset", "engine_model", "interactions", "log_level", "access_log"}
FIELDS = {field.name for kind in (ServerConfig, Limits) for field in fields(kind)} - {"limits"}


def parsed(*arguments: str) -> dict[str, Any]:
    """The parameters of a command line, as ``serve`` gets them."""
    return serve.make_context("serve", list(arguments)).params


def config(*arguments: str) -> ServerConfig:
    """The configuration that a command line makes."""
    return ServerConfig.from_options({name: value for name, value in parsed(*arguments).items() if name in FIELDS})


def test_every_field_is_an_option_and_every_option_a_field() -> None:
    """A new field gets an option, or is listed here as one for programs; a new option sets a field."""
    names = set(parsed())
    assert names - OTHERS == FIELDS - PYTHON_ONLY
    assert names >= OTHERS
    assert not PYTHON_ONLY & names


def test_the_option_that_the_docs_show_is_one() -> None:
    """The example of how an option is added is code of the field and of the option, word for word."""
    section = (ROOT / "docs" / "extending.md").read_text("utf-8").partition("## An option of")[2].partition("\n## ")[0]
    field, option = re.findall(r"^```\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert field in (ROOT / "src" / "headwater" / "server" / "config.py").read_text("utf-8")
    assert option in (ROOT / "src" / "headwater" / "cli" / "serve.py").read_text("utf-8")


def test_options_and_fields_have_the_same_defaults() -> None:
    assert config().by_option() == ServerConfig().by_option()


def test_units_of_options_become_those_of_fields() -> None:
    """MiB are bytes, hours are seconds; seconds stay."""
    made = config("--max-body", "3", "--store-size", "1", "--file-hours", "0.5", "--store-hours", "2", "--lease", "4")
    assert (made.limits.max_body, made.limits.store_size) == (3 * 1024 * 1024, 1024 * 1024)
    assert (made.limits.file_ttl, made.limits.store_ttl, made.lease) == (1800.0, 7200.0, 4.0)


def test_lists_are_repeated_options_or_commas_in_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_ORIGINS", "https://a.example, https://b.example")
    made = config("--api-key", "one", "--api-key", "two", "--durable-streams")
    assert list(made.api_keys) == ["one", "two"]
    assert list(made.origins) == ["https://a.example", "https://b.example"]
    assert made.durable_streams


def test_a_configuration_does_not_show_its_secrets() -> None:
    """Whoever logs it, by accident or not, logs no key."""
    shown = repr(ServerConfig(api_keys=["canary-key"], secret="canary-secret"))
    assert "canary" not in shown
    assert "lease=10.0" in shown


def test_help_has_sections_and_a_sentence_for_each_option() -> None:
    text = CliRunner().invoke(serve, ["--help"]).output
    titles = ["Network", "Keys and limits", "Engines", "Storage", "Timeouts", "Logging", "Other options"]
    assert re.findall(r"^(\w[\w ]*):\n", text, re.MULTILINE) == [*titles, "Engine names"]
    for option in serve.params:
        assert isinstance(option, click.Option)
        assert option.help
        assert option.help.endswith(".")
        assert option.envvar
        assert str(option.envvar).startswith("HEADWATER_")


@pytest.mark.parametrize(("metavar", "word"), [("SECONDS", "Seconds"), ("MIB", "MiB"), ("HOURS", "Hours")])
def test_help_of_a_quantity_names_its_unit(metavar: str, word: str) -> None:
    options = [option for option in serve.params if option.metavar == metavar]
    assert options
    for option in options:
        assert word in (option.help or "")
