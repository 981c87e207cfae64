"""Plays the faults of ``headwater.testing`` to five SDKs, and writes what each made of them to docs/testing-sdks.md.

python docs/make_sdk_faults.py      some minutes; Node and npm are needed for the AI SDK
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__)
PAGE = HERE.with_name("testing-sdks.md")
BEGIN, END = "<!-- made by docs/make_sdk_faults.py -->\n", "<!-- end of the table -->\n"
sys.path.insert(0, str(HERE.parent.parent))

from headwater.testing import Fault, cut, cuts, faults, finish, stall  # noqa: E402
from headwater.testing.actions import attempts  # noqa: E402
from headwater.testing.fault_table import ANSWER  # noqa: E402
from tests.support.venvs import python_with  # noqa: E402

#: A client that has neither an answer nor an error after this counts as hanging, in seconds.
PATIENCE = 10.0
OPENAI, AI_SDK = "3.57.0", {"ai": "6.0.326", "@ai-sdk/openai-compatible": "2.0.92"}

GENAI = """
import sys, json
from {package} import genai
options = {{"base_url": sys.argv[1], "api_version": "v1beta"}}
retry = {retry}
if retry:
    options["retry_options"] = {{"attempts": 3, "initial_delay": 0.05}}
client = genai.Client(api_key="any", http_options=options)
text, error = "", None
try:
    for chunk in client.models.generate_content_stream(model="m", contents="hi"):
        text += chunk.text or ""
except Exception as problem:
    error = type(problem).__name__
print(json.dumps([text, error]))
"""
CHAT = """
import sys, json, openai
client = openai.OpenAI(api_key="any", base_url=sys.argv[1] + "/v1")
text, error = "", None
try:
    for chunk in client.chat.completions.create(model="m", stream=True, messages=[{"role": "user", "content": "hi"}]):
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
except Exception as problem:
    error = type(problem).__name__
print(json.dumps([text, error]))
"""
NODE = """
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { streamText } from "ai";
const provider = createOpenAICompatible({ name: "m", baseURL: process.argv[2] + "/v1", apiKey: "any" });
let text = "", error = null;
try {
  const result = streamText({ model: provider("m"), prompt: "hi", onError: () => {} });
  for await (const part of result.fullStream) {
    if (part.type === "text-delta") text += part.text;
    if (part.type === "error") error = part.error?.name ?? String(part.error);
  }
} catch (problem) { error = problem.name; }
console.log(JSON.stringify([text, error]));
"""


class Client(NamedTuple):
    """A client as a command that takes the base URL and prints its text and its error."""

    title: str
    command: list[str]


def main() -> None:
    """Run everything and rewrite the table in the page."""
    with tempfile.TemporaryDirectory() as name:
        clients = list(_clients(Path(name)))
        rows = [[fault.name, *(_row(fault, client) for client in clients)] for fault in _all_faults()]
    head = ["", *(client.title for client in clients)]
    lines = [head, ["---"] * len(head), *rows]
    table = "".join(f"| {' | '.join(cells)} |\n" for cells in lines).replace("|  |", "| |")
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    made = f"Made with Python {platform.python_version()} and Node {node}.\n"
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{made}\n{table}\n{END}{rest.partition(END)[2]}", "utf-8")


def _all_faults() -> list[Fault]:
    """The table of the package, the answer cut at a few places, and silence."""
    silent = Fault("silence in the middle", attempts(["Hello, ", stall(3 * PATIENCE)]), "error")
    late = attempts(["Hello, ", "wide ", "world", finish(), cut()])
    return [*faults(), *list(cuts(step=47))[:8], Fault("reset after the finish reason", late, "either"), silent]


def _clients(directory: Path) -> Iterator[Client]:
    here = sys.executable
    for package, title in (("headwater", f"headwater {version('headwater')}"), ("google", "google-genai")):
        for retry in (False, True):
            path = directory / f"{package}{retry}.py"
            path.write_text(GENAI.format(package=package, retry=retry))
            name = f"google-genai {version('google-genai')}" if package == "google" else title
            if package == "google" or not retry:
                yield Client(f"{name}{', 3 attempts' if retry else ''}", [here, str(path)])
    chat = directory / "chat.py"
    chat.write_text(CHAT)
    yield Client(f"openai {OPENAI}", [str(python_with(f"openai=={OPENAI}")), str(chat)])
    (directory / "package.json").write_text(json.dumps({"type": "module", "dependencies": AI_SDK}))
    install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(install, cwd=directory, check=True)
    node = directory / "client.mjs"
    node.write_text(NODE)
    yield Client(f"AI SDK {AI_SDK['ai']}", ["node", str(node)])


def _row(fault: Fault, client: Client) -> str:
    """What a client made of a fault, in a few words."""
    with fault.server() as server:
        command = [*client.command, server.url]
        try:
            done = subprocess.run(command, capture_output=True, timeout=PATIENCE, env=_environment(), check=False)
        except subprocess.TimeoutExpired:
            return "**hangs**"
    text, error = json.loads(done.stdout.splitlines()[-1])
    shown = "the whole answer" if text == ANSWER else "" if not text else f'"{text.strip()}"'
    if not ANSWER.startswith(text):
        shown = f"**wrong text** {shown}"
    if error:
        return f"{shown}, then `{error}`" if shown else f"`{error}`"
    return shown if text == ANSWER else f"**{shown or 'nothing'} as the whole answer**"


def _environment() -> Mapping[str, str]:
    hidden = ("GOOGLE_", "GEMINI_", "OPENAI_")
    return {name: value for name, value in os.environ.items() if not name.startswith(hidden)}


if __name__ == "__main__":
    main()
