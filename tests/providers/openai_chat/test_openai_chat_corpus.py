"""Recorded streams of thirty providers against what the official SDK, or a careful reader, made of them."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from chat_wire import SHARED, Outcome, run

CORPUS = SHARED / "corpus"
STREAMS = sorted(path.stem for path in (CORPUS / "streams").glob("chat-*.sse"))
ERRORS = sorted((CORPUS / "errors").glob("*.json"))
RECORDINGS = sorted((SHARED / "recordings").glob("chat_*"))
pytestmark = pytest.mark.skipif(not STREAMS, reason=f"{CORPUS} is not there")

DONE_WITHOUT_REASON = "[DONE] after content without a finish reason: an answer here, reason unknown"
EXCEPTIONS: dict[str, tuple[set[str], str]] = {
    "chat-huggingface-c7831b40": ({"complete"}, DONE_WITHOUT_REASON),
    "chat-openrouter-2efb30c4": ({"complete"}, DONE_WITHOUT_REASON),
    "chat-snowflake-684feae8": (
        {"complete", "reasoning"},
        DONE_WITHOUT_REASON + "; the SDK drops reasoning_details",
    ),
    "chat-openrouter-7a5494a4": (
        {
            "complete",
            "input_tokens",
            "output_tokens",
            "total_tokens",
            "cached_input_tokens",
            "reasoning_tokens",
        },
        "an error beside a finish reason is a failure; the usage that follows it is not waited for",
    ),
    "chat-togetherai-430ca69e": (
        {"cached_input_tokens"},
        "we read cached_tokens where it stands in usage itself",
    ),
}
"""What cannot match, and why. One of these that matches is an error."""


def expected(name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((CORPUS / "expected" / f"{name}.json").read_text())
    return told


def differences(outcome: Outcome, want: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    choice, usage = outcome.choice, outcome.usage
    calls = [(c["id"] or "", c["name"], c["arguments"] or "{}") for c in want["tool_calls"]]
    got_calls = [(call.id, call.name, call.arguments) for call in choice.tool_calls]
    if len(calls) == len(got_calls):
        # An id that never came is made up here.
        got_calls = [
            (got[0] if told[0] else "", *got[1:]) for got, told in zip(got_calls, calls, strict=True)
        ]
    pairs: dict[str, tuple[Any, Any]] = {
        "text": (choice.text, want["text"]),
        "reasoning": (choice.reasoning, want["reasoning"]),
        "refusal": (choice.refusal, want.get("refusal") or ""),
        "tool_calls": (got_calls, calls),
        "finish_reason": (choice.finish_reason_raw, want["finish_reason"]),
        "model": (outcome.so_far.model, want["model"]),
        "response_id": (outcome.so_far.response_id, want["response_id"] or None),
        "complete": (outcome.answer is not None, bool(want["complete"])),
    }
    counts = dict(want["usage"] or {})
    reasoning = counts.get("reasoning_tokens") or 0
    if reasoning and counts["input_tokens"] + counts["output_tokens"] + reasoning == counts["total_tokens"]:
        counts["output_tokens"] += reasoning  # xAI leaves reasoning out of its completion tokens
    for name in ("input_tokens", "output_tokens", "total_tokens", "cached_input_tokens", "reasoning_tokens"):
        if name in counts or name != "reasoning_tokens":
            pairs[name] = (getattr(usage, name), counts.get(name))
    if want.get("error"):
        pairs["error"] = (outcome.failure and outcome.failure.kind, "in_stream")
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def headers_of(name: str) -> list[tuple[str, str]]:
    meta = json.loads((CORPUS / "streams" / f"{name}.json").read_text())
    return list((meta.get("response_headers") or {"content-type": "text/event-stream"}).items())


@pytest.mark.parametrize("name", STREAMS)
def test_recorded_stream_gives_the_expected_answer_however_it_is_cut(name: str) -> None:
    data = (CORPUS / "streams" / f"{name}.sse").read_bytes()
    outcome = run(data, headers=headers_of(name))
    found = differences(outcome, expected(name))
    allowed, _ = EXCEPTIONS.get(name, (set(), ""))
    assert found.keys() == allowed, found

    chance = random.Random(name)
    cuts = [[chance.randint(1, 900) for _ in range(len(data) // 450 + 1)]]
    if len(data) < 20_000:
        cuts.append([1] * len(data))
    for sizes in cuts:
        assert run(data, sizes, headers=headers_of(name)) == outcome


def test_exceptions_name_streams_that_exist() -> None:
    assert set(STREAMS) >= EXCEPTIONS.keys()


@pytest.mark.parametrize("name", STREAMS)
def test_cut_connection_never_gives_an_answer_before_the_end_marker(name: str) -> None:
    data = (CORPUS / "streams" / f"{name}.sse").read_bytes()
    half = data[: data.find(b"data:", len(data) // 2)]
    if b"[DONE]" not in half:
        outcome = run(half, clean=False, headers=headers_of(name))
        assert outcome.failure is not None
        assert outcome.failure.kind in ("transport", "in_stream")


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
