"""The messages codec and the older one: fed anything, they end once, in a type, and say the same for every cut."""

import json
from random import Random
from typing import Any

from greenroom.messages.completion import Choice
from greenroom.messages.contracts import Codec
from greenroom.providers.anthropic import AnthropicCodec
from greenroom.providers.anthropic_text import AnthropicTextCodec

from .chat_streams import CHAT
from .faults import broken_off
from .judge import exchange, judge, judge_memory

_CODEC: Codec = AnthropicCodec()
_OLDER: Codec = AnthropicTextCodec()
_KINDS = (
    "message_start", "content_block_start", "content_block_delta", "content_block_delta", "content_block_delta",
    "content_block_stop", "message_delta", "message_stop", "ping", "error", "completion", "new",
)  # fmt: skip
_BLOCKS = (
    "text",
    "thinking",
    "redacted_thinking",
    "tool_use",
    "server_tool_use",
    "web_search_tool_result",
    "new",
)
_DELTAS = {
    "text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature",
    "input_json_delta": "partial_json", "citations_delta": "citation", "compaction_delta": "content", "new": "x",
}  # fmt: skip
_PIECES = ("", "a", " two", '{"a":', "1}", "é", "\ud83d", "\ude00", '"', "\\", "}}")


def anthropic_case(rng: Random) -> None:
    codec = _CODEC if rng.random() < 0.85 else _OLDER
    judge(rng, exchange(rng, codec, _stream(rng)), end_was_sent)


def end_was_sent(_choices: tuple[Choice, ...], data: bytes) -> bool:
    return b"message_stop" in data or b"stop_reason" in data


def anthropic_memory_case(rng: Random) -> None:
    """One event again and again, at other places."""
    template = json.dumps({**_event(rng), "index": 0}).replace('"index": 0', '"index": @')
    judge_memory(_CODEC, lambda number: f"data: {template.replace('@', str(number % 3000))}\n\n".encode())


def _stream(rng: Random) -> bytes:
    """Events in the usual order, some changed, doubled, lost, or put elsewhere; or anything."""
    if rng.random() < 0.1:
        whole = {
            "type": "message",
            "content": [_block(rng) for _ in range(rng.randrange(4))],
            "usage": CHAT.value(rng),
        }
        return json.dumps({**whole, "stop_reason": rng.choice(("end_turn", "pause_turn", 7))}).encode()
    events = [{"type": "message_start", "message": {"id": "m", "model": "c", "usage": {"input_tokens": 3}}}]
    for index in range(rng.randrange(4)):
        events.append({"type": "content_block_start", "index": index, "content_block": _block(rng)})
        for _ in range(rng.randrange(5)):
            events.append({"type": "content_block_delta", "index": index, "delta": _delta(rng)})  # noqa: PERF401
        events.append({"type": "content_block_stop", "index": index})
    reason = rng.choice(("end_turn", "max_tokens", "tool_use", "pause_turn", "refusal", None))
    events += [{"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 2}}]
    events += [{"type": "message_stop"}]
    for _ in range(rng.randrange(4)):
        place = rng.randrange(len(events))
        match rng.randrange(4):
            case 0:
                events.insert(place, _event(rng))
            case 1:
                events.insert(place, events[rng.randrange(len(events))])
            case 2:
                del events[place]
                events = events or [_event(rng)]
            case _:
                events[place] = {
                    **events[place],
                    rng.choice(("index", "delta", "type", "usage")): CHAT.value(rng),
                }
    data = b"".join(_written(rng, event) for event in events)
    if rng.random() < 0.1:
        place = rng.randrange(len(data) + 1)
        data = data[:place] + rng.randbytes(rng.randrange(6)) + data[place:]
    return broken_off(rng, data, 0.15)


def _event(rng: Random) -> dict[str, Any]:
    event: dict[str, Any] = {"type": rng.choice(_KINDS), "index": rng.randrange(3)}
    for name in ("message", "usage", "error", "completion", "stop_reason"):
        if rng.random() < 0.2:
            event[name] = CHAT.value(rng)
    event["delta"] = _delta(rng) if rng.random() < 0.8 else CHAT.value(rng)
    event["content_block"] = _block(rng) if rng.random() < 0.8 else CHAT.value(rng)
    return event


def _block(rng: Random) -> dict[str, Any]:
    block: dict[str, Any] = {"type": rng.choice(_BLOCKS), "id": rng.choice(("t1", "t2", ""))}
    for name in ("text", "thinking", "signature", "data", "name", "input", "citations", "content"):
        if rng.random() < 0.4:
            block[name] = rng.choice(("", "a", {}, {"a": 1})) if rng.random() < 0.7 else CHAT.value(rng)
    return block


def _delta(rng: Random) -> dict[str, Any]:
    kind = rng.choice(tuple(_DELTAS))
    return {"type": kind, _DELTAS[kind]: rng.choice(_PIECES) if rng.random() < 0.9 else CHAT.value(rng)}


def _written(rng: Random, event: dict[str, Any]) -> bytes:
    separators = rng.choice(((",", ":"), (", ", ": ")))
    text = json.dumps(event, separators=separators)
    if rng.random() < 0.3:
        text = f"{text[:-1]}{' ' * rng.randrange(9)}}}"
    name = f"event: {event['type']}\n" if rng.random() < 0.8 and isinstance(event["type"], str) else ""
    text = (
        name.replace("\n\n", "")
        + f"data: {text}\n\n"
        + rng.choice(("", "", ": ping\n\n", "data: [DONE]\n\n"))
    )
    return text.encode("utf-8", "replace")
