"""The interactions codec under test, and its events as bytes."""

import json
from typing import Any

from greenroom.providers.gemini_interactions import InteractionsCodec

from codec_run import CodecRun, Outcome

__all__ = ["CODEC", "DONE", "Outcome", "call", "completed", "created", "delta", "run", "sse", "start", "stop"]

CODEC = InteractionsCodec()
_RUN = CodecRun(CODEC, "gemini-interactions")
call, run = _RUN.call, _RUN.run
DONE = b"event: done\ndata: [DONE]\n\n"


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (event["event_type"].encode(), json.dumps(event).encode())
        for event in events
    )


def created(**fields: Any) -> dict[str, Any]:
    interaction = {"id": "v1_x", "status": "in_progress", "model": "gemini-x", "object": "interaction"}
    return {"event_type": "interaction.created", "interaction": interaction, **fields}


def start(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {"event_type": "step.start", "index": index, "step": {"type": kind, **fields}}


def delta(index: int, kind: str, event_id: str | None = None, **fields: Any) -> dict[str, Any]:
    known = {} if event_id is None else {"event_id": event_id}
    return {"event_type": "step.delta", "index": index, "delta": {"type": kind, **fields}, **known}


def stop(index: int) -> dict[str, Any]:
    return {"event_type": "step.stop", "index": index}


USAGE = {"total_input_tokens": 9, "total_output_tokens": 2, "total_thought_tokens": 3, "total_cached_tokens": 4,
         "total_tool_use_tokens": 1, "total_tokens": 15}  # fmt: skip


def completed(status: str = "completed", **fields: Any) -> dict[str, Any]:
    interaction = {"id": "v1_x", "status": status, "model": "gemini-x", "usage": USAGE, **fields}
    return {"event_type": "interaction.completed", "interaction": interaction}
