"""Tool calls, in each of the ways that servers cut them up."""

from typing import Any

import pytest
from chat_wire import DONE, Outcome, run
from test_openai_chat_decode import END, piece, sse

from greenroom.messages.deltas import ToolCallCompleted, ToolCallDelta, ToolCallStarted

NONE = object()


def part(arguments: Any = None, *, index: Any = NONE, id: Any = NONE, name: Any = NONE) -> dict[str, Any]:  # noqa: A002
    function = {"arguments": arguments} if arguments is not None else {}
    fragment: dict[str, Any] = {"function": function if name is NONE else {**function, "name": name}}
    return {**fragment, **{k: v for k, v in (("index", index), ("id", id)) if v is not NONE}}


def calls_of(*deltas: list[dict[str, Any]], finish: str = "tool_calls") -> Outcome:
    return run(sse(*[piece(tool_calls=fragments) for fragments in deltas], piece(finish=finish)) + DONE)


def seen(outcome: Outcome) -> list[tuple[str, str, bool]]:
    return [(call.name, call.arguments, call.complete) for call in outcome.choice.tool_calls]


WAYS: dict[str, tuple[list[list[dict[str, Any]]], list[tuple[str, str, bool]]]] = {
    "openai": (
        [[part("", index=0, id="a", name="f")], [part('{"x"', index=0)], [part(":1}", index=0)]],
        [("f", '{"x":1}', True)],
    ),
    "interleaved": (
        [
            [part("", index=0, id="a", name="f")],
            [part("", index=1, id="b", name="g")],
            [part('{"x":', index=0)],
            [part('{"y":', index=1)],
            [part("1}", index=0)],
            [part("2}", index=1)],
        ],
        [("f", '{"x":1}', True), ("g", '{"y":2}', True)],
    ),
    "whole, two in one delta, no index": (
        [[part("{}", id="a", name="f"), part('{"y":2}', id="b", name="g")]],
        [("f", "{}", True), ("g", '{"y":2}', True)],
    ),
    "index 0 for all": (
        [[part('{"x":1}', index=0, id="a", name="f")], [part('{"x":2}', index=0, id="b", name="f")]],
        [("f", '{"x":1}', True), ("f", '{"x":2}', True)],
    ),
    "index 0 for all, no ids": (
        [[part('{"x":1}', index=0, name="f")], [part('{"x":2}', index=0, name="f")]],
        [("f", '{"x":1}', True), ("f", '{"x":2}', True)],
    ),
    "id and name in every chunk": (
        [[part('{"x"', index=0, id="a", name="f")], [part(":1}", index=0, id="a", name="f")]],
        [("f", '{"x":1}', True)],
    ),
    "another id in every chunk, the name once": (
        [[part('{"x"', index=0, id="a", name="f")], [part(":1}", index=0, id="b", name="")]],
        [("f", '{"x":1}', True)],
    ),
    "empty id and name later (LM Studio)": (
        [[part("", index=0, id="1", name="f")], [part('{"x":1}', index=0, id="", name="")]],
        [("f", '{"x":1}', True)],
    ),
    "late id": (
        [[part('{"x"', index=0, name="f")], [part(":1}", index=0, id="late")]],
        [("f", '{"x":1}', True)],
    ),
    "never an id, never an index": (
        [[part('{"x"', name="f")], [part(":1}")], [part("{}", name="g")]],
        [("f", '{"x":1}', True), ("g", "{}", True)],
    ),
    "id, then fragments without anything": (
        [[part("", id="a", name="f")], [part('{"x"')], [part(":1}")]],
        [("f", '{"x":1}', True)],
    ),
    "no arguments at all": ([[part(index=0, id="a", name="f")]], [("f", "{}", True)]),
    "arguments as an object": ([[part({"x": 1}, index=0, id="a", name="f")]], [("f", '{"x":1}', True)]),
    "cut off": ([[part('{"x": "ab', index=0, id="a", name="f")]], [("f", '{"x": "ab', False)]),
}


@pytest.mark.parametrize("way", WAYS)
def test_calls_are_put_together(way: str) -> None:
    deltas, expected = WAYS[way]
    assert seen(calls_of(*deltas)) == expected
    assert seen(calls_of(*deltas, finish="stop")) == expected


@pytest.mark.parametrize("way", WAYS)
def test_calls_are_announced_before_their_arguments_and_completed_once(way: str) -> None:
    outcome = calls_of(*WAYS[way][0])
    for number, call in enumerate(outcome.choice.tool_calls):
        mine = [d for d in outcome.deltas if getattr(d, "call_index", None) == number]
        kinds = [type(d) for d in mine]
        assert kinds[0] is ToolCallStarted
        assert kinds.count(ToolCallStarted) == 1
        assert kinds.count(ToolCallCompleted) == int(call.complete)
        assert len({d.call_id for d in mine}) == 1  # type: ignore[union-attr]
        joined = "".join(d.arguments for d in mine if isinstance(d, ToolCallDelta))
        assert joined == call.arguments or (joined == "" and call.arguments == "{}")


def test_ids_given_are_kept_and_missing_ones_are_made_the_same_way_each_time() -> None:
    late = calls_of(*WAYS["late id"][0])
    assert late.choice.tool_calls[0].id == "late"
    one, two = (calls_of(*WAYS["never an id, never an index"][0]).choice.tool_calls for _ in range(2))
    assert one == two
    assert one[0].id != one[1].id
    assert all(len(call.id) == 9 and call.id.isalnum() for call in one)


def test_stop_with_a_tool_call_asks_for_tools() -> None:
    outcome = calls_of(*WAYS["openai"][0], finish="stop")
    assert (outcome.choice.finish_reason, outcome.choice.finish_reason_raw) == ("tool_calls", "stop")


def test_finished_call_is_completed_when_the_next_one_begins() -> None:
    kinds = [type(d).__name__ for d in calls_of(*WAYS["index 0 for all"][0]).deltas]
    assert kinds == ["ToolCallStarted", "ToolCallDelta", "ToolCallCompleted"] * 2


def test_old_function_call_is_a_tool_call() -> None:
    chunks = [
        piece(function_call={"name": "f", "arguments": '{"x"'}),
        piece(function_call={"arguments": ":1}"}),
    ]
    outcome = run(sse(*chunks, piece(finish="function_call")) + DONE)
    assert seen(outcome) == [("f", '{"x":1}', True)]
    assert outcome.choice.finish_reason == "tool_calls"


def test_tool_call_on_the_finish_chunk_and_after_text() -> None:
    fragments = [part("{}", index=0, id="a", name="f")]
    outcome = run(sse(piece("so: "), piece(finish="stop", tool_calls=fragments)) + DONE)
    assert outcome.choice.text == "so: "
    assert seen(outcome) == [("f", "{}", True)]


def test_call_without_a_name_is_not_lost() -> None:
    assert seen(calls_of([part('{"x":1}', index=0, id="a")])) == [("unknown", '{"x":1}', True)]


def test_empty_list_of_tool_calls_is_nothing() -> None:
    outcome = run(sse(piece("a", tool_calls=[]), piece("b", tool_calls=None), END) + DONE)
    assert outcome.choice.text == "ab"
    assert outcome.choice.finish_reason == "stop"
