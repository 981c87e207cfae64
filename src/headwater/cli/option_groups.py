"""Options and commands in titled sections of ``--help``, which plain click does not have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_REST = "Other options"


class GroupedOption(click.Option):
    """An option that stands in a section of the help."""

    def __init__(self, *arguments: Any, section: str, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.section = section


class OptionGroup:
    """A section of a command's help. ``option`` is ``click.option`` for the options in it."""

    def __init__(self, title: str) -> None:
        self.title = title

    def option(self, *names: str, **settings: Any) -> Callable[[F], F]:
        """Return a decorator that adds an option to a command."""
        return click.option(*names, cls=GroupedOption, section=self.title, **settings)


class GroupedCommand(click.Command):
    """A command whose help lists its options by section, in the order in which they were added."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each group; ``--help`` and other plain options come last."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                sections.setdefault(getattr(parameter, "section", _REST), []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


class SectionedGroup(click.Group):
    """A program whose help lists its commands by section. ``sections`` maps titles to the names in them."""

    def __init__(self, *arguments: Any, sections: Mapping[str, tuple[str, ...]], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._sections = sections

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each group of commands."""
        for title, names in self._sections.items():
            known = [(name, command) for name in names if (command := self.get_command(ctx, name)) is not None]
            limit = formatter.width - 6 - max((len(name) for name, _ in known), default=0)
            with formatter.section(title):
                formatter.write_dl([(name, command.get_short_help_str(limit)) for name, command in known])
