"""Ollama, Cohere and Workers AI: fed anything, they end once, in a type, and say the same for every cut."""

import json
from functools import cache
from random import Random
from typing import Any

from greenroom.messages.contracts import Codec
from greenroom.providers.cloudflare import CloudflareAICodec
from greenroom.providers.cohere import CohereChatCodec
from greenroom.providers.ndjson import NdjsonDecoder
from greenroom.providers.ollama import OllamaCodec, OllamaGenerateCodec
from greenroom.providers.sse import SseError

from .chat_cases import end_was_sent
from .chat_streams import CHAT
from .faults import mutated, noisy
from .judge import exchange, judge, judge_memory
from .recorded import json_or_none, recordings

_WIRES: dict[str, Codec] = {
    "ollama": OllamaCodec(), "ollamagen": OllamaGenerateCodec(), "cohere": CohereChatCodec(),
    "cfai": CloudflareAICodec(),
}  # fmt: skip
_NAMES = (
    "model",
    "created_at",
    "message",
    "content",
    "thinking",
    "tool_calls",
    "images",
    "done",
    "done_reason",
    "error",
    "function",
    "name",
    "arguments",
    "index",
    "id",
    "type",
    "delta",
    "text",
    "tool_plan",
    "citations",
    "finish_reason",
    "usage",
    "tokens",
    "input_tokens",
    "response",
    "p",
    "result",
    "errors",
    "success",
    "choices",
    "logprobs",
    "context",
    "eval_count",
    "prompt_eval_count",
    "total_duration",
    "role",
)
_FEEDS = 5_000
_TYPES = (
    "message-start",
    "content-start",
    "content-delta",
    "content-end",
    "tool-plan-delta",
    "tool-call-start",
    "tool-call-delta",
    "citation-start",
    "message-end",
    "text",
    "thinking",
    "COMPLETE",
    "ERROR",
    "stop",
    "load",
)
_WORDS = (
    *_TYPES,
    "",
    "a",
    " two",
    '{"x":1}',
    '{"x"',
    "}",
    "\ud83d",
    "\ude00",
    "é\n",
    "\U0001f600",
    "x" * 300,
)
_NOISE = (
    b"\n",
    b"\r\n",
    b"data: [DONE]\n\n",
    b": ping\n\n",
    b"event: error\n",
    b"[DONE]\n",
    b"null\n",
    b"{}\n",
    b"{",
    b"<html>",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"[" * 3000 + b"\n",
)


def ollama_case(rng: Random) -> None:
    _case(rng, rng.choice(("ollama", "ollamagen")))


def cohere_case(rng: Random) -> None:
    _case(rng, "cohere")


def cloudflare_case(rng: Random) -> None:
    _case(rng, "cfai")


def ndjson_case(rng: Random) -> None:
    """Lines against a slow reader: what stands between two LF, less a CR, where it is not blank."""
    pieces = [rng.choice((b"{}", b"\n", b"\r\n", b"\r", b" ", b"x" * 30, b"\xc3\xa9", b"\xe2\x80\xa8", b"1"))
              for _ in range(rng.randrange(60))]  # fmt: skip
    data, limit = rng.choice((b"", b"\xef\xbb\xbf")) + b"".join(pieces), rng.choice((16, 4096))
    whole = _lines(data, [], limit)
    assert _lines(data, [1] * len(data), limit) == whole
    assert _lines(data, [rng.randrange(9) for _ in data], limit) == whole
    if not whole[1]:
        lines = [line.removesuffix(b"\r") for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n")[:-1]]
        assert whole[0] == [line for line in lines if line.strip()]


def small_memory_case(rng: Random) -> None:
    """One event again and again, numbered."""
    wire = rng.choice(list(_WIRES))
    recorded = _recordings(wire)
    event = rng.choice(rng.choice(recorded)) if recorded and rng.random() < 0.5 else _odd(rng)
    template = _written(rng, wire, _mutated(rng, event))

    def numbered(number: int) -> bytes:
        return template.replace(b'"a"', b'"a%d"' % number).replace(b" two", b" %d" % number)

    judge_memory(_WIRES[wire], numbered, _FEEDS)


def _lines(data: bytes, sizes: list[int], limit: int) -> tuple[list[bytes], bool]:
    decoder, told, at = NdjsonDecoder(limit), list[bytes](), 0
    for size in [*sizes, len(data)]:
        try:
            told += [event.data for event in decoder.feed(data[at : at + size])]
        except SseError as error:
            return told + [event.data for event in error.events], True
        at += size
    return told, False


def _case(rng: Random, wire: str) -> None:
    data, profile = _stream(rng, wire), rng.choice((None, None, "ollama"))
    end = b"\n" if wire.startswith("ollama") else b"\n\n"
    single_events = [len(frame + end) for frame in data.split(end)]
    judge(rng, exchange(rng, _WIRES[wire], data, profile), end_was_sent, single_events)


def _stream(rng: Random, wire: str) -> bytes:
    if rng.random() < 0.1:
        return rng.choice((b"", b"data: ", b'{"', b"{}\n", b"<")) + rng.randbytes(rng.randrange(200))
    recorded = _recordings(wire)
    events = list(rng.choice(recorded)) if recorded and rng.random() < 0.8 else []
    events += [_odd(rng) for _ in range(rng.randrange(4) if events else 8)]
    told = [_mutated(rng, event) if rng.random() < 0.15 else event for event in events]
    if rng.random() < 0.2:
        rng.shuffle(told)
    if rng.random() < 0.05:
        return json.dumps(told[0] if told else CHAT.value(rng)).encode("utf-8", "surrogatepass")
    frames = [_written(rng, wire, each) for each in told]
    frames += [b"data: [DONE]\n\n"] if wire == "cfai" and rng.random() < 0.8 else []
    return noisy(rng, frames, _NOISE)


def _written(rng: Random, wire: str, event: Any) -> bytes:
    text = json.dumps(event, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    if wire.startswith("ollama"):
        return text + rng.choice((b"\n", b"\n", b"\r\n"))
    kind = event.get("type") if isinstance(event, dict) else None
    named = wire == "cohere" and isinstance(kind, str) and "\n" not in kind and kind.isascii()
    return (
        (b"event: %b\n" % kind.encode() if named and isinstance(kind, str) else b"")
        + b"data: "
        + text
        + b"\n\n"
    )


@cache
def _recordings(wire: str) -> tuple[tuple[Any, ...], ...]:
    """Their events, the long ones cut to a hundred and the last."""
    found = []
    for path in recordings(f"{wire}-*.sse"):
        lines = path.read_bytes().splitlines()
        values = [
            json_or_none(line.removeprefix(b"data: ")) or {}
            for line in lines
            if line[:1] in b"{d" and b"{" in line
        ]
        found.append(tuple(values[:100] + values[-1:]))
    return tuple(found)


def _odd(rng: Random, depth: int = 0) -> Any:
    """An object of the names and words of these wires."""
    told: dict[str, Any] = {}
    for _ in range(rng.randrange(1, 6)):
        told[rng.choice(_NAMES)] = _odd(rng, depth + 1) if depth < 4 and rng.random() < 0.4 else _leaf(rng)
    return [told] if rng.random() < 0.1 and depth else told


def _leaf(rng: Random) -> Any:
    return rng.choice(_WORDS) if rng.random() < 0.7 else CHAT.value(rng)


def _mutated(rng: Random, given: Any) -> Any:
    """The same with one value somewhere inside it replaced, dropped or moved to another name."""
    return mutated(rng, given, _NAMES, _leaf)
