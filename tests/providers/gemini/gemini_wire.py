"""The Gemini codec under test, and its chunks as bytes."""

import json
from typing import Any

from greenroom.providers.gemini import GeminiCodec

from codec_run import CodecRun, Outcome

__all__ = ["CODEC", "Outcome", "array", "call", "chunk", "run", "sse"]

CODEC = GeminiCodec()
_RUN = CodecRun(CODEC, "gemini")
call, run = _RUN.call, _RUN.run


def chunk(*parts: dict[str, Any], finish: str | None = None, index: int = 0, **beside: Any) -> dict[str, Any]:
    """One chunk with one candidate."""
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": index}
    if finish is not None:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], **beside}


def sse(*chunks: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(each).encode() + b"\r\n\r\n" for each in chunks)


def array(*chunks: Any) -> bytes:
    return b"[" + b"\n,\r\n".join(json.dumps(each).encode() for each in chunks) + b"\n]\n"
