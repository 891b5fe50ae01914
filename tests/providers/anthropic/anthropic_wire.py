"""The messages codec under test, and streams of its events."""

import json
from typing import Any

from greenroom.providers.anthropic import AnthropicCodec

from codec_run import CodecRun, Outcome

__all__ = [
    "CODEC", "RUN", "Outcome", "call", "delta", "ended", "event", "message", "run", "start", "started", "stop",
    "stream",
]  # fmt: skip

CODEC = AnthropicCodec()
RUN = CodecRun(CODEC, "anthropic")
call, run = RUN.call, RUN.run


def event(kind: str, named: bool = True, **fields: Any) -> bytes:
    """One event as the wire writes it; without its `event:` line where it is not named."""
    name = f"event: {kind}\n" if named else ""
    return f"{name}data: {json.dumps({'type': kind, **fields}, ensure_ascii=False)}\n\n".encode()


def started(**fields: Any) -> bytes:
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": [],
        "stop_reason": None, "usage": {"input_tokens": 5, "output_tokens": 1}, **fields,
    }  # fmt: skip
    return event("message_start", message=message)


def start(index: Any, kind: str, **fields: Any) -> bytes:
    """A block begins."""
    return event("content_block_start", index=index, content_block={"type": kind, **fields})


def delta(index: Any, kind: str, **fields: Any) -> bytes:
    return event("content_block_delta", index=index, delta={"type": kind, **fields})


def stop(index: Any) -> bytes:
    return event("content_block_stop", index=index)


def ended(reason: str | None = "end_turn", usage: dict[str, Any] | None = None, **more: Any) -> bytes:
    """The stop reason with the usage, and the end."""
    told = {"output_tokens": 7} if usage is None else usage
    stopped = event("message_delta", delta={"stop_reason": reason, "stop_sequence": None, **more}, usage=told)
    return stopped + event("message_stop")


def message(*pieces: str) -> bytes:
    """A block of text in these pieces."""
    deltas = b"".join(delta(0, "text_delta", text=piece) for piece in pieces)
    return start(0, "text", text="") + deltas + stop(0)


def stream(*events: bytes, reason: str | None = "end_turn") -> bytes:
    """A whole answer with these blocks."""
    return started() + b"".join(events) + ended(reason)
