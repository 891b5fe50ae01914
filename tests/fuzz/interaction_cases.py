"""The interactions codec: fed anything, it ends once, in a type, and says the same for every cut."""

import json
from random import Random
from typing import Any

from greenroom.providers.gemini_interactions import InteractionsCodec

from .faults import noisy
from .gemini_streams import GEMINI
from .judge import exchange, has_finished, judge
from .recorded import recorded_events

_CODEC = InteractionsCodec()
_KINDS = (
    "interaction.created", "interaction.status_update", "step.start", "step.delta", "step.delta", "step.delta",
    "step.stop", "interaction.completed", "content.start", "content.delta", "error", "x",
)  # fmt: skip
_DELTAS = ("text", "thought_summary", "thought_signature", "arguments_delta", "function_call", "image", "x")
_STEPS = ("model_output", "thought", "function_call", "code_execution_call", "user_input", "text")
_WORDS = ("", "a", '{"x":', "1}", "{}", "é\n", "\ud83d", "\U0001f600", "x" * 200)
_NOISE = (b"data: [DONE]\n\n", b": ping\n\n", b"event: error\ndata: x\n\n", b"data: {\n\n", b"\xff\xfe",
          b"[", b"<",
          b"event: done\ndata: [DONE]\n\n", b"data: " + b"[" * 3000 + b"\n\n")  # fmt: skip


def interactions_case(rng: Random) -> None:
    judge(rng, exchange(rng, _CODEC, _stream(rng)), has_finished)


def _stream(rng: Random) -> bytes:
    recordings = recorded_events("gemint-*.sse")
    events = list(rng.choice(recordings)) if recordings and rng.random() < 0.3 else []
    events += [_event(rng) for _ in range(rng.randrange(12))]
    if rng.random() < 0.5:
        rng.shuffle(events)
    if rng.random() < 0.1:
        return json.dumps({**events[0], "status": "completed"} if events else GEMINI.value(rng)).encode()
    out = list[bytes]()
    for event in events:
        name = (
            b"event: %b\n" % str(event.get("event_type")).encode("utf-8", "replace")
            if rng.random() < 0.7
            else b""
        )
        out.append(
            name
            + b"data: "
            + json.dumps(event, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
            + b"\n\n"
        )
    return noisy(rng, out, _NOISE)


def _event(rng: Random) -> dict[str, Any]:
    """A plausible event, sometimes with a value of the wrong type in it."""
    kind, index = rng.choice(_KINDS), rng.choice((0, 0, 1, 2, -1, "0", 10**9, None))
    event: dict[str, Any] = {"event_type": kind, "index": rng.choice((0, 0, 1, index))}
    if "delta" in kind:
        event["delta"] = {"type": rng.choice(_DELTAS), "text": rng.choice(_WORDS), "arguments": rng.choice(_WORDS),
                          "signature": rng.choice(_WORDS), "content": {"text": rng.choice(_WORDS)}}  # fmt: skip
    elif "start" in kind:
        event["step"] = {
            "type": rng.choice(_STEPS),
            "name": "f",
            "id": rng.choice(_WORDS),
            "content": GEMINI.value(rng),
        }
    elif kind.startswith("interaction"):
        status = rng.choice(
            ("completed", "in_progress", "requires_action", "failed", "incomplete", GEMINI.value(rng))
        )
        event |= {"interaction": {"id": "v1", "status": status, "usage": GEMINI.value(rng)}, "status": status}
    if rng.random() < 0.5:
        event["event_id"] = rng.choice(("e1", "e2", "", 7))
    if rng.random() < 0.2:
        event[rng.choice(list(event))] = GEMINI.value(rng)
    return event
