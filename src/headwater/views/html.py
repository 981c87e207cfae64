"""Safe HTML from Markdown: nothing that the model wrote becomes markup, script, or a request before a click."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from html import escape
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from headwater.views.blocks import parser

_SCHEMES = frozenset({"http", "https", "mailto"})


def as_html(text: str) -> str:
    """Return ``text`` as HTML: tags in it are text, links lead to the web or a mailbox, and images are links."""
    return str(_renderer().render(text))


@cache
def _renderer() -> MarkdownIt:
    renderer = parser()
    renderer.add_render_rule("link_open", _link)
    renderer.add_render_rule("image", _image)
    return renderer


def _link(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return _anchor(str(tokens[index].attrs.get("href", "")))


# An image would be loaded when it is drawn: its URL could carry what the model read out of the notebook.
def _image(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    name = renderer.renderInlineAsText(token.children, options, env) if token.children else token.content
    return f"{_anchor(str(token.attrs.get('src', '')))}{escape(name or 'image')}</a>"


def _anchor(address: str) -> str:
    # An allow-list: javascript:, data: and whatever else browsers know get no href.
    try:
        is_safe = urlsplit(address).scheme.lower() in _SCHEMES
    except ValueError:
        is_safe = False
    if not is_safe:
        return "<a>"
    return f'<a href="{escape(address)}" target="_blank" rel="noopener noreferrer nofollow">'
