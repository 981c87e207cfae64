"""Draws the life of a call into docs/architecture.md, from the table that the code uses.

python docs/draw_machine.py
"""

from __future__ import annotations

import sys
from pathlib import Path

from headwater.core.machine.states import TRANSITIONS, State

PAGE = Path(__file__).with_name("architecture.md")
BEGIN, END = "<!-- drawn by docs/draw_machine.py -->\n", "<!-- end of the drawing -->\n"


def diagram() -> str:
    """Return the transitions as a Mermaid diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.NEW.name}"]
    for state in State:
        targets = [target for target in State if target in TRANSITIONS[state] and target is not state]
        lines += [f"    {state.name} --> {target.name}" for target in targets]
    lines.append(f"    {State.DONE.name} --> [*]")
    return "```mermaid\n" + "\n".join(lines) + "\n```\n"


def redrawn(page: str) -> str:
    """Return the text of the page with the current diagram."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{diagram()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(redrawn(PAGE.read_text()))
    sys.stdout.write(f"{PAGE} is up to date\n")
