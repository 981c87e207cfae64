"""google-genai's own tests, run against headwater where google-genai is installed."""

from collections import Counter
from pathlib import Path

import pytest

from tests.upstream import run_upstream
from tests.upstream.run_upstream import Outcome, Table


@pytest.mark.slow
def test_google_genais_own_tests_pass_or_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """Nine tenths of the counted tests pass, each failure is explained in the table, and nothing in it is stale."""
    tests = run_upstream.find_tests()
    if tests is None:
        pytest.skip("google-genai is not installed, or came without its tests")
    table = run_upstream.known()
    outcome = run_upstream.run(table.files, tests)
    assert outcome.passed() > 300
    assert run_upstream.report(outcome, table) == 0, capsys.readouterr().out


def test_a_failure_without_a_reason_and_a_reason_without_a_failure_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """The report fails for either, and for too small a share; an entry without parameters stands for all of them."""
    table = Table(["a/b.py"], {"a/b.py::one": "not copied", "a/b.py::gone": "words"})
    outcome = Outcome({"a/b.py": Counter(passed=30)}, {"a/b.py::one[x]": "", "a/b.py::new": ""})
    assert (outcome.new(table), outcome.stale(table)) == (["a/b.py::new"], ["a/b.py::gone"])
    assert run_upstream.report(outcome, table) == 1
    assert "not explained: a/b.py::new\ndoes not fail any more: a/b.py::gone" in capsys.readouterr().out
    table = Table([], {"a/b.py::one": "private", "a/b.py::new": "not copied"})
    assert (outcome.counted(table), run_upstream.report(outcome, table)) == (1, 0)
    outcome.counts["a/b.py"]["passed"] = 8
    assert run_upstream.report(outcome, table) == 1


def test_every_reason_is_given() -> None:
    """The table gives each test that may fail one kind of reason, and each kind is one that its head explains."""
    text = (Path(__file__).parent / "known.toml").read_text("utf-8")
    kinds = run_upstream.known().kinds
    assert set(kinds.values()) <= {"private", "not copied", "words"}
    assert text.count("::test_") == len(kinds)
    assert text.count("\nwhy = ") == text.count("[[reason]]")
