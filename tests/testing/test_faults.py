"""The faults that ``headwater.testing`` plays: headwater passes all of them, and a careless reader does not."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

from headwater import genai
from headwater.errors import HeadwaterError
from headwater.testing import Fault, cuts, faults
from headwater.testing.fault_table import ANSWER
from tests.support.sides import Sync

QUICK = {"attempts": 3, "initial_delay": 0.0, "max_delay": 0.01}


@pytest.mark.parametrize("fault", faults(), ids=str)
def test_headwater_survives(fault: Fault, side: Sync) -> None:
    texts: list[str] = []
    error = None
    with fault.server() as server:
        client = genai.Client(api_key="any", http_options={"base_url": server.url, "retry_options": QUICK})
        stream = side.stream(client)
        try:
            while (chunk := side.next(stream)) is not None:
                texts.append(chunk.text)
        except HeadwaterError as problem:
            error = problem
        fault.check(texts, error, server)


def test_no_cut_passes_for_a_whole_answer() -> None:
    for fault in cuts(step=7):
        with fault.server() as server:
            client = genai.Client(api_key="any", http_options={"base_url": server.url})
            stream = client.models.generate_content_stream(
                model="m", contents="hi", config={"http_options": {"retry_options": {"attempts": 1}}}
            )
            with pytest.raises(HeadwaterError) as caught:
                stream.collect()
            fault.check(stream.text, caught.value, server)


def careless(url: str) -> str:
    """Return the text of an answer, read as many programs read it: until the body ends, whatever that means."""
    text = ""
    request = urllib.request.Request(url + "/v1/models/m:streamGenerateContent?alt=sse", b"{}")
    with urllib.request.urlopen(request) as body:
        for line in body:
            if line.startswith(b"data: {"):
                document = json.loads(line[6:])
                for candidate in document.get("candidates", ()):
                    text += "".join(part["text"] for part in candidate["content"]["parts"] if not part.get("thought"))
    return text


@pytest.mark.parametrize("name", ["a clean end without a finish reason", "an error event in the middle"])
def test_a_reader_that_takes_the_end_of_the_body_for_the_end_is_found_out(name: str) -> None:
    (fault,) = [fault for fault in faults() if fault.name == name]
    with fault.server() as server:
        text = careless(server.url)
        with pytest.raises(AssertionError, match="a broken answer was taken for a whole one: 'Hello, wide '"):
            fault.check(text, None, server)


def test_a_whole_answer_may_not_end_with_an_error() -> None:
    (fault,) = [fault for fault in faults() if fault.name == "nothing goes wrong"]
    with fault.server() as server:
        text = careless(server.url)
        fault.check(text, None, server)
        with pytest.raises(AssertionError, match=r"a whole answer ended with ValueError\('oops'\)"):
            fault.check(text, ValueError("oops"), server)
        with pytest.raises(AssertionError, match="5 characters were lost"):
            fault.check(text[:-5], None, server)
    assert text == ANSWER


def test_names_are_unique() -> None:
    names = [fault.name for fault in (*faults(), *cuts(step=50))]
    assert len(set(names)) == len(names)
