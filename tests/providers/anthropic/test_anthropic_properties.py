"""Any script of an answer, written by the simulator's side and cut anywhere, comes back; nothing fed can raise."""

import json
from typing import Any

from anthropic_wire import event, run, started
from hypothesis import given
from hypothesis import strategies as st

from greenroom.messages.value import freeze
from greenroom.providers.anthropic.simulated_message import MessageWriter
from greenroom.providers.anthropic.simulated_request import MessageCall, signature_of
from greenroom.providers.simulator import Script
from greenroom.providers.simulator.openai_errors import json_bytes
from greenroom.providers.simulator.openai_request import ChatCall

words = st.text(max_size=12).filter(lambda text: not any(0xD800 <= ord(c) < 0xE000 for c in text))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
names = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
items = st.one_of(
    st.fixed_dictionaries({"type": st.just("redacted_thinking"), "data": names}),
    st.fixed_dictionaries({
        "type": st.sampled_from(["server_tool_use", "mcp_tool_use"]), "id": names, "name": names,
        "input": st.dictionaries(names, json_values, max_size=2),
    }),
    st.fixed_dictionaries({
        "type": st.sampled_from(["web_search_tool_result", "container_upload", "brand_new"]),
        "content": json_values,
    }),
)  # fmt: skip
scripts = st.builds(
    Script,
    text=words, reasoning=words, items=st.lists(items, max_size=3),
    tool_calls=st.lists(
        st.fixed_dictionaries({"name": names, "arguments": st.dictionaries(names, json_values, max_size=3),
                               "id": st.none() | names}),
        max_size=3,
    ),
    finish_reason=st.sampled_from(
        [None, "end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "new_reason"]
    ),
    usage=st.sampled_from([
        "counted", "absent",
        {"prompt_tokens": 9, "completion_tokens": 5, "cached_tokens": 4, "reasoning_tokens": 2},
    ]),
    model=st.none() | names, response_id=st.none() | names, chunk_size=st.none() | st.integers(1, 5),
)  # fmt: skip
cuts = st.lists(st.integers(1, 80), max_size=80)
CALL = MessageCall(ChatCall(model="claude-x", prompt="why", prompt_tokens=5, stream=True))


def said(script: Script) -> list[tuple[Any, ...]]:
    """What each part of the answer must be."""
    parts: list[tuple[Any, ...]] = []
    for item in script.items:
        redacted = item["type"] == "redacted_thinking"
        parts.append(("reasoning", "", item["data"]) if redacted else ("provider", dict(item)))
    if script.reasoning:
        parts.append(("reasoning", script.reasoning, signature_of(str(script.reasoning))))
    if script.text:
        parts.append(("text", script.text))
    for number, call in enumerate(script.tool_calls):
        ident = call.id or f"toolu_sim_{number}"
        parts.append(("tool_call", ident, call.name, json.loads(call.arguments_text), number, True))
    if script.finish_reason == "pause_turn":
        search = {"type": "server_tool_use", "id": "srvtoolu_sim_3", "name": "web_search"}
        parts.append(("provider", {**search, "input": freeze({"query": "why"})}))
    return parts


def heard(parts: Any) -> list[tuple[Any, ...]]:
    told: list[tuple[Any, ...]] = []
    for part in parts:
        if part.type == "reasoning":
            told.append(("reasoning", part.text, part.encrypted or part.signature))
        elif part.type == "text":
            told.append(("text", part.text))
        elif part.type == "provider":
            told.append(("provider", dict(part.item)))
        else:
            arguments = json.loads(part.arguments or "{}")
            told.append(("tool_call", part.id, part.name, arguments, part.index, part.complete))
    return told


@given(scripts, cuts)
def test_what_a_script_says_comes_back_however_it_is_cut_and_whole(script: Script, sizes: list[int]) -> None:
    writer = MessageWriter(CALL, script, 3)
    data = b"".join(step.data for step in writer.steps())
    outcome = run(data, sizes)
    assert run(data) == outcome
    assert outcome.answer is not None
    assert heard(outcome.choice.parts) == said(script)
    usual = "tool_use" if script.tool_calls else "end_turn"
    assert outcome.choice.finish_reason_raw == (script.finish_reason or usual)
    assert outcome.so_far.model == (script.model or "claude-x")
    assert outcome.so_far.response_id == (script.response_id or "msg_sim_3")
    if script.usage == "absent":
        assert outcome.usage.source == "none"
    elif script.usage != "counted":
        used = outcome.usage
        told = (used.input_tokens, used.output_tokens, used.cached_input_tokens, used.reasoning_tokens)
        assert told == (9, 5, 4, 2)
    whole = run(json_bytes(writer.whole()))
    expected = said(script)
    if script.finish_reason == "max_tokens" and script.tool_calls and not script.tool_calls[-1].arguments:
        expected[-1] = (*expected[-1][:-1], False)  # {} of a message that was cut may be all that came of it
    assert heard(whole.choice.parts) == expected
    assert whole.usage == outcome.usage


kinds = st.sampled_from([
    "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
    "message_stop", "ping", "error", "new",
])  # fmt: skip
blocks = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["text", "thinking", "redacted_thinking", "tool_use", "server_tool_use", "new"]
        )
    },
    optional=dict.fromkeys(("text", "thinking", "signature", "data", "id", "name", "input"), json_values),
)
deltas = st.fixed_dictionaries(
    {"type": st.sampled_from(
        ["text_delta", "thinking_delta", "signature_delta", "input_json_delta", "citations_delta", "new"])},
    optional=dict.fromkeys(
        ("text", "thinking", "signature", "partial_json", "citation", "stop_reason"), words | json_values
    ),
)  # fmt: skip
events = st.fixed_dictionaries(
    {"type": kinds},
    optional={
        "index": st.integers(0, 2) | json_values, "content_block": blocks | json_values,
        "delta": deltas | json_values, "message": json_values, "usage": json_values, "error": json_values,
    },
)  # fmt: skip


@given(st.lists(events, max_size=8), st.booleans(), st.booleans(), st.booleans())
def test_events_of_any_shape_in_any_order_never_raise_and_end_once(
    script: list[dict[str, Any]], named: bool, raw: bool, clean: bool
) -> None:
    data = started() + b"".join(event(given.pop("type"), named, **given) for given in script)
    outcome = run(data, raw_deltas=raw, clean=clean)
    assert run(data, [1] * len(data), raw_deltas=raw, clean=clean) == outcome
    assert outcome.answer is None or b"message_stop" in data


@given(st.binary(max_size=200), cuts, st.sampled_from([200, 204, 302, 400, 422, 429, 529]), st.booleans())
def test_any_bytes_with_any_status_end_once(data: bytes, sizes: list[int], status: int, clean: bool) -> None:
    for start in (b"", b"event: content_block_delta\ndata: ", b'{"', started()):
        outcome = run(start + data, sizes, status=status, clean=clean)
        assert run(start + data, status=status, clean=clean) == outcome


@given(st.lists(words, min_size=2, max_size=8), st.lists(st.integers(0, 30), max_size=8), st.booleans())
def test_the_short_cut_says_what_the_parser_says(
    pieces: list[str], padding: list[int], ascii_only: bool
) -> None:
    """Events that differ in their piece and padding alone are read without parsing: no difference shows."""
    data = started() + event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    for number, piece in enumerate(pieces):
        fields = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
        text = json.dumps(fields, ensure_ascii=ascii_only, separators=(",", ":"))
        spaces = " " * (padding[number] if number < len(padding) else 0)
        data += f"event: content_block_delta\ndata: {text[:-1]}{spaces}}}\n\n".encode()
    lines = [len(one) + 2 for one in data.split(b"\n\n")[:-1]]
    together, apart = run(data, clean=False), run(data, lines, clean=False)
    assert together == apart
    assert together.choice.text == "".join(pieces)
