"""Recorded streams of thirty providers against what the official SDK, or a careful reader, made of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from chat_wire import run

from recorded_chats import (
    CORPUS,
    EXCEPTIONS,
    RECORDINGS,
    STREAMS,
    allowed,
    differences,
    expected,
    heard,
)
from shared_files import SHARED

ERRORS = sorted((CORPUS / "errors").glob("*.json"))
pytestmark = pytest.mark.skipif(not STREAMS, reason=f"{CORPUS} is not there")


@pytest.mark.parametrize("name", STREAMS)
def test_recorded_stream_gives_the_expected_answer_however_it_is_cut(name: str) -> None:
    differing = differences(heard(name, run), expected(name))
    assert differing.keys() == allowed(name), differing


def test_exceptions_name_streams_that_exist() -> None:
    assert set(STREAMS) >= EXCEPTIONS.keys()


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recording_of_llama_cpp_is_a_whole_answer(path: Path) -> None:
    data = path.read_bytes()
    outcome = run(data)
    assert outcome.answer is not None
    assert outcome.answer.ends
    assert outcome.choice.text or outcome.choice.tool_calls
    assert run(data, [7] * (len(data) // 7)) == outcome


def test_recording_of_two_choices_keeps_them_apart() -> None:
    outcome = run((SHARED / "recordings" / "chat_text_n2.sse").read_bytes())
    assert [choice.index for choice in outcome.choices()] == [0, 1]
    assert outcome.choices()[0].text.startswith("Hello")
    assert outcome.choices()[1].text.startswith("Welcome")


def test_recording_with_logprobs_has_them_beside_the_text() -> None:
    outcome = run((SHARED / "recordings" / "chat_text_logprobs.sse").read_bytes())
    first = outcome.deltas[0].metadata["logprobs"]["content"][0]
    assert (first["token"], outcome.deltas[0].text) == ("Hello", "Hello")


@pytest.mark.parametrize("kind", ["disconnect", "truncate", "malformed"])
def test_what_litellm_makes_of_a_broken_upstream(kind: str) -> None:
    head, _, body = (
        (SHARED / "recordings" / f"litellm_upstream_{kind}.http").read_bytes().partition(b"\r\n\r\n")
    )
    if not body:
        head, _, body = head.partition(b"\n\n")
    status = int(head.split()[1])
    outcome = run(body, status=status)
    assert (outcome.failure and outcome.failure.kind) == {
        "disconnect": "http",
        "truncate": None,  # LiteLLM invents "stop" and [DONE]: nobody can notice
        "malformed": "in_stream",
    }[kind]


@pytest.mark.parametrize("path", ERRORS, ids=lambda path: path.stem)
def test_recorded_error_body_gives_evidence(path: Path) -> None:
    told = json.loads(path.read_text())
    body = told.get("body")
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode() if body is not None else b""
    headers = list((told.get("headers") or {}).items())
    outcome = run(raw, status=told["status"], headers=headers)
    evidence = outcome.failure
    assert evidence is not None
    assert (evidence.kind, evidence.status, evidence.phase) == ("http", told["status"], "head")
    assert evidence.message
    assert "{" not in evidence.message[:1]
    assert evidence.body == raw[:4096].decode("utf-8", "replace")
    if told.get("api") == "openai-chat" and isinstance(told_error(raw), dict) and told_error(raw).get("code"):
        assert evidence.code == str(told_error(raw)["code"])
    if any(name.lower() in ("retry-after", "retry-after-ms") for name, _ in headers):
        assert evidence.retry_after_s is not None


def told_error(raw: bytes) -> Any:
    try:
        given = json.loads(raw)
    except ValueError:
        return None
    return given.get("error", given) if isinstance(given, dict) else None
