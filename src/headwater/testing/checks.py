"""``assert_streams``: what a client gave to its user, compared with what was sent."""

from __future__ import annotations

from collections.abc import Iterable

#: How much of a text is shown around the place where it goes wrong.
_CONTEXT = 30


def assert_streams(texts: str | Iterable[str], expected: str) -> None:
    """Check that ``texts``, joined, are ``expected``: nothing lost, nothing doubled, nothing added.

    Raises:
        AssertionError: if they are not. It says where they differ, and whether something was lost or doubled.
    """
    text = texts if isinstance(texts, str) else "".join(texts)
    if text == expected:
        return
    at = next((place for place, (one, two) in enumerate(zip(text, expected, strict=False)) if one != two), None)
    at = min(len(text), len(expected)) if at is None else at
    got, wanted = text[at : at + _CONTEXT], expected[at : at + _CONTEXT]
    before = expected[max(0, at - _CONTEXT) : at]
    raise AssertionError(f"after {before!r} {_difference(text, expected, at)}: got {got!r}, expected {wanted!r}")


def _difference(text: str, expected: str, at: int) -> str:
    """What happened at ``at``, if the rest is as expected."""
    extra = len(text) - len(expected)
    if extra > 0 and text[at + extra :] == expected[at:]:
        is_known = text[at : at + extra] in expected
        return f"{extra} characters were {'said twice' if is_known else 'added'}"
    if extra < 0 and text[at:] == expected[at - extra :]:
        return f"{-extra} characters were lost"
    return "the text differs"
