"""Which rungs a cut answer can take: every condition of every rung."""

from typing import Any

import pytest

from greenroom.messages.completion import Choice
from greenroom.messages.frozen import FrozenMap
from greenroom.messages.options import StreamingOptions
from greenroom.messages.parts import Part, ProviderPart, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import Capabilities
from greenroom.supervision.ladder import Place, danger_of_replay, open_rungs, standing_of, wants_json

ALL = StreamingOptions(
    server_resume=True,
    continue_instruction=True,
    redo_open_block=True,
    on_cut="reset",
    max_reconnect_attempts=5,
)
ABLE = Capabilities(server_cursor=True, prefix_continuation=True)
TEXT = TextPart(text="Hello wor")
THOUGHT = ReasoningPart(text="hm")
CALL = ToolCallPart(id="1", name="f", arguments="{}")
HALF = ToolCallPart(id="2", name="f", arguments='{"a', complete=False, index=1)
HOSTED = ProviderPart(wire="w", item=FrozenMap({"type": "search"}))


def ask(**fields: Any) -> ChatRequest:
    return ChatRequest(messages="hi", **fields)


def rungs(*parts: Part, request: ChatRequest | None = None, **facts: Any) -> str:
    """The open rungs, each by its first letter: c, p, i, b, r."""
    request = request or ask()
    options = facts.pop("options", ALL)
    stands = standing_of((Choice(parts=parts),), json_asked=wants_json(request, options))
    place = Place(request, options, **{"can": ABLE, "cursor_known": True, **facts})
    modes, _ = open_rungs(stands, place)
    return "".join("c" if mode == "server_cursor" else mode[0] for mode in modes)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((TEXT,), "cpir"),
        ((THOUGHT, TEXT), "cir"),
        ((THOUGHT,), "cbr"),
        ((TEXT, HALF), "cbr"),
        ((TEXT, CALL), "cbr"),
        ((CALL, HALF), "cbr"),
        ((CALL, TEXT), "cr"),
        ((HOSTED, TEXT), "cr"),
        ((TEXT, HOSTED), "cr"),
        ((HOSTED, HALF), "cr"),
        ((RefusalPart(refusal="no"),), "cr"),
    ],
)
def test_what_was_delivered_decides(parts: tuple[Part, ...], expected: str) -> None:
    assert rungs(*parts) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"server_resume": False}, "pir"),
        ({"continue_prefix": False}, "cir"),
        ({"continue_instruction": False}, "cpr"),
        ({"on_cut": "fail"}, "cpi"),
    ],
)
def test_the_policy_decides(changes: dict[str, Any], expected: str) -> None:
    assert rungs(TEXT, options=ALL.replace(**changes)) == expected


def test_by_default_only_a_prefix_is_gone_on_with() -> None:
    assert rungs(TEXT, options=StreamingOptions()) == "p"
    assert rungs(TEXT, HALF, options=StreamingOptions()) == ""


@pytest.mark.parametrize(
    ("can", "parts", "expected"),
    [
        (Capabilities(), (TEXT,), "ir"),
        (Capabilities(instruction_continuation=False), (TEXT,), "r"),
        (Capabilities(prefix_continuation=True), (THOUGHT, TEXT), "ir"),
        (Capabilities(prefix_continuation=True, prefix_after_reasoning=True), (THOUGHT, TEXT), "pir"),
    ],
)
def test_the_server_decides(can: Capabilities, parts: tuple[Part, ...], expected: str) -> None:
    assert rungs(*parts, can=can) == expected


def test_what_was_refused_is_not_tried_again() -> None:
    assert rungs(TEXT, ruled_out=frozenset({"server_cursor", "prefix"})) == "ir"


def test_a_cursor_that_was_not_told_is_none() -> None:
    assert rungs(TEXT, cursor_known=False) == "pir"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"n": 2}, "cr"),
        ({"extra_body": {"n": 2}}, "cr"),
        ({"extra_body": {"messages": []}}, "cr"),
        ({"extra_body": {"prompt": [1, 2]}}, "cr"),
        ({"extra_body": {"prompt": "as it is"}}, "cpir"),
        ({"response_format": "json_object"}, "cbr"),
        ({"reasoning_effort": "high"}, "cir"),
        ({"reasoning_effort": "none"}, "cpir"),
        ({"extra_body": {"thinking": {"type": "enabled"}}}, "cir"),
    ],
)
def test_the_request_decides(fields: dict[str, Any], expected: str) -> None:
    assert rungs(TEXT, request=ask(**fields)) == expected


def test_a_beginning_of_the_callers_own_is_not_gone_on_with() -> None:
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Well,"}]
    assert rungs(TEXT, request=ChatRequest(messages=turns)) == "cr"


def test_several_choices_are_not_gone_on_with() -> None:
    stands = standing_of((Choice(parts=(TEXT,)), Choice(index=1, parts=(TEXT,))), json_asked=False)
    assert open_rungs(stands, Place(ask(), ALL, ABLE))[0] == ("reset",)


def test_json_mode_makes_a_text_one_value() -> None:
    assert rungs(TEXT, options=ALL.replace(json_mode=True)) == "cbr"


def test_the_words_leave_out_what_nobody_asked_for() -> None:
    stands = standing_of((Choice(parts=(TEXT,)),), json_asked=False)
    _, why = open_rungs(stands, Place(ask(), StreamingOptions(), Capabilities()))
    assert why == "the model does not go on from a prefix; on_cut is 'fail'"


@pytest.mark.parametrize(
    ("extra", "parts", "words"),
    [
        ({}, (), None),
        ({"store": True}, (), None),
        ({"previous_response_id": "resp_1"}, (), "stored response"),
        ({"conversation": "conv_1"}, (), "conversation"),
        ({"background": True}, (), "background"),
        ({"background": False}, (), None),
        ({"container": "c_1"}, (), "container"),
        ({"mcp_servers": [{"url": "https://x"}]}, (), "MCP"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, (), "MCP tools"),
        ({"tools": [{"type": "web_search"}]}, (), None),
        ({"tools": [{"type": "code_interpreter"}]}, (), None),
        ({}, (HOSTED,), "tools were run"),
    ],
)
def test_what_can_act_is_known(extra: dict[str, Any], parts: tuple[Part, ...], words: str | None) -> None:
    danger = danger_of_replay(ask(extra_body=extra), parts)
    assert danger is None if words is None else words in (danger or "")
