"""The command line: ``headwater ask`` and ``headwater chat``."""

from headwater.cli.entry import main as main
