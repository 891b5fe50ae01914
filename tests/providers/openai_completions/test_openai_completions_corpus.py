"""Recorded completions streams against what the official SDK, or a careful reader, made of them."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from completions_wire import Outcome, run
from cut_places import cut_places

from recorded_chats import expected, headers_of, stream_bytes
from shared_files import CORPUS, SHARED

STREAMS = sorted(
    path.stem
    for path in (CORPUS / "streams").glob("*.json")
    if json.loads(path.read_text())["api"] == "openai-completions"
)
ERRORS = sorted(
    path
    for path in (CORPUS / "errors").glob("*.json")
    if json.loads(path.read_text()).get("api") == "openai-completions"
)
RECORDINGS = sorted((SHARED / "recordings").glob("completions_*.sse"))
pytestmark = pytest.mark.skipif(not STREAMS, reason=f"{CORPUS} is not there")


def differences(outcome: Outcome, want: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    choice, usage, told = outcome.choice, outcome.usage, want["usage"] or {}
    pairs: dict[str, tuple[Any, Any]] = {
        "text": (choice.text, want["text"]),
        "reasoning": (choice.reasoning, want["reasoning"]),
        "finish_reason": (choice.finish_reason_raw, want["finish_reason"]),
        "model": (outcome.so_far.model, want["model"]),
        "response_id": (outcome.so_far.response_id, want["response_id"]),
        "complete": (outcome.answer is not None, bool(want["complete"])),
        "no failure": (outcome.failure is None, bool(want["complete"]) and not want.get("error")),
    }
    for name in ("input_tokens", "output_tokens", "total_tokens"):
        pairs[name] = (getattr(usage, name), told.get(name))
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


@pytest.mark.parametrize("name", STREAMS)
def test_recorded_stream_gives_the_expected_answer_however_it_is_cut(name: str) -> None:
    data, headers = stream_bytes(name), headers_of(name)
    outcome = run(data, headers=headers)
    want = expected(name)
    assert differences(outcome, want) == {}

    chance = random.Random(name)
    cuts = [
        [1] * len(data),
        *([chance.randint(1, 900) for _ in range(len(data) // 450 + 1)] for _ in range(5)),
    ]
    for sizes in cuts:
        assert run(data, sizes, headers=headers) == outcome


@pytest.mark.parametrize("name", STREAMS)
def test_connection_cut_at_any_byte_is_a_failure_with_what_came(name: str) -> None:
    data, headers = stream_bytes(name), headers_of(name)
    whole = run(data, headers=headers)
    end = data.find(b"data: [DONE]\n\n") + len(b"data: [DONE]\n\n") if b"[DONE]" in data else len(data) + 1
    for size in cut_places(min(end, len(data)), name):
        outcome = run(data[:size], clean=False, headers=headers)
        assert outcome.answer is None
        assert outcome.failure is not None
        assert outcome.failure.kind == "transport"
        assert whole.choice.text.startswith(outcome.choice.text)


@pytest.mark.parametrize("name", STREAMS)
def test_body_that_ends_cleanly_at_any_byte_is_no_answer_before_its_finish_reason(name: str) -> None:
    data, headers = stream_bytes(name), headers_of(name)
    finished = max(data.find(b'"finish_reason":"'), data.find(b'"finish_reason": "'))
    for size in cut_places(len(data) if finished < 0 else finished, name):
        outcome = run(data[:size], headers=headers)
        assert outcome.failure is not None
        assert outcome.failure.kind == "protocol"


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recording_of_llama_cpp_is_a_whole_answer(path: Path) -> None:
    data = path.read_bytes()
    outcome = run(data, profile="llamacpp")
    assert outcome.answer is not None
    assert outcome.choice.text.startswith(", we had a company that valued technology")
    assert [end.raw for end in outcome.answer.ends] == ["length"]
    assert (outcome.usage.input_tokens, outcome.usage.output_tokens) == (4, 20)
    assert outcome.answer.metadata["timings"]["predicted_n"] == 20
    assert run(data, [7] * (len(data) // 7), profile="llamacpp") == outcome


@pytest.mark.parametrize("path", ERRORS, ids=lambda path: path.stem)
def test_recorded_error_is_evidence(path: Path) -> None:
    told = json.loads(path.read_text())
    evidence = run(told["body"].encode(), status=told["status"], headers=told["headers"].items()).failure
    assert evidence is not None
    error = json.loads(told["body"])["error"]
    assert (evidence.kind, evidence.status, evidence.message) == ("http", told["status"], error["message"])
    assert evidence.error_type == error["type"]
    assert evidence.provider_request_id == told["headers"]["x-request-id"]
