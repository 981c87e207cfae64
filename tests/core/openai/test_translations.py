"""The cases of docs/own-model.md that gateways get wrong: each is right here, and the page says so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.translation_cases import CASES, TranslationCase

PAGE = Path(__file__).parents[3] / "docs" / "own-model.md"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.number)
def test_a_case_is_right(case: TranslationCase) -> None:
    assert case.is_right(), case.name


def test_the_page_has_each_case_once() -> None:
    """docs/make_translations.py rebuilds it."""
    rows = re.findall(r"^\| ([RS]\d+) \| (.*) \| right \| (?:right|wrong) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert rows == [(case.number, case.name) for case in CASES]
