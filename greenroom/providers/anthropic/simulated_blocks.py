"""The content blocks of a scripted message, each as its start and its deltas."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from greenroom.messages.value import thaw
from greenroom.providers.anthropic.simulated_request import MessageCall, signature_of
from greenroom.providers.simulator.openai_errors import json_bytes
from greenroom.providers.simulator.pieces import joined, pieces_of
from greenroom.providers.simulator.script import Script, ScriptToolCall

PAUSE = "pause_turn"
_JSON_LATER = ("server_tool_use", "mcp_tool_use")


class BlockPlan(NamedTuple):
    """One block: how it starts, its deltas, those of them that say something, and the whole of it."""

    start: dict[str, Any]
    deltas: list[tuple[dict[str, Any], bool]]
    """True: a delta in the script's sense."""
    whole: dict[str, Any]


def blocks_of(call: MessageCall, script: Script, number: int) -> list[BlockPlan]:
    """Hosted tools first, then thinking, text and tool calls, and the call with which a pause begins.

    A continued answer begins with the result that it waited for; one with a prefix goes on from there.
    """
    blocks = list(_hosted(call, script))
    thinking, text = joined(script.reasoning), joined(script.text)
    if thinking and not call.prefix:
        blocks.append(_thinking(script, thinking))
    goes_on = bool(call.prefix) and text.startswith(call.prefix)
    pieces = pieces_of(text[len(call.prefix) :] if goes_on else script.text, script.chunk_size)
    if text:
        deltas: list[tuple[dict[str, Any], bool]] = [
            ({"type": "text_delta", "text": piece}, True) for piece in pieces
        ]
        whole = {"type": "text", "text": "".join(delta["text"] for delta, _ in deltas)}
        blocks.append(BlockPlan({"type": "text", "text": ""}, deltas, whole))
    blocks += [_tool(index, tool, script) for index, tool in enumerate(script.tool_calls)]
    if script.finish_reason == PAUSE:
        given = {"query": call.chat.prompt[:100]}
        blocks.append(_later_json("server_tool_use", f"srvtoolu_sim_{number}", "web_search", given))
    return blocks


def _hosted(call: MessageCall, script: Script) -> Iterator[BlockPlan]:
    if call.waits_for is not None:
        ident = call.waits_for.get("id")
        found = {"type": "web_search_result", "url": "https://llm.test/found", "title": "Found",
                 "encrypted_content": "c2ltdWxhdGVk", "page_age": None}  # fmt: skip
        result = {"type": "web_search_tool_result", "tool_use_id": ident, "content": [found]}
        yield BlockPlan(result, [], result)
    for item in script.items:
        block = thaw(item)
        if block.get("type") in _JSON_LATER:
            yield _later_json(block["type"], block.get("id"), block.get("name"), block.get("input") or {})
        else:
            yield BlockPlan(block, [], block)


def _later_json(kind: str, ident: Any, name: Any, given: dict[str, Any]) -> BlockPlan:
    """The input comes as JSON in pieces, the first of them empty, as the real API sends it."""
    start = {"type": kind, "id": ident, "name": name, "input": {}}
    text = json_bytes(given).decode()
    pieces = ["", text[: len(text) // 2], text[len(text) // 2 :]] if given else [""]
    deltas: list[tuple[dict[str, Any], bool]] = [
        ({"type": "input_json_delta", "partial_json": piece}, False) for piece in pieces
    ]
    return BlockPlan(start, deltas, {**start, "input": given})


def _thinking(script: Script, thinking: str) -> BlockPlan:
    signature = signature_of(thinking)
    start = {"type": "thinking", "thinking": "", "signature": ""}
    deltas: list[tuple[dict[str, Any], bool]] = [
        ({"type": "thinking_delta", "thinking": piece}, True)
        for piece in pieces_of(script.reasoning, script.chunk_size)
    ]
    deltas.append(({"type": "signature_delta", "signature": signature}, False))
    return BlockPlan(start, deltas, {"type": "thinking", "thinking": thinking, "signature": signature})


def _tool(index: int, tool: ScriptToolCall, script: Script) -> BlockPlan:
    exact = tool.arguments if isinstance(tool.arguments, tuple) else tool.arguments_text
    ident = tool.id if tool.id is not None else f"toolu_sim_{index}"
    start = {"type": "tool_use", "id": ident, "name": tool.name, "input": {}}
    deltas: list[tuple[dict[str, Any], bool]] = [({"type": "input_json_delta", "partial_json": ""}, False)]
    deltas += [
        ({"type": "input_json_delta", "partial_json": piece}, True)
        for piece in pieces_of(exact, script.chunk_size)
    ]
    return BlockPlan(start, deltas, {**start, "input": tool.arguments_text})
