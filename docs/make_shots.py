"""Takes the screenshots of docs/page.md: needs the browser-tests extra and a Chromium. Run it from the checkout.

They are written to docs/, or to the folder given as argument.
"""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))

from headwater.types import GenerateContentResponse, UsageMetadata  # noqa: E402
from tests.support.live import Live  # noqa: E402
from tests.support.talker import Talker, thinks  # noqa: E402
from tests.support.visitor import ask, ended  # noqa: E402

QUESTION = "How fast does a river flow, and how would I estimate it?"
THOUGHT = (
    "The reader wants numbers and a way to find them: a table of typical speeds, Manning's formula, a short program."
)
ANSWER = """Most rivers move at **walking pace**. What counts is the slope, the depth and how rough the bed is.

| River | Typical speed |
|---|--:|
| Lowland river | 0.3 m/s |
| Alpine stream | 2 m/s |
| Flood | 5 m/s |

*Manning's formula* gives a good estimate:

$$v = \\frac{1}{n} R^{2/3} \\sqrt{S}$$

where $n$ is the roughness, $R$ the hydraulic radius and $S$ the slope. In Python:

```python
def speed(radius: float, slope: float, roughness: float = 0.035) -> float:
    \"\"\"Return the speed of a river in metres a second.\"\"\"
    return radius ** (2 / 3) * slope ** 0.5 / roughness


print(f"{speed(radius=1.5, slope=0.001):.1f} m/s")  # 1.2 m/s
```

A stone bed slows the water more than sand does.
"""
USAGE = UsageMetadata(prompt_token_count=14, candidates_token_count=268, thoughts_token_count=31)
#: The other chats of the list, with their age in days.
TITLES = {
    "Reading list for the autumn": 0.01,
    "Why are some lakes salty?": 0.02,
    "Fix the flaky import test": 1,
    "Letter about the broken heating": 1.1,
    "Bread with 75 % water": 3,
    "Names for a small sailing boat": 4,
    "Eigenvectors, explained with a map": 5,
    "By train to Ljubljana": 6,
    "SQL: gaps and islands": 9,
    "A haiku for a colleague who leaves": 12,
    "How to store time series": 15,
    "Notes on the Danube": 20,
    "Is my tomato plant ill?": 28,
    "A pattern for ISO dates": 40,
    "Learning Norwegian, a plan": 45,
    "What is a watershed?": 60,
    "Summary of the board meeting": 75,
}
SHOTS = {
    "page-light": {"viewport": {"width": 1200, "height": 900}, "color_scheme": "light"},
    "page-dark": {"viewport": {"width": 1200, "height": 900}, "color_scheme": "dark"},
    "page-phone": {
        "viewport": {"width": 390, "height": 844},
        "is_mobile": True,
        "has_touch": True,
        "device_scale_factor": 2,
    },
}


def fill(live: Live) -> None:
    """Create the chats of the list."""
    for title, age in TITLES.items():
        created = (datetime.now(UTC) - timedelta(days=age)).isoformat()
        contents = [{"role": "user", "parts": [{"text": title}]}]
        message = {"id": "m", "role": "user", "created": created, "contents": contents}
        live.post("/v1/chats", {"title": title, "created": created, "messages": [message]})


def shoot(browser: Any, talker: Talker, path: Path, options: Any) -> None:
    """Take one picture of a short conversation, among other chats."""
    with Live(talker) as live:
        fill(live)
        context = browser.new_context(**options)
        page = context.new_page()
        page.goto(live.url)
        ask(page, QUESTION)
        ended(page)
        page.wait_for_selector("math")
        page.wait_for_selector(".hljs-keyword")
        page.evaluate("document.activeElement.blur()")
        page.wait_for_timeout(500)
        page.screenshot(path=path)
        context.close()


def main(folder: Path = DOCS) -> None:
    """Take all pictures."""
    talker = Talker()
    talker.pace = 0.01
    words = [word + " " for word in ANSWER.split(" ")]
    talker.answers = {QUESTION: [thinks(THOUGHT), *words, GenerateContentResponse(usage_metadata=USAGE)]}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, options in SHOTS.items():
            shoot(browser, talker, folder / f"{name}.png", options)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
