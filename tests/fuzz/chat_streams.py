"""Bytes near what chat servers send: recordings with faults in them, chunks of wrong types, plain noise."""

import json
from random import Random
from typing import Any

from .faults import Vocabulary, broken_off, noisy
from .recorded import recorded_events

_RECORDED = "chat-*.sse"
_WORDS = ("", "a", " two", "<think>", "</think>", '{"x":1}', '{"x"', ":1}", "{}", "\ud83d", "\ude00", "\U0001f600",
          "é\n", "stop", "length", "error", "tool_calls", "[DONE]", "7", "\0", "x" * 200)  # fmt: skip
_NAMES = (
    "id", "object", "model", "choices", "usage", "error", "x_groq", "index", "delta", "message", "finish_reason",
    "logprobs", "content", "refusal", "tool_calls", "function_call", "function", "name", "arguments", "type",
    "text", "reasoning", "reasoning_content", "reasoning_details", "thinking", "data", "annotations",
    "prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "cached_tokens", "code",
    "status", "detail",
    "base_resp", "status_code", "custom", "input", "obfuscation", "system_fingerprint", "citations", "errors",
)  # fmt: skip
CHAT = Vocabulary(_WORDS, _NAMES, depth=5)
_NOISE = (b"data: [DONE]\n\n", b": ping\n\n", b"event: error\n", b"data:\n\n", b"\n", b"\r\n", b"error: x\n\n",
          b"id: 1\n", b"data: null\n\n", b"data: {\n", b"\xff\xfe", b"event: ping\ndata: x\n\n",
          b"[1]", b"<html>", b"\xef\xbb\xbf",
          b"data: " + b"[" * 3000 + b"\n\n", b'data: {"usage":{"prompt_tokens":1e999}}\n\n')  # fmt: skip


def stream(rng: Random, older: bool = False) -> bytes:
    """`older`: most choices have their text where the completions wire has it."""
    kind = rng.randrange(10)
    if kind == 0:
        start = rng.choice((b"", b"data: ", b'{"', b"[", b"data: {}\n\n", b"<"))
        return start + rng.randbytes(rng.randrange(300))
    chunks = _recorded(rng) if kind < 5 and recorded_events(_RECORDED) else _invented(rng)
    if older:
        chunks = [_older(rng, chunk) for chunk in chunks]
    if kind == 9:
        return json.dumps(chunks[0] if chunks else CHAT.value(rng)).encode()
    return _framed(rng, [CHAT.mutated(rng, chunk) if rng.random() < 0.3 else chunk for chunk in chunks])


def _older(rng: Random, chunk: Any) -> Any:
    """The chunk in the form of the completions wire, or half so, or as it is."""
    choices = chunk.get("choices") if isinstance(chunk, dict) else None
    if not isinstance(choices, list) or rng.random() < 0.1:
        return chunk
    return {**chunk, "object": "text_completion", "choices": [_older_choice(rng, each) for each in choices]}


def _older_choice(rng: Random, choice: Any) -> Any:
    delta = choice.get("delta") if isinstance(choice, dict) else None
    if not isinstance(delta, dict):
        return choice
    older = {**choice, "text": delta.get("content") or ""}
    if rng.random() < 0.3:
        older["logprobs"] = {
            "tokens": [older["text"]],
            "token_logprobs": [CHAT.value(rng)],
            "text_offset": [0],
        }
    return older if rng.random() < 0.1 else {name: each for name, each in older.items() if name != "delta"}


def _invented(rng: Random) -> list[Any]:
    """A plausible answer: text, reasoning and calls in turn, ids and indices as servers give them or not."""
    chunks = [_chunk(rng, _delta(rng)) for _ in range(rng.randrange(12))]
    finish = rng.choice(("stop", "length", "tool_calls", "error", "", None))
    return [
        *chunks,
        _chunk(rng, {}, finish),
        {"choices": [], "usage": {"prompt_tokens": 1, "total_tokens": 3}},
    ]


def _chunk(rng: Random, delta: dict[str, Any], finish: Any = None) -> dict[str, Any]:
    choice: dict[str, Any] = {"index": rng.choice((0, 0, 0, 1)), "delta": delta, "finish_reason": finish}
    return {"id": "c", "model": "m", "choices": [choice]}


def _delta(rng: Random) -> dict[str, Any]:
    kind, word = rng.randrange(4), rng.choice(_WORDS)
    if kind < 2:
        return {("content", "reasoning_content")[kind]: word}
    if kind == 2:
        return {
            "reasoning": word,
            "reasoning_details": [{"type": "reasoning.text", "text": word, "data": CHAT.value(rng)}],
        }
    fragment: dict[str, Any] = {"function": {"arguments": rng.choice(_WORDS)}}
    if rng.random() < 0.7:
        fragment["index"] = rng.choice((0, 0, 1, 2, None, "0"))
    if rng.random() < 0.5:
        fragment["id"] = rng.choice(("", "a", "b", None, 7))
    if rng.random() < 0.5:
        fragment["function"]["name"] = rng.choice(("f", "g", "", None))
    return {"tool_calls": [fragment] * rng.choice((1, 1, 1, 2))}


def _framed(rng: Random, chunks: list[Any]) -> bytes:
    out = list[bytes]()
    for chunk in chunks:
        text = json.dumps(chunk, ensure_ascii=rng.random() < 0.5)
        out.append(b"data: " + text.encode("utf-8", "surrogatepass") + b"\n\n")
    out += [b"data: [DONE]\n\n"] * rng.choice((0, 1, 1, 2))
    data = broken_off(rng, noisy(rng, out, _NOISE), 0.1)
    return data.replace(b"\n", rng.choice((b"\n", b"\n", b"\n", b"\r\n", b"\r")))


def _recorded(rng: Random) -> list[Any]:
    """Some of a recording's chunks, in an order that it may not have had."""
    chunks = rng.choice(recorded_events(_RECORDED))
    at = rng.randrange(len(chunks))
    some = chunks[at : at + rng.randrange(1, 20)]
    if rng.random() < 0.2:
        rng.shuffle(some)
    return [*some, *chunks[-2:]]
