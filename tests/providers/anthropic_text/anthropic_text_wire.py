"""The older codec under test, and its events."""

import json
from typing import Any

from greenroom.providers.anthropic_text import AnthropicTextCodec

from codec_run import CodecRun

__all__ = ["CODEC", "RUN", "completion", "run"]

CODEC = AnthropicTextCodec()
RUN = CodecRun(CODEC, "anthropic-text")
run = RUN.run


def completion(text: Any, reason: Any = None, **fields: Any) -> bytes:
    """One event of the answer."""
    told = {
        "type": "completion",
        "id": "compl_1",
        "completion": text,
        "stop_reason": reason,
        "model": "claude-2.1",
    }
    return f"event: completion\r\ndata: {json.dumps({**told, **fields})}\r\n\r\n".encode()
