"""The messages codec and the older one: fed anything, they end once, in a type, and say the same for every cut."""

import json
import tracemalloc
from random import Random
from typing import Any

from greenroom.messages.commands import WireHead
from greenroom.messages.contracts import Call, Codec, Decoder, Target
from greenroom.messages.deltas import delta_from_json, delta_json
from greenroom.messages.fold import Fold
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.providers.anthropic import AnthropicCodec
from greenroom.providers.anthropic_text import AnthropicTextCodec

from .chat_cases import Said
from .chat_streams import value

_KEY = "sk-very-secret-key"
_FED_BYTES = 1024 * 1024
_KEPT_BYTES = 1024 * 1024
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
    codec: Codec = AnthropicCodec() if rng.random() < 0.85 else AnthropicTextCodec()
    data, clean = _stream(rng), rng.random() < 0.7
    status = rng.choice((200, 200, 200, 200, 206, 302, 400, 429, 529))
    options = {"raw_deltas": rng.random() < 0.3, "max_event_bytes": rng.choice((4096, 1024 * 1024))}
    whole = _said(codec, data, [], (status, clean), options)
    _check(whole, data, status)
    largest = rng.choice((3, 50, 700))
    cuts = [rng.randrange(0, largest) for _ in range(2 * len(data) // largest + 1)]
    assert _said(codec, data, cuts, (status, clean), options) == whole, "another cut says something else"
    if len(data) < 2000:
        single = _said(codec, data, [1] * len(data), (status, clean), options)
        assert single == whole, "single bytes say something else"


def anthropic_memory_case(rng: Random) -> None:
    """One event again and again: what the decoder keeps of it is bounded."""
    event = _event(rng)
    decoder = _start(AnthropicCodec(), {"max_event_bytes": 4096, "max_output_bytes": 4096})
    template = json.dumps({**event, "index": 0}).replace('"index": 0', '"index": @')
    tracemalloc.start()
    try:
        seq = fed = number = 1
        while fed < _FED_BYTES:
            number += 1
            data = f"data: {template.replace('@', str(number % 3000))}\n\n".encode()
            decoded = decoder.feed(data, seq, 1000.0)
            seq, fed = seq + len(decoded.deltas), fed + len(data)
            if decoded.failure is not None or decoded.answer is not None:
                break
        del decoded
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < _KEPT_BYTES, f"{kept} bytes are kept after {fed} bytes of {template}"


def _stream(rng: Random) -> bytes:
    """Events in the usual order, some changed, doubled, lost, or put elsewhere; or anything."""
    if rng.random() < 0.1:
        whole = {
            "type": "message",
            "content": [_block(rng) for _ in range(rng.randrange(4))],
            "usage": value(rng),
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
                events[place] = {**events[place], rng.choice(("index", "delta", "type", "usage")): value(rng)}
    data = b"".join(_written(rng, event) for event in events)
    if rng.random() < 0.1:
        place = rng.randrange(len(data) + 1)
        data = data[:place] + rng.randbytes(rng.randrange(6)) + data[place:]
    return data[: rng.randrange(len(data) + 1)] if rng.random() < 0.15 else data


def _event(rng: Random) -> dict[str, Any]:
    event: dict[str, Any] = {"type": rng.choice(_KINDS), "index": rng.randrange(3)}
    for name in ("message", "usage", "error", "completion", "stop_reason"):
        if rng.random() < 0.2:
            event[name] = value(rng)
    event["delta"] = _delta(rng) if rng.random() < 0.8 else value(rng)
    event["content_block"] = _block(rng) if rng.random() < 0.8 else value(rng)
    return event


def _block(rng: Random) -> dict[str, Any]:
    block: dict[str, Any] = {"type": rng.choice(_BLOCKS), "id": rng.choice(("t1", "t2", ""))}
    for name in ("text", "thinking", "signature", "data", "name", "input", "citations", "content"):
        if rng.random() < 0.4:
            block[name] = rng.choice(("", "a", {}, {"a": 1})) if rng.random() < 0.7 else value(rng)
    return block


def _delta(rng: Random) -> dict[str, Any]:
    kind = rng.choice(tuple(_DELTAS))
    return {"type": kind, _DELTAS[kind]: rng.choice(_PIECES) if rng.random() < 0.9 else value(rng)}


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


def _check(said: Said, data: bytes, status: int) -> None:
    assert (said.answer is None) != (said.failure is None), "not exactly one end"
    assert [delta.seq for delta in said.deltas] == list(range(1, len(said.deltas) + 1))
    for delta in said.deltas:
        assert delta_from_json(delta_json(delta)) == delta
    fold = Fold()
    fold.add(said.deltas)
    for choice in fold.choices(said.answer) if said.answer else ():
        assert type(choice).model_validate_json(choice.model_dump_json()) == choice
        assert choice.message.content == choice.parts
    if said.answer is not None:
        assert 200 <= status < 300
        assert b"message_stop" in data or b"stop_reason" in data, "no end was sent"
    if said.failure is not None:
        assert said.failure.message
        assert _KEY not in said.failure.model_dump_json()


def _start(codec: Codec, options: dict[str, Any]) -> Decoder:
    target = Target("p", codec.kind, "m", None, "https://llm.test/v1")
    request = ChatRequest(model="p/m", messages="hi")
    return codec.start(Call("s", "r", 1, request, target, StreamingOptions(**options), api_key=_KEY))


def _said(
    codec: Codec, data: bytes, sizes: list[int], end: tuple[int, bool], options: dict[str, Any]
) -> Said:
    """`end`: the status, and whether the body ended cleanly."""
    decoder, said, at = _start(codec, options), Said(), 0
    decoder.head(WireHead(end[0], ()))
    for size in [*sizes, len(data)]:
        said.take(decoder.feed(data[at : at + size], len(said.deltas) + 1, 1000.0))
        at += size
    for _ in range(2):
        said.take(decoder.finish(end[1], len(said.deltas) + 1, 1000.0))
    decoder.answer_so_far()
    return said
