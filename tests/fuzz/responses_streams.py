"""Bytes near what Responses servers send: recordings with faults in them, events of wrong types, noise."""

import json
from random import Random
from typing import Any

from .faults import broken_off
from .recorded import recorded_events

_RECORDED = "resp-*.sse"
_PLACES = {"output_index": (0, 0, 1, 2, -1), "content_index": (0, 0, 1), "summary_index": (0, 1),
           "item_id": ("msg_1", "fc_1", "rs_1", "x")}  # fmt: skip
_WORDS = ("", "a", " two", '{"x":1}', '{"x"', ":1}", "{}", "\ud83d", "\ude00", "\U0001f600", "é\n", "\\", '"',
          "\0", "msg_1", "fc_1", "rs_1", "call_1", "completed", "incomplete", "failed", "x" * 200)  # fmt: skip
_TYPES = ("message", "reasoning", "function_call", "custom_tool_call", "web_search_call", "output_text", "refusal",
          "summary_text", "reasoning_text", "x")  # fmt: skip
_NAMES = ("id", "type", "status", "content", "summary", "call_id", "name", "arguments", "input", "text", "refusal",
          "encrypted_content", "phase", "annotations", "model", "output", "usage", "error", "code", "message",
          "incomplete_details", "reason", "output_tokens", "service_tier")  # fmt: skip
_RUNNING = ("output_text", "refusal", "reasoning_text", "reasoning_summary_text", "function_call_arguments",
            "custom_tool_call_input", "mcp_call_arguments")  # fmt: skip
_NAMES_OF_EVENTS = (
    "created", "in_progress", "queued", "completed", "incomplete", "failed", "done", "new_thing",
    "output_item.added", "output_item.done", "content_part.added", "content_part.done",
    "reasoning_summary_part.added", "reasoning_summary_part.done", "output_text.annotation.added",
    "web_search_call.searching", "image_generation_call.partial_image",
    *(f"{text}.{last}" for text in _RUNNING for last in ("delta", "delta", "delta", "done")),
)  # fmt: skip
_KINDS = ("error", "keepalive", *(f"response.{name}" for name in _NAMES_OF_EVENTS))
_NOISE = (b"data: [DONE]\n\n", b": ping\n\n", b"event: error\n", b"data:\n\n", b"\n", b"\r\n", b"error: x\n\n",
          b"data: null\n\n", b"data: {\n", b"\xff\xfe", b"event: ping\ndata: x\n\n", b"<html>",
          b"data: " + b"[" * 3000 + b"\n\n")  # fmt: skip


def responses_stream(rng: Random) -> bytes:
    kind = rng.randrange(10)
    if kind == 0:
        start = rng.choice((b"", b"data: ", b'{"', b"[", b"data: {}\n\n", b"<"))
        return start + rng.randbytes(rng.randrange(300))
    events = _recorded(rng) if kind < 5 and recorded_events(_RECORDED) else _invented(rng)
    if kind == 9:
        whole = next(
            (e["response"] for e in reversed(events) if isinstance(e.get("response"), dict)), value(rng)
        )
        return json.dumps(whole).encode()
    return _framed(rng, events)


def value(rng: Random, depth: int = 0) -> Any:
    """Any JSON value, mostly of the words and names of this wire."""
    kind = rng.randrange(9 if depth < 3 else 6)
    if kind < 3:
        return rng.choice(_WORDS + _TYPES)
    if kind < 6:
        return rng.choice((None, True, 0, 1, -1, 7, 2**63, 1.5, "", []))
    if kind == 6:
        return [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(_NAMES): value(rng, depth + 1) for _ in range(rng.randrange(5))}


def event(rng: Random) -> dict[str, Any]:
    """An event whose name is right, and whose fields are mostly so."""
    told: dict[str, Any] = {"type": rng.choice(_KINDS)}
    for name, places in _PLACES.items():
        if rng.random() < 0.7:
            told[name] = rng.choice(places) if rng.random() < 0.95 else value(rng)
    for name in ("delta", "text", "refusal", "arguments", "input"):
        if rng.random() < 0.7:
            told[name] = rng.choice(_WORDS) if rng.random() < 0.95 else value(rng)
    for name in ("item", "part", "response", "annotation", "error", "logprobs"):
        if rng.random() < (0.6 if name in told["type"] else 0.1):
            given = value(rng)
            told[name] = {"type": rng.choice(_TYPES), **given} if isinstance(given, dict) else given
    return told


def _invented(rng: Random) -> list[dict[str, Any]]:
    events = [event(rng) for _ in range(rng.randrange(12))]
    if rng.random() < 0.6:
        events = [one for each in events for one in [each] * rng.choice((1, 1, 1, 4))]
    if rng.random() < 0.7:
        events.append({"type": "response.completed", "response": {"status": "completed", "output": []}})
    if rng.random() < 0.6:
        events = [{**each, "sequence_number": number} for number, each in enumerate(events)]
    return events


def _recorded(rng: Random) -> list[dict[str, Any]]:
    """A stretch of a recording, some events changed, taken out, or told twice."""
    told = rng.choice(recorded_events(_RECORDED))
    start = rng.choice((0, 0, rng.randrange(len(told))))
    events = [dict(each) for each in told[start : start + rng.randrange(1, 60)]] + told[-1:]
    for _ in range(rng.choice((0, 0, 1, 3))):
        place = rng.randrange(len(events))
        how = rng.randrange(4)
        if how == 0:
            events[place][rng.choice(list(events[place]))] = value(rng)
        elif how == 1:
            events.insert(place, events[place])
        elif how == 2 and len(events) > 1:
            del events[place]
        else:
            events.insert(place, event(rng))
    if rng.random() < 0.5:
        events = [{k: v for k, v in each.items() if k != "sequence_number"} for each in events]
    return events


def _framed(rng: Random, events: list[dict[str, Any]]) -> bytes:
    named, end = rng.random() < 0.6, rng.choice((b"\n", b"\n", b"\r\n"))
    ascii_only, out = rng.random() < 0.5, []
    for told in events:
        if rng.random() < 0.05:
            out.append(rng.choice(_NOISE))
        line = b"event: %b%b" % (str(told.get("type")).encode("utf-8", "replace"), end) if named else b""
        data = json.dumps(told, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
        out.append(line.replace(b"\0", b"") + b"data: " + data + end + end)
    return broken_off(rng, b"".join(out), 0.2)
