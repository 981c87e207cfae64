"""``headwater ask`` in pipes: prompts, output, statistics, and how it ends."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8


def asked(api: Any) -> Any:
    """The parts of the last question."""
    return api.requests[-1][2]["contents"][0]["parts"]


@pytest.fixture
def good(api: Any, make_chunk: Any) -> Any:
    """An API whose answer is whole."""
    usage = {"promptTokenCount": 5, "candidatesTokenCount": 7, "totalTokenCount": 12}
    api.pieces = [make_chunk("Once "), make_chunk("upon a time.", "STOP", usageMetadata=usage)]
    return api


def test_offline_needs_no_key(run: Any) -> None:
    """``--offline`` answers without a key and without a network."""
    result = run("ask", "--offline", "--base-url", "offline:instant", "Tell me a story in 100 words.")
    assert result.returncode == 0
    assert len(result.stdout.split()) > 50
    assert result.stderr == b""


def test_offline_keeps_the_pace_of_the_environment(run: Any, offline: Any) -> None:
    """``--offline`` beside an offline URL in the environment keeps that URL's pace, and no key leaves for it."""
    result = run("ask", "--offline", "hello", env=offline | {"GEMINI_API_KEY": "x", "GOOGLE_API_KEY": "y"})
    assert (result.returncode, result.stderr) == (0, b"")


def test_offline_and_a_url_of_the_network_contradict(run: Any) -> None:
    """``--offline`` with an address of the network is a usage error."""
    result = run("ask", "--offline", "--base-url", "http://127.0.0.1:9", "hello")
    assert result.returncode == 2
    assert b"cannot be combined" in result.stderr


def test_text_goes_out_as_it_came(run: Any, good: Any) -> None:
    """In a pipe the output is the answer's text and nothing else."""
    result = run("ask", "Tell", "me", "a", "story", env=good.env)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"Once upon a time.", b"")
    assert asked(good) == [{"text": "Tell me a story"}]
    assert good.requests[0][0].startswith("/v1/models/gemini-3.8-flash:streamGenerateContent")


@pytest.mark.parametrize(
    ("words", "piped", "question"),
    [
        (["summarize"], "some notes\n", "summarize\n\nsome notes"),
        ([], "  only this \n", "only this"),
        (["-"], "only this", "only this"),
        (["Before", "-", "after", "it"], "piped", "Before\n\npiped\n\nafter it"),
        (["alone"], "", "alone"),
        (["--", "--json"], "", "--json"),
        (["smile"], b"\xff\xfeh\x00i\x00", "smile\n\nhi"),
        (["broken"], b"caf\xe9", "broken\n\ncaf\ufffd"),
    ],
)
def test_prompt(run: Any, good: Any, words: Any, piped: Any, question: Any) -> None:
    """Words are joined by spaces, and standard input is added or stands where a dash is."""
    assert run("ask", *words, input=piped, env=good.env).returncode == 0
    assert asked(good) == [{"text": question}]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], b"no prompt"),
        (["  "], b"no prompt"),
        (["-", "-"], b"only once"),
        (["--image", "-", "-"], b"only once"),
        (["--image", "no-such-file.png", "what?"], b"cannot read 'no-such-file.png'"),
        (["--timeout", "0", "hello"], b"--timeout"),
        (["--timeout", "nan", "hello"], b"--timeout"),
        (["--max-tokens", "0", "hello"], b"--max-tokens"),
        (["--model", "", "hello"], b"model is required"),
        (["--base-url", "offline:fast", "hello"], b"says no pace"),
        (["--base-url", "localhost:8080", "hello"], b"must start with"),
        (["--colour", "hello"], b"--colour"),
    ],
)
def test_usage_errors(run: Any, offline: Any, arguments: Any, complaint: Any) -> None:
    """What is wrong with a command is said in words, and the exit code is 2."""
    result = run("ask", *arguments, env=offline)
    assert result.returncode == 2
    assert complaint in result.stderr
    assert b"Traceback" not in result.stderr
    assert result.stdout == b""


def test_piped_binary_is_no_text(run: Any, offline: Any) -> None:
    """An image piped in as text is a usage error that says what to do instead."""
    result = run("ask", "what is this?", input=PNG, env=offline)
    assert result.returncode == 2
    assert b"--file -" in result.stderr


def test_images(run: Any, good: Any, tmp_path: Path) -> None:
    """Images are sent before the text, with the type that their bytes show; URIs are sent as URIs."""
    named_wrongly = tmp_path / "photo.jpg"
    named_wrongly.write_bytes(PNG)
    images = ["--image", str(named_wrongly), "--image", "gs://bucket/scones.jpg", "--image", "-"]
    assert run("ask", *images, "What is this?", input=b"\xff\xd8\xff\xe0" + b"\0" * 9, env=good.env).returncode == 0
    png, uri, jpeg, text = asked(good)
    assert png["inlineData"]["mimeType"] == "image/png"
    assert uri == {"fileData": {"fileUri": "gs://bucket/scones.jpg", "mimeType": "image/jpeg"}}
    assert jpeg["inlineData"]["mimeType"] == "image/jpeg"
    assert text == {"text": "What is this?"}


def test_file_of_no_known_kind(run: Any, offline: Any, tmp_path: Path) -> None:
    """A file that shows no type, by its bytes or its name, is a usage error."""
    (tmp_path / "thing").write_bytes(b"\x00\x99??")
    result = run("ask", "--file", str(tmp_path / "thing"), "what?", env=offline)
    assert result.returncode == 2
    assert b"neither its first bytes nor its name tell" in result.stderr


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("report", b"%PDF-1.7\n%\xe2\xe3\n", "application/pdf"),
        ("notes.md", b"# Rivers\n", "text/markdown"),
        ("no-extension", "caf\u00e9".encode(), "text/plain"),
        ("app.ts", b"const a: number = 1\n", "text/plain"),
        ("data.json", b"{}", "application/json"),
        ("BMW.txt", b"BMW makes cars", "text/plain"),
        ("song", b"ID3\x04\x00\x00", "audio/mpeg"),
        ("speech.bin", b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio/wav"),
        ("clip", b"\x00\x00\x00\x20ftypisom\x00\x00", "video/mp4"),
        ("clip.flv", b"FLV\x01\x05\x00\x00\xff", "video/x-flv"),
    ],
)
def test_files(run: Any, good: Any, tmp_path: Path, name: Any, data: Any, kind: Any) -> None:
    """Any kind of file can be sent, with the type that its bytes show, else its name."""
    (tmp_path / name).write_bytes(data)
    assert run("ask", "-f", str(tmp_path / name), "What is this?", env=good.env).returncode == 0
    file, text = asked(good)
    assert (file["inlineData"]["mimeType"], base64.b64decode(file["inlineData"]["data"])) == (kind, data)
    assert text == {"text": "What is this?"}


def test_texts_are_sent_as_utf8(run: Any, good: Any) -> None:
    """A text in UTF-16, as some editors save it, is converted."""
    assert run("ask", "--file", "-", "what?", input="\ufeffcaf\u00e9".encode("utf-16-le"), env=good.env).returncode == 0
    assert base64.b64decode(asked(good)[0]["inlineData"]["data"]) == "caf\u00e9".encode()


def test_options_reach_the_request(run: Any, good: Any) -> None:
    """Model, system instruction, temperature, limit and thinking are what the request says."""
    options = ["-m", "gemini-2.5-pro", "-s", "Be brief.", "--temperature", "0.5", "--max-tokens", "9", "--thinking"]
    assert run("ask", *options, "hello", env=good.env).returncode == 0
    path, _, body = good.requests[0]
    assert "models/gemini-2.5-pro:" in path
    assert body["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    assert body["generationConfig"] == {
        "temperature": 0.5,
        "maxOutputTokens": 9,
        "thinkingConfig": {"includeThoughts": True},
    }


def test_model_from_the_environment(run: Any, good: Any) -> None:
    """HEADWATER_MODEL names the model that is asked when no option does."""
    run("ask", "hello", env=good.env | {"HEADWATER_MODEL": "gemini-9"})
    assert "models/gemini-9:" in good.requests[0][0]


def test_json_is_what_the_api_sent(run: Any, api: Any) -> None:
    """``--json`` prints each chunk on one line with every field that came, known or not."""
    pretty = b'data: {\r\ndata:   "candidates": [{"content": {"parts": [{"text": "a\\nb \xc3\xa9"}]}}],\r\n'
    last = {"candidates": [{"finishReason": "STOP", "newField": 1.50}], "tomorrow": True}
    api.pieces = [pretty + b'data:   "n": 1e2\r\ndata: }\r\n\r\n', last]
    result = run("ask", "--json", "hello", env=api.env)
    first, second = result.stdout.splitlines()
    assert first == b'{"candidates":[{"content":{"parts":[{"text":"a\\nb \xc3\xa9"}]}}],"n":1e2}'
    assert json.loads(second) == last


def test_stats(run: Any, good: Any) -> None:
    """``--stats`` writes one line beside the answer: times, chunks, tokens and their rate."""
    result = run("ask", "--stats", "hello", env=good.env)
    assert result.stdout == b"Once upon a time."
    pattern = r"first chunk [\d.]+ s, total [\d.]+ s, 2 chunks, 5 tokens in, 7 out, \d+ tokens/s\n"
    assert re.fullmatch(pattern, result.stderr.decode())


def test_stats_as_json(run: Any, good: Any) -> None:
    """With ``--json`` the statistics are JSON too, on standard error."""
    result = run("ask", "--stats", "--json", "hello", env=good.env)
    figures = json.loads(result.stderr)
    assert figures["chunks"] == 2
    assert figures["answer_tokens"] == 7
    assert 0 < figures["first_chunk_seconds"] <= figures["total_seconds"]


def test_thoughts_are_kept_apart(run: Any, api: Any) -> None:
    """Thoughts go to standard error, so that the answer stays clean."""
    thought = {"candidates": [{"content": {"parts": [{"text": "Let me see", "thought": True}]}}]}
    api.pieces = [thought, {"candidates": [{"content": {"parts": [{"text": "42"}]}, "finishReason": "STOP"}]}]
    result = run("ask", "--thinking", "hello", env=api.env)
    assert (result.stdout, result.stderr) == (b"42", b"Let me see\n")


def test_no_key(run: Any) -> None:
    """Without a key one line says what to set, and that --offline works now."""
    result = run("ask", "hello")
    assert result.returncode == 2
    assert result.stderr.count(b"\n") == 1
    assert b"GEMINI_API_KEY" in result.stderr
    assert b"--offline" in result.stderr


@pytest.mark.parametrize(
    ("code", "status", "message"),
    [(400, "INVALID_ARGUMENT", "bad"), (403, "PERMISSION_DENIED", "no"), (501, "UNIMPLEMENTED", "not\nhere")],
)
def test_refusals(run: Any, api: Any, code: Any, status: Any, message: Any) -> None:
    """What the API refuses is said in one line without a traceback and without the key; the exit code is 1."""
    api.refusal = code, {"code": code, "message": message, "status": status}
    result = run("ask", "hello", env=api.env)
    assert result.returncode == 1
    assert result.stderr.decode() == f"headwater: {code} {status}: {' '.join(message.split())}\n"
    assert b"kept-secret" not in result.stderr


def test_a_key_in_a_message_is_blacked_out(run: Any, api: Any) -> None:
    """A message that repeats the key is shown without it."""
    api.refusal = 400, {"code": 400, "message": "key a-key-to-be-kept-secret is bad", "status": "INVALID_ARGUMENT"}
    result = run("ask", "hello", env=api.env | {"HEADWATER_DEBUG": "1"})
    assert b"kept-secret" not in result.stderr
    assert b"*** is bad" in result.stderr
    assert b"Traceback" in result.stderr


def test_how_long_to_wait(run: Any, api: Any) -> None:
    """A refusal for too many requests says when to try again."""
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "70s"}]
    api.refusal = 429, {"code": 429, "message": "Quota.", "status": "RESOURCE_EXHAUSTED", "details": details}
    assert run("ask", "hello", env=api.env).stderr.endswith(b"Quota. Try again in 70 s\n")


def test_another_try_is_announced(run: Any, api: Any) -> None:
    """Whoever waits for another try is told why and how long, and then how it ended."""
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.2s"}]
    api.refusal = 429, {"code": 429, "message": "Busy.", "status": "RESOURCE_EXHAUSTED", "details": details}
    said = run("ask", "hello", env=api.env).stderr.decode()
    assert said.count("retrying in") == 2
    assert said.endswith("Busy. Try again in 0.2 s\n")


def test_no_server_listens(run: Any) -> None:
    """No answer at all is exit code 1."""
    result = run("ask", "--base-url", "http://127.0.0.1:9", "hello", env={"GEMINI_API_KEY": "k", "NO_PROXY": "*"})
    assert result.returncode == 1
    assert [b"retrying" in line for line in result.stderr.splitlines()] == [True, True, False]


def test_silence_before_the_answer(run: Any, api: Any) -> None:
    """An API that says nothing within the timeout is a failure: exit code 1."""
    api.hold = True
    assert run("ask", "--timeout", "0.3", "hello", env=api.env).returncode == 1
    assert api.left.wait(10)


def test_silence_inside_the_answer(run: Any, api: Any, make_chunk: Any) -> None:
    """An answer that stalls keeps what had come and ends with exit code 4."""
    api.pieces, api.hold = [make_chunk("Once ")], True
    result = run("ask", "--timeout", "0.3", "hello", env=api.env)
    assert (result.returncode, result.stdout) == (4, b"Once ")
    assert result.stderr.startswith(b"headwater: timed out: nothing arrived from the API for 0.3 s (--timeout);")


def test_cut_off(run: Any, api: Any, make_chunk: Any) -> None:
    """An answer without a finish reason keeps what had come and ends with exit code 4."""
    api.pieces = [make_chunk("Once ")]
    result = run("ask", "hello", env=api.env)
    assert (result.returncode, result.stdout) == (4, b"Once ")
    assert b"without a finish reason" in result.stderr


def test_error_inside_the_answer(run: Any, api: Any, make_chunk: Any) -> None:
    """An error of the API in the middle keeps what had come and ends with exit code 1."""
    api.pieces = [make_chunk("Once "), {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}]
    result = run("ask", "hello", env=api.env)
    assert (result.returncode, result.stdout) == (1, b"Once ")


def test_blocked_prompt(run: Any, api: Any) -> None:
    """A blocked prompt says why and ends with exit code 3."""
    api.pieces = [{"promptFeedback": {"blockReason": "SAFETY"}}]
    result = run("ask", "hello", env=api.env)
    assert (result.returncode, result.stderr) == (3, b"headwater: the prompt was blocked: SAFETY\n")


@pytest.mark.parametrize(("reason", "code"), [("SAFETY", 3), ("RECITATION", 3), ("MAX_TOKENS", 0), ("BRAND_NEW", 4)])
def test_finish_reasons(run: Any, api: Any, make_chunk: Any, reason: Any, code: Any) -> None:
    """How the model stopped shows in the exit code, and is said where the answer is not simply whole."""
    api.pieces = [make_chunk("Once "), make_chunk("upon", reason)]
    result = run("ask", "hello", env=api.env)
    assert (result.returncode, result.stdout) == (code, b"Once upon")
    assert result.stderr.count(b"\n") == 1


def test_what_is_no_text_is_mentioned(run: Any, api: Any) -> None:
    """Parts that a terminal cannot show are named."""
    image = {"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}}
    api.pieces = [{"candidates": [{"content": {"parts": [image]}, "finishReason": "STOP"}]}]
    result = run("ask", "draw", env=api.env)
    assert (result.returncode, result.stderr) == (0, b"not shown here (use --json): inline data\n")


def test_control_characters_stay_in_pipes(run: Any, api: Any, make_chunk: Any) -> None:
    """In a pipe the text is not touched."""
    api.pieces = [make_chunk("\x1b[31mred\r\n", "STOP")]
    assert run("ask", "hello", env=api.env).stdout == b"\x1b[31mred\r\n"


def test_head_ends_it_quietly(start: Any, api: Any, make_chunk: Any) -> None:
    """When the reader of the pipe has gone, the stream is stopped and nothing is said."""
    api.pieces, api.hold = [make_chunk("line\n")] + [make_chunk("more\n" * 9000)] * 20, True
    process = start("ask", "hello", env=api.env)
    assert process.stdout.readline() == b"line\n"
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(20) == 0


def test_ctrl_c_closes_the_connection(start: Any, api: Any, make_chunk: Any) -> None:
    """Ctrl-C ends the stream and its connection at once; the text so far has been printed; the exit code is 130."""
    api.pieces, api.hold = [make_chunk("Once ")], True
    process = start("ask", "--stats", "hello", env=api.env)
    assert process.stdout.read(5) == b"Once "
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert api.left.wait(10)
    assert b"1 chunks" in process.stderr.read()


def test_closed_output(run: Any, offline: Any) -> None:
    """A run whose standard streams are closed ends as any other."""
    command = [sys.executable, "-m", "headwater", "ask", "hello"]
    script = 'exec "$@" <&- >&- 2>&-'
    result = subprocess.run(["bash", "-c", script, "bash", *command], env=os.environ | offline, timeout=20, check=False)
    assert result.returncode == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_full_disk(offline: Any) -> None:
    """An answer that cannot be written is said in one line; the exit code is 1."""
    command = [sys.executable, "-m", "headwater", "ask", "hello"]
    with open("/dev/full", "wb") as full:
        result = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            env=os.environ | offline,
            timeout=20,
            check=False,
        )
    assert result.returncode == 1
    assert b"No space left" in result.stderr
    assert b"Traceback" not in result.stderr
