"""For tests of code that streams: servers that fail as a script says, faults by name, and the contract of every log."""

from typing import TYPE_CHECKING

from headwater.lazy import lazy_names

if TYPE_CHECKING:
    from headwater.testing.actions import (
        again,
        block,
        call,
        cut,
        error,
        finish,
        garbage,
        malformed_call,
        pause,
        redirect,
        reorder,
        say,
        slow_head,
        stall,
        think,
        truncate,
    )
    from headwater.testing.cassettes import Cassette, Exchange
    from headwater.testing.checks import assert_streams
    from headwater.testing.fault_table import Fault, cuts, faults
    from headwater.testing.log_checks import Check, log_contract
    from headwater.testing.loopback import Request
    from headwater.testing.recorder import CassetteServer, cassette
    from headwater.testing.server import ScriptServer, script
    from headwater.testing.virtual_server import VirtualServer, virtual
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "Cassette": "cassettes",
            "CassetteServer": "recorder",
            "Check": "log_checks",
            "Exchange": "cassettes",
            "cassette": "recorder",
            "again": "actions",
            "block": "actions",
            "call": "actions",
            "cut": "actions",
            "error": "actions",
            "finish": "actions",
            "garbage": "actions",
            "malformed_call": "actions",
            "pause": "actions",
            "redirect": "actions",
            "reorder": "actions",
            "say": "actions",
            "slow_head": "actions",
            "stall": "actions",
            "think": "actions",
            "truncate": "actions",
            "virtual": "virtual_server",
            "Fault": "fault_table",
            "Request": "loopback",
            "ScriptServer": "server",
            "VirtualServer": "virtual_server",
            "assert_streams": "checks",
            "cuts": "fault_table",
            "faults": "fault_table",
            "log_contract": "log_checks",
            "script": "server",
        },
    )

__all__ = [
    "Cassette",
    "CassetteServer",
    "Check",
    "Exchange",
    "Fault",
    "Request",
    "ScriptServer",
    "VirtualServer",
    "again",
    "assert_streams",
    "block",
    "call",
    "cassette",
    "cut",
    "cuts",
    "error",
    "faults",
    "finish",
    "garbage",
    "log_contract",
    "malformed_call",
    "pause",
    "redirect",
    "reorder",
    "say",
    "script",
    "slow_head",
    "stall",
    "think",
    "truncate",
    "virtual",
]
