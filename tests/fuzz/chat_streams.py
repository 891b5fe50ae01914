"""Bytes near what chat servers send: recordings with faults in them, chunks of wrong types, plain noise."""

import json
import os
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

_SHARED = Path(os.environ.get("GREENROOM_SHARED", Path(__file__).parents[3] / "shared"))
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
    chunks = _recorded(rng) if kind < 5 and _recordings() else _invented(rng)
    if older:
        chunks = [_older(rng, chunk) for chunk in chunks]
    if kind == 9:
        return json.dumps(chunks[0] if chunks else value(rng)).encode()
    return _framed(rng, [_mutated(rng, chunk) if rng.random() < 0.3 else chunk for chunk in chunks])


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
        older["logprobs"] = {"tokens": [older["text"]], "token_logprobs": [value(rng)], "text_offset": [0]}
    return older if rng.random() < 0.1 else {name: each for name, each in older.items() if name != "delta"}


def value(rng: Random, depth: int = 0) -> Any:
    """Any JSON value, mostly of the words and names of this wire."""
    kind = rng.randrange(9 if depth < 5 else 6)
    if kind < 2:
        return rng.choice(_WORDS)
    if kind < 6:
        return rng.choice(
            (None, True, False, 0, 1, -1, 2, 3.0, 1.5, 128, 10**20, 1e300, float("nan"), float("inf"))
        )
    if kind < 7:
        return [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(_NAMES): value(rng, depth + 1) for _ in range(rng.randrange(5))}


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
            "reasoning_details": [{"type": "reasoning.text", "text": word, "data": value(rng)}],
        }
    fragment: dict[str, Any] = {"function": {"arguments": rng.choice(_WORDS)}}
    if rng.random() < 0.7:
        fragment["index"] = rng.choice((0, 0, 1, 2, None, "0"))
    if rng.random() < 0.5:
        fragment["id"] = rng.choice(("", "a", "b", None, 7))
    if rng.random() < 0.5:
        fragment["function"]["name"] = rng.choice(("f", "g", "", None))
    return {"tool_calls": [fragment] * rng.choice((1, 1, 1, 2))}


def _mutated(rng: Random, given: Any) -> Any:
    """The same with one value somewhere inside it replaced, dropped, doubled or moved to another name."""
    if isinstance(given, dict) and given and rng.random() < 0.85:
        name = rng.choice(list(given))
        match rng.randrange(5):
            case 0:
                return {key: inner for key, inner in given.items() if key != name}
            case 1:
                return {**given, rng.choice(_NAMES): given[name]}
            case _:
                return {**given, name: _mutated(rng, given[name])}
    if isinstance(given, list) and given and rng.random() < 0.85:
        at = rng.randrange(len(given))
        return [*given[:at], _mutated(rng, given[at]), *given[at + rng.randrange(2) :]]
    return value(rng)


def _framed(rng: Random, chunks: list[Any]) -> bytes:
    out = list[bytes]()
    for chunk in chunks:
        text = json.dumps(chunk, ensure_ascii=rng.random() < 0.5)
        out.append(b"data: " + text.encode("utf-8", "surrogatepass") + b"\n\n")
    out += [b"data: [DONE]\n\n"] * rng.choice((0, 1, 1, 2))
    for _ in range(rng.choice((0, 0, 1, 3))):
        at = rng.randrange(len(out) + 1)
        out[at:at] = [rng.choice((*_NOISE, *out))]
    data = bytearray(b"".join(out))
    for _ in range(rng.choice((0, 0, 0, 1, 4)) if data else 0):
        data[rng.randrange(len(data))] = rng.randrange(256)
    if rng.random() < 0.1:
        del data[rng.randrange(len(data) + 1) :]
    return bytes(data).replace(b"\n", rng.choice((b"\n", b"\n", b"\n", b"\r\n", b"\r")))


def _recorded(rng: Random) -> list[Any]:
    """Some of a recording's chunks, in an order that it may not have had."""
    chunks = rng.choice(_recordings())
    at = rng.randrange(len(chunks))
    some = chunks[at : at + rng.randrange(1, 20)]
    if rng.random() < 0.2:
        rng.shuffle(some)
    return [*some, *chunks[-2:]]


@cache
def _recordings() -> list[list[Any]]:
    """The chunks of the recorded streams, where they are present; sorted, so that a seed finds them again."""
    found = list[list[Any]]()
    for path in sorted((_SHARED / "corpus" / "streams").glob("chat-*.sse")):
        chunks = [_json(line[5:]) for line in path.read_bytes().splitlines() if line.startswith(b"data:")]
        found.append([chunk for chunk in chunks if chunk is not None])
    return [chunks for chunks in found if chunks]


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None
