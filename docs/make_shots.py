"""Takes the screenshots of docs/page.md: needs the browser-tests extra and a Chromium. Run it from the checkout."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent / "tests"), str(DOCS.parent / "tests" / "page")]

from talker import Talker, thinks  # noqa: E402
from visitor import ask, ended  # noqa: E402

from live import Live  # noqa: E402

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


def shoot(browser: Any, url: str, name: str, options: Any) -> None:
    """Take one picture of a short conversation."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.goto(url)
    for number, question in enumerate(("Name the longest rivers", "Why are some lakes salty?", QUESTION), 1):
        if number > 1:
            page.evaluate("document.querySelector('#new').click()")
        ask(page, question)
        ended(page)
    page.wait_for_selector("math")
    page.wait_for_selector(".hljs-keyword")
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(500)
    page.screenshot(path=DOCS / f"{name}.png")
    context.close()


def main() -> None:
    """Take all pictures."""
    talker = Talker()
    talker.pace = 0.01
    words = [word + " " for word in ANSWER.split(" ")]
    talker.answers = {QUESTION: [thinks(THOUGHT), *words]}
    talker.answers |= {"Name the longest rivers": ["The Nile."], "Why are some lakes salty?": ["They have no way out."]}
    with Live(talker) as live, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, options in SHOTS.items():
            shoot(browser, live.url, name, options)


if __name__ == "__main__":
    main()
