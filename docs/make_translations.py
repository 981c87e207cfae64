"""Runs cases that gateways between the Gemini API and chat completions get wrong, and writes docs/own-model.md's table.

python docs/make_translations.py                               headwater's column; LiteLLM's stays as it is
python docs/make_translations.py --litellm PYTHON SCRIPT       LiteLLM's, too: an interpreter that has it, and a script
                                                               that prints "ok" or "FAIL", and the number, for each case

The cases are those that ``tests/core/openai/test_translations.py`` asserts.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__)
PAGE = HERE.with_name("own-model.md")
BEGIN, END = "<!-- made by docs/make_translations.py -->\n", "<!-- end of the table -->\n"
sys.path.insert(0, str(HERE.parent.parent))

from tests.support.translation_cases import CASES  # noqa: E402


def rows(page: str) -> dict[str, str]:
    """LiteLLM's column of the table in ``page``, by number."""
    table = page.partition(BEGIN)[2].partition(END)[0]
    return {row[0]: row[1] for row in re.findall(r"^\| (\w+) \|[^|]*\|[^|]*\| ([^|]+) \|$", table, re.MULTILINE)}


def litellm(python: str, script: str) -> tuple[dict[str, str], str]:
    """What LiteLLM makes of each case, and its version."""
    environment = os.environ | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}  # or it waits for the network
    run = subprocess.run([python, script], capture_output=True, text=True, check=True, env=environment)
    found = re.findall(r"^(ok|FAIL) +(\w+)", run.stdout, re.MULTILINE)
    version = re.search(r"^litellm (\S+)", run.stdout, re.MULTILINE)
    return {number: "right" if word == "ok" else "wrong" for word, number in found}, version[1] if version else "?"


def table(other: dict[str, str], head: str) -> str:
    """The table, and the sums below it."""
    lines = [head, "|---|---|---|---|\n"]
    ours = {case.number: "right" if case.is_right() else "wrong" for case in CASES}
    lines += [
        f"| {case.number} | {case.name} | {ours[case.number]} | {other.get(case.number, '?')} |\n" for case in CASES
    ]
    counts = [sum(one.get(case.number) == "right" for case in CASES) for one in (ours, other)]
    return "".join([*lines, f"\nRight: headwater {counts[0]} of {len(CASES)}, LiteLLM {counts[1]} of {len(CASES)}.\n"])


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litellm", nargs=2, metavar=("PYTHON", "SCRIPT"))
    chosen = parser.parse_args().litellm
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    old, _, after = rest.partition(END)
    head = old.splitlines(keepends=True)[0] if old else ""
    other = rows(page)
    if chosen:
        other, version = litellm(*chosen)
        head = f"| | | headwater | LiteLLM {version} |\n"
    PAGE.write_text(before + BEGIN + table(other, head) + END + after, "utf-8")


if __name__ == "__main__":
    main()
