"""Hosted tools and hidden reasoning: no content for minutes, and yet no silence. What each wire shows of it."""

import json
from typing import Any

import pytest

from greenroom.messages.commands import WireHead
from greenroom.messages.contracts import Decoded
from greenroom.providers.registry import codec_for

from codec_run import CodecRun

ITEM = {"type": "web_search_call", "id": "ws_1", "status": "in_progress"}
RESPONSES = [
    {"type": "response.created", "response": {"id": "r", "status": "in_progress"}},
    {"type": "response.output_item.added", "output_index": 0, "item": ITEM},
    {"type": "response.web_search_call.searching", "output_index": 0, "item_id": "ws_1"},
]
SAYS: list[dict[str, Any]] = [
    {
        "type": "response.output_item.added",
        "output_index": 1,
        "item": {"type": "message", "id": "m", "content": []},
    },
    {
        "type": "response.output_text.delta",
        "output_index": 1,
        "content_index": 0,
        "item_id": "m",
        "delta": "a",
    },
]
MESSAGES = [
    {"type": "message_start", "message": {"id": "m", "usage": {}}},
    {"type": "content_block_start", "index": 0,
     "content_block": {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}},
    {"type": "content_block_stop", "index": 0},
]  # fmt: skip
TEXT = [
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "a"}},
]


def fed(kind: str, *events: dict[str, Any]) -> Decoded:
    """What the last read came to, in which all of these stood."""
    decoder = codec_for(kind).start(CodecRun(codec_for(kind), kind).call())
    decoder.head(WireHead(200, ()))
    body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return decoder.feed(body.encode(), 1, 0.0)


@pytest.mark.parametrize(("kind", "work", "content"), [
    ("openai-responses", RESPONSES, SAYS), ("anthropic", MESSAGES, TEXT),
])  # fmt: skip
def test_work_is_progress_until_content_comes(kind: str, work: Any, content: Any) -> None:
    assert fed(kind, *work).progress
    said = fed(kind, *work, *content)
    assert not said.progress
    assert said.deltas[-1].text == "a"
    assert not fed(kind, work[0]).progress
