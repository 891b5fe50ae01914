"""The recorded chat streams and what each must come to, for the decoder alone and for the whole way."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from greenroom.messages.completion import Choice
from greenroom.messages.usage import Usage

from codec_run import Outcome
from shared_files import CORPUS, SHARED

STREAMS = sorted(path.stem for path in (CORPUS / "streams").glob("chat-*.sse"))
RECORDINGS = sorted((SHARED / "recordings").glob("chat_*"))
"""Of llama.cpp, in a folder of their own."""

DONE_WITHOUT_REASON = (
    "[DONE] is the wire's end marker, and `complete` means that it was seen: an answer, its reason unknown"
)
EXCEPTIONS: dict[str, tuple[set[str], str]] = {
    "chat-huggingface-c7831b40": ({"complete"}, DONE_WITHOUT_REASON),
    "chat-openrouter-2efb30c4": ({"complete"}, DONE_WITHOUT_REASON),
    "chat-snowflake-684feae8": (
        {"complete", "reasoning"},
        DONE_WITHOUT_REASON + "; its only reasoning is in reasoning_details, which the SDK drops",
    ),
    "chat-openrouter-7a5494a4": (
        {"complete"},
        "it told an error: no answer, whatever finish reason stood beside it",
    ),
    "chat-togetherai-430ca69e": (
        {"cached_input_tokens"},
        "the count stands in usage itself, where the expectation did not look",
    ),
}
"""Where an expectation is wrong, and why. One of these that matches is an error."""


@dataclass(frozen=True)
class Found:
    """What greenroom made of a stream."""

    choice: Choice
    usage: Usage
    model: str | None
    response_id: str | None
    completed: bool
    failed_in_stream: bool


def found(outcome: Outcome) -> Found:
    told, failure = outcome.so_far, outcome.failure
    in_stream = failure is not None and failure.kind == "in_stream"
    completed = outcome.answer is not None
    return Found(outcome.choice, outcome.usage, told.model, told.response_id, completed, in_stream)


def heard(name: str, run: Callable[..., Outcome]) -> Found:
    """What a codec's `run` makes of this recording, however it is cut."""
    data, headers = stream_bytes(name), headers_of(name)
    outcome = run(data, headers=headers)
    assert run(data, random_sizes(name, len(data)), headers=headers) == outcome
    return found(outcome)


def stream_bytes(name: str) -> bytes:
    return (CORPUS / "streams" / f"{name}.sse").read_bytes()


def headers_of(name: str) -> list[tuple[str, str]]:
    meta = json.loads((CORPUS / "streams" / f"{name}.json").read_text())
    return list((meta.get("response_headers") or {"content-type": "text/event-stream"}).items())


def expected(name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((CORPUS / "expected" / f"{name}.json").read_text())
    return told


def allowed(name: str) -> set[str]:
    return EXCEPTIONS.get(name, (set[str](), ""))[0]


def random_sizes(name: str, size: int, largest: int = 900) -> list[int]:
    """Where to cut: the same for the same name."""
    chance = random.Random(name)
    return [chance.randint(1, largest) for _ in range(2 * size // largest + 1)]


def empty_arguments(want: dict[str, Any]) -> str:
    """What "" stands for: where the tokens ran out before the first argument nobody knows, else for `{}`."""
    return "" if want["finish_reason"] == "length" else "{}"


def differences(found: Found, want: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """By field, what was found and what was wanted."""
    choice, usage = found.choice, found.usage
    empty = empty_arguments(want)
    calls = [(c["id"] or "", c["name"], c["arguments"] or empty) for c in want["tool_calls"]]
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
        "model": (found.model, want["model"]),
        "response_id": (found.response_id, want["response_id"] or None),
        "complete": (found.completed, bool(want["complete"])),
    }
    counts = dict(want["usage"] or {})
    reasoning = counts.get("reasoning_tokens") or 0
    if reasoning and counts["input_tokens"] + counts["output_tokens"] + reasoning == counts["total_tokens"]:
        counts["output_tokens"] += reasoning  # xAI leaves reasoning out of its completion tokens
    for name in ("input_tokens", "output_tokens", "total_tokens", "cached_input_tokens", "reasoning_tokens"):
        if name in counts or name != "reasoning_tokens":
            pairs[name] = (getattr(usage, name), counts.get(name))
    if want.get("error"):
        pairs["error"] = (found.failed_in_stream, True)
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
