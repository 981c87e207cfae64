"""The files of the page: who gets them, their headers and size, and that they are what ``web/`` gives."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.server.page import routes
from tests.support.live import Live

WEB = Path(__file__).parents[2] / "web"
BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with Live() as live:
        yield live


def test_browsers_get_the_page_and_programs_json(live: Live) -> None:
    """At / a browser gets the page, everyone else the welcome; caches are told that it depends."""
    shown, told = live.get("/", accept=BROWSER), live.get("/")
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    assert told.json["name"] == "headwater"
    assert "accept" in shown.headers["vary"].lower()
    assert "accept" in told.headers["vary"].lower()


def paths() -> list[str]:
    return ["/", "/headwater.js", *(f"/assets/{name}" for name in sorted(routes.assets()))]


@pytest.mark.parametrize("path", paths())
def test_headers(live: Live, path: str) -> None:
    """Each file has the policy and a type, can be asked for again, and is compressed for those who take it."""
    plain = live.get(path, accept=BROWSER)
    zipped = live.get(path, accept=BROWSER, accept_encoding="gzip, br")
    assert (plain.status, zipped.headers["content-encoding"]) == (200, "gzip")
    assert gzip.decompress(zipped.body) == plain.body
    assert plain.headers["x-content-type-options"] == "nosniff"
    assert plain.headers["content-security-policy"] == routes.POLICY
    assert "accept-encoding" in plain.headers["vary"].lower()
    again = live.get(path, accept=BROWSER, if_none_match=plain.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    is_hashed = path.startswith("/assets/")
    assert ("immutable" in plain.headers["cache-control"]) == is_hashed
    assert bool(re.search(r"-[A-Z0-9]{8}\.", path)) == is_hashed


@pytest.mark.parametrize("name", ["nope.js", "..%2findex.html", "%2e%2e/index.html", "%00", "index.html"])
def test_nothing_else_is_served(live: Live, name: str) -> None:
    """No other file can be had."""
    assert live.get(f"/assets/{name}").status == 404


def test_the_policy_is_strict() -> None:
    """No inline script or style, no other host, no frames around it."""
    assert "unsafe" not in routes.POLICY
    assert "http" not in routes.POLICY
    assert "*" not in routes.POLICY
    for part in (
        "default-src 'none'",
        "script-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ):
        assert part in routes.POLICY


def test_the_page_names_only_its_own_files(live: Live) -> None:
    """The page has no inline script or style and no address of another host."""
    html = live.get("/", accept=BROWSER).body.decode()
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=|https?://", html)
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', html):
        assert live.get(path).status == 200


def test_size() -> None:
    """The page and all that it may ever load are less than 200 kB compressed, and what it begins with less than 60."""
    sizes = {name: len(routes.load("assets", name).zipped) for name in routes.assets()}
    late = sum(size for name, size in sizes.items() if name.startswith(("katex", "languages")))
    whole = sum(sizes.values()) + len(routes.load("index.html").zipped)
    print(f"{whole} bytes in all, {whole - late} to begin with")
    assert whole < 200_000
    assert whole - late < 60_000


needs_node = pytest.mark.skipif(
    shutil.which("npm") is None or not (WEB / "node_modules").exists(), reason="needs Node, and `npm ci` in web/"
)


@needs_node
def test_the_files_are_built_from_the_sources() -> None:
    """What is committed is what ``npm run build`` gives."""
    done = subprocess.run(["node", "build.js", "--check"], cwd=WEB, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_headwater_js() -> None:
    """The tests of headwater.js hold."""
    done = subprocess.run(["node", "--test", "test/"], cwd=WEB, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
