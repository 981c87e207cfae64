"""The pages say what is true: their Python runs, their links lead somewhere, their lists are whole."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ALL_PAGES = [*PAGES, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs" / "decisions").glob("*.md"))]


def by_name(page: Any) -> Any:
    """The id of a page in a test's name."""
    return page.relative_to(ROOT).as_posix()


def fenced(page: Any, language: Any) -> Any:
    """The blocks of one language, each with the line that it begins on."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [(text.count("\n", 0, block.start(1)), block[1]) for block in found]


def script(name: Any) -> Any:
    """A script of the docs as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


#: Pages whose Python needs a server; tests/server and tests/client run it.
SERVED = {"chats.md", "vertex.md", "websocket.md"}
RUNNING = [page for page in PAGES if fenced(page, "python") and page.name not in SERVED]


@pytest.mark.parametrize("page", RUNNING, ids=by_name)
def test_python_runs(
    page: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The Python of a page runs from top to bottom, offline."""
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "offline:instant")
    monkeypatch.chdir(tmp_path)  # some pages write files
    names = {"__name__": "__main__"}
    for line, block in fenced(page, "python"):
        code = compile("\n" * line + block, str(page), "exec")  # so that a failure names the page's line
        exec(code, names)
    assert capsys.readouterr().out


@pytest.mark.parametrize("page", ALL_PAGES, ids=by_name)
def test_links_lead_somewhere(page: Any) -> None:
    """Every link to a file of the project leads to one, and every anchor to a heading."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]


def test_readme_commands_stand_alone() -> None:
    """The README has one first command and one test command, one line each, each marked for the CI."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in "first command", "test command":
        assert len(re.findall(rf"<!-- {name} -->\n```bash\n[^\n]+\n```\n", text)) == 1
    assert len(fenced(ROOT / "README.md", "bash")) == 2


def test_readme_is_one_page() -> None:
    """The README has one program, two pictures and the six rows that matter most; all else is linked."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("\n") <= 110
    assert len(fenced(ROOT / "README.md", "python")) == 1
    assert re.findall(r"^!\[[^\]]+\]\(([^)]+)\)", text, re.MULTILINE) == ["docs/ask.svg", "docs/page-light.png"]
    compared = text.partition("## Compared")[2].partition("\n## ")[0]
    assert len(re.findall(r"^\| (?![-|])", compared, re.MULTILINE)) == 6


def test_figures_of_the_import_are_those_of_the_benchmark() -> None:
    """What an import costs is measured in one run and written in one place; every page that tells it quotes that."""
    bench = (ROOT / "bench" / "README.md").read_text(encoding="utf-8")
    quoted = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8")
    for row in "import and first Client: CPU", "process after import and Client: RSS":
        found = re.search(rf"^\| {row} \| ([\d.]+ \w+) \| ([\d.]+ \w+) \|", bench, re.MULTILINE)
        assert found is not None
        assert all(value in quoted for value in found.groups())
    others = [page for page in PAGES if page.name != "migration.md"]
    told = r"import\w*[^|\n]*\|[^|\n]*\d+ (?:ms|MiB)"
    assert [page.name for page in others if re.search(told, page.read_text(encoding="utf-8"))] == []


def test_machine_is_drawn_as_it_is() -> None:
    """The diagram in the architecture page is the machine's table; docs/draw_machine.py redraws it."""
    drawing = script("draw_machine")
    page = drawing.PAGE.read_text(encoding="utf-8")
    assert drawing.redrawn(page) == page
    for state, targets in drawing.TRANSITIONS.items():
        for target in targets - {state}:
            assert f"    {state.name} --> {target.name}\n" in page


def test_command_line_page_is_whole() -> None:
    """The page of the command line names every option and every exit code of the help, and nothing else."""
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    shown = set()
    for command in "ask", "chat":
        result = subprocess.run(
            [sys.executable, "-m", "headwater", command, "--help"],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        shown |= set(re.findall(r"(?<![\w-])--[a-z-]+", result.stdout.partition("Options:")[2]))
        codes = re.findall(r"^ +(\d+) +[a-z]", result.stdout, re.MULTILINE)
    assert set(re.findall(r"^\| `(?:-\w`, `)?(--[a-z-]+)", page, re.MULTILINE)) == shown - {"--help"}
    assert re.findall(r"^\| (\d+) \|", page, re.MULTILINE) == codes


def test_cast_is_light() -> None:
    """The picture in the README is there, well-formed and small."""
    from xml.etree import ElementTree

    picture = ROOT / "docs" / "ask.svg"
    assert picture.stat().st_size < 150_000
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")
