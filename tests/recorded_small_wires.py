"""The recorded streams of Ollama, Cohere and Workers AI, and what each must come to."""

import json
from typing import Any

from cut_places import cut_places

from greenroom.messages.commands import WireHead

from codec_run import CodecRun
from recorded_chats import Found, expected, found
from shared_files import CORPUS

KINDS = {"ollama": "ollama", "ollamagen": "ollama-generate", "cohere": "cohere-chat", "cfai": "cloudflare-ai"}
"""The kind of wire by the beginning of a recording's name."""
STREAMS = sorted(
    path.stem for path in (CORPUS / "streams").glob("*.sse") if path.stem.partition("-")[0] in KINDS
)

EXCEPTIONS: dict[str, tuple[set[str], str]] = {
    "cfai-cloudflare-27328fc6": ({"tool_calls"}, "the expectation has none, the recording one, in fragments"),
    "cfai-cloudflare-88ab1f10": (
        {"text"},
        "the piece `true` came as a JSON truth value, which the expectation wrote as Python's `True`",
    ),
}
"""Where an expectation is wrong, and why. One of these that matches is an error."""


def kind_of(name: str) -> str:
    return KINDS[name.partition("-")[0]]


def streams_of(kind: str) -> list[str]:
    return [name for name in STREAMS if kind_of(name) == kind]


def allowed(name: str) -> set[str]:
    return EXCEPTIONS.get(name, (set[str](), ""))[0]


def differences(got: Found, want: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """By field, what was found and what was wanted.

    A plan for tools is reasoning here. Ids that never came are made up, and each is another one.
    """
    choice, usage, counts = got.choice, got.usage, dict(want["usage"] or {})
    reasoning_tokens = (want["raw_usage"] or {}).get("tokens", {}).get("reasoning_tokens")
    calls = [(call["name"], call["arguments_json"], call["id"]) for call in want["tool_calls"]]
    ids = [call.id for call in choice.tool_calls]
    got_calls = [
        (call.name, json.loads(call.arguments), call.id if told and told[2] else None)
        for call, told in zip(choice.tool_calls, [*calls, *[None] * len(ids)], strict=False)
    ]
    pairs: dict[str, tuple[Any, Any]] = {
        "text": (choice.text, want["text"]),
        "reasoning": (choice.reasoning, want["reasoning"] + want.get("tool_plan", "")),
        "refusal": (choice.refusal, want.get("refusal") or ""),
        "tool_calls": (got_calls, calls),
        "ids": (len(set(ids)), len(ids)),
        "whole": (all(call.complete for call in choice.tool_calls), True),
        "finish_reason": (choice.finish_reason_raw, want["finish_reason"]),
        "model": (got.model, want["model"]),
        "response_id": (got.response_id, want["response_id"] or None),
        "complete": (got.completed, bool(want["complete"])),
        "reasoning_tokens": (usage.reasoning_tokens, reasoning_tokens),
        "raw_usage": (json.loads(json.dumps(dict(usage.raw), default=dict)), want["raw_usage"]),
        "error": (got.failed_in_stream, bool(want.get("error"))),
    }
    for name in ("input_tokens", "output_tokens", "cached_input_tokens"):
        pairs[name] = (getattr(usage, name), counts.get(name))
    told = counts.get("input_tokens"), counts.get("output_tokens")
    total = None if None in told else sum(filter(None, told))
    pairs["total_tokens"] = (usage.total_tokens, counts.get("total_tokens", total))
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def check_recording(run: CodecRun, name: str, data: bytes, sizes: list[int]) -> None:
    """Whole and cut, a recording comes to what is expected of it, field by field."""
    outcome = run.run(data, headers=())
    differing = differences(found(outcome), expected(name))
    assert differing.keys() == allowed(name), differing
    assert run.run(data, sizes, headers=()) == outcome


def check_every_cut(run: CodecRun, data: bytes, ends: set[int]) -> None:
    """A body that ends too early is a failure, with a beginning of the text; nothing raises.

    `ends`: so many bytes hold the whole answer.
    """
    whole = run.run(data, headers=())
    decoder, seq = run.codec.start(run.call()), 1
    decoder.head(WireHead(200, ()))
    for at in range(min(ends) - 1):
        decoded = decoder.feed(data[at : at + 1], seq, 1000.0)
        seq += len(decoded.deltas)
        assert decoded.answer is None, at
        assert decoded.failure is None, at
    for size in cut_places(len(data), "cut"):
        for clean in (True, False):
            cut = run.run(data[:size], headers=(), clean=clean)
            assert whole.choice.text.startswith(cut.choice.text)
            assert whole.choice.reasoning.startswith(cut.choice.reasoning)
            assert (cut.answer is None) or size >= min(ends), (size, clean)
