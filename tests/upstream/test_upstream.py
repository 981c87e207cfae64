"""google-genai's own tests, run against headwater where google-genai is installed."""

from collections import Counter
from pathlib import Path

import pytest

from tests.upstream import run_upstream
from tests.upstream.private_names import private_tests
from tests.upstream.run_upstream import Outcome, Table


@pytest.mark.slow
def test_google_genais_own_tests_pass_or_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """The shares of ``ENOUGH`` pass, each failure is explained in the table, and nothing in it is stale."""
    tests = run_upstream.find_tests()
    if tests is None:
        pytest.skip("google-genai is not installed, or came without its tests")
    table = run_upstream.known()
    outcome = run_upstream.run(table.files, tests)
    assert outcome.passed() > 300
    assert not [test for test in outcome.failures if table.kind(test) == "private" and not outcome.is_private(test)]
    assert run_upstream.report(outcome, table) == 0, capsys.readouterr().out


def test_a_failure_without_a_reason_and_a_reason_without_a_failure_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """The report fails for either, and for too small a share; an entry without parameters stands for all of them."""
    table = Table(["a/b.py"], {"a/b.py::one": "not copied", "a/b.py::gone": "words"})
    passes = [f"a/b.py::test[{number}]" for number in range(30)]
    outcome = Outcome({"a/b.py": Counter(passed=30)}, {"a/b.py::one[x]": "", "a/b.py::new": ""}, passes)
    outcome.private = {"a/b.py::one"}
    assert (outcome.new(table), outcome.stale(table)) == (["a/b.py::new"], ["a/b.py::gone"])
    assert run_upstream.report(outcome, table) == 1
    assert "not explained: a/b.py::new\ndoes not fail any more: a/b.py::gone" in capsys.readouterr().out
    table = Table([], {"a/b.py::one": "private", "a/b.py::new": "not copied"})
    assert (outcome.counted(table), run_upstream.report(outcome, table)) == (1, 0)
    assert outcome.shares(table) == {"all": (30, 2), "counterpart": (30, 1), "public": (30, 1)}
    assert "30 passed, 2 failed: 93.8% of all tests" in capsys.readouterr().out
    outcome.private |= {"a/b.py::test"}
    assert outcome.shares(table)["public"] == (0, 1), "what passes is counted apart as what fails is"
    assert run_upstream.report(outcome, table) == 1
    outcome.private = {"a/b.py::one"}
    outcome.counts["a/b.py"]["passed"] = 8
    assert run_upstream.report(outcome, table) == 1


def test_every_reason_is_given() -> None:
    """The table gives each test that may fail one kind of reason, and each kind is one that its head explains."""
    text = (Path(__file__).parent / "known.toml").read_text("utf-8")
    kinds = run_upstream.known().kinds
    assert set(kinds.values()) <= {"private", "not copied", "words"}
    assert text.count("::test_") == len(kinds)
    assert text.count("\nwhy = ") == text.count("[[reason]]")


def test_a_test_is_private_by_what_it_and_its_helpers_touch() -> None:
    """A private module or name, also by way of a fixture; never for an underscore of its own."""
    source = """
from ... import _transformers as t, chats, types
from ...chats import _validate
_own = 1
@pytest.fixture
def made(): return t.t_part("a")
def _helper(): return types.Part("a")
def test_module(): t.t_part("a")
def test_fixture(made): pass
def test_name(): _validate(1)
def test_attribute(): types.Part._from_response(response={})
def test_client(client): client._api_client.vertexai
def test_public(): assert _helper() == _own == chats.Chat
class TestIt:
    def test_inside(self): chats._secret
    def test_fine(self, x): x._field
"""
    touched = {"test_module", "test_fixture", "test_name", "test_attribute", "test_client", "TestIt::test_inside"}
    assert private_tests(source) == touched
