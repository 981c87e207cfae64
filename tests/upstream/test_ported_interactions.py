"""google-genai's own tests of interactions, on headwater: those that a drop-in can reach.

A tool beside the checkout makes the copies where google-genai is installed; nothing of them is kept.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support.corpus_cases import shared

pytestmark = pytest.mark.slow

FILES = ("test_gaos_unknown_fields.py", "test_gaos_serialization_requirements.py")
#: They ask for pydantic's own ValidationError, a final class; headwater's UsageError is a ValueError as well.
PYDANTIC = {
    *(
        f"test_known_variant_with_invalid_payload_still_raises[{case}]"
        for case in ("missing_required_field", "wrong_field_type")
    ),
    *(
        f"test_malformed_input_shapes_still_raise[{case}]"
        for case in (
            "invalid_known_step",
            "invalid_known_content",
            "mixed_invalid_step_and_valid_content",
            "mixed_valid_step_and_invalid_content",
            "mixed_valid_step_and_valid_content",
            "single_step_outside_list",
        )
    ),
}
#: Puts headwater in google-genai's place, runs coroutines, and gives private names of google-genai their counterparts.
CONFTEST = """
import asyncio, inspect, json, sys, types
import pytest
from headwater import import_shim
import_shim.install()
import google.genai._interactions as errors

def module(name, **names):
    sys.modules[name] = found = types.ModuleType(name)
    vars(found).update(names)
    return found

marshal = lambda value, kind: kind.model_validate(value).model_dump_json()
utils = module("google.genai._gaos.utils", marshal_json=marshal)
lib = module("google.genai._gaos.lib", compat_errors=errors)
module("google.genai._gaos", utils=utils, lib=lib)
module("google.genai._gaos.lib.compat_errors", **vars(errors))
from capture import mock_gaos_server

def pytest_configure(config):
    config.addinivalue_line("markers", "asyncio: a coroutine")

@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True
"""


def test_tests_of_interactions_that_a_drop_in_can_reach_pass(tmp_path: Path) -> None:
    tool = shared("judges/interactions/port_tests.py")
    package = find_spec("google.genai")
    if tool is None or package is None or package.origin is None:
        pytest.skip("no shared/judges beside the checkout, or no google-genai")
    out = tmp_path / "ported"
    subprocess.run([sys.executable, str(tool), str(Path(package.origin).parent), str(out)], check=True, timeout=60)
    (out / "conftest.py").write_text(CONFTEST, "utf-8")
    (out / "pytest.ini").write_text("[pytest]\n", "utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "--junitxml=r.xml",
        *FILES,
    ]
    environment = {**os.environ, "PYTHONWARNINGS": "default"}
    run = subprocess.run(command, cwd=out, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert (out / "r.xml").is_file(), run.stdout + run.stderr
    cases = list(ElementTree.parse(out / "r.xml").iter("testcase"))
    failed = {case.get("name") for case in cases if case.find("failure") is not None or case.find("error") is not None}
    skipped = {case.get("name") for case in cases if case.find("skipped") is not None}
    assert (failed, skipped) == (PYDANTIC, set()), run.stdout
    assert len(cases) - len(failed) >= 45
    print(f"{len(cases) - len(failed)} of {len(cases)} pass")
