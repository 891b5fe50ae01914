"""Tool calls, in each of the ways that servers cut them up."""

import json
from typing import Any

import pytest
from chat_wire import DONE, Outcome, run
from test_openai_chat_decode import END, piece, sse

from greenroom.messages.deltas import ToolCallCompleted, ToolCallDelta, ToolCallStarted
from greenroom.providers.wire.allowance import CALLS_MAX

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
    "name after arguments": (
        [[part('{"x"', index=0, id="a")], [part(":1}", index=0, name="f")]],
        [("f", '{"x":1}', True)],
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
    "index from 1": (
        [
            [part("", index=1, id="a", name="f")],
            [part("{}", index=1)],
            [part("{}", index=2, id="b", name="g")],
        ],
        [("f", "{}", True), ("g", "{}", True)],
    ),
    "index and number of text and float": (
        [[part('{"x"', index="0", id=7, name="f")], [part(":1}", index=0.0)]],
        [("f", '{"x":1}', True)],
    ),
    "index first, then only the id": (
        [[part('{"x"', index=0, id="a", name="f")], [part(":1}", id="a")]],
        [("f", '{"x":1}', True)],
    ),
    "id first, then only the index": (
        [[part('{"x"', id="a", name="f")], [part(":1}", index=0)], [part("{}", index=1, id="b", name="g")]],
        [("f", '{"x":1}', True), ("g", "{}", True)],
    ),
    "another index for the same id": (
        [[part('{"x"', index=0, id="a", name="f")], [part(":1}", index=1, id="a")]],
        [("f", '{"x":1}', True)],
    ),
    "one id for two calls of two indices": (
        [[part('{"x":1}', index=0, id="f", name="f")], [part('{"x":2}', index=1, id="f", name="f")]],
        [("f", '{"x":1}', True), ("f", '{"x":2}', True)],
    ),
    "null and empty ids, null arguments": (
        [[part(index=0, id="a", name="f")], [part('{"x"', index=0, id=None)], [part(":1}", index=0, id="")]],
        [("f", '{"x":1}', True)],
    ),
    "another id in every chunk, no index": (
        [[part('{"x"', id="a", name="f")], [part(":", id="b")], [part("1}", id="c")]],
        [("f", '{"x":1}', True)],
    ),
    "another id and nothing else at the end": (
        [[part('{"x":1}', index=0, id="a", name="f")], [part("", index=0, id="b")]],
        [("f", '{"x":1}', True)],
    ),
    "index 0 for all, arguments in pieces": (
        [
            [part('{"x"', index=0, id="a", name="f")],
            [part(":1}", index=0)],
            [part("", index=0, id="b", name="g")],
            [part('{"y":2}', index=0)],
        ],
        [("f", '{"x":1}', True), ("g", '{"y":2}', True)],
    ),
    "name again in every chunk, no id, no index": (
        [[part('{"x"', name="f")], [part(':"}"', name="f")], [part("}", name="f")], [part("{}", name="f")]],
        [("f", '{"x":"}"}', True), ("f", "{}", True)],
    ),
    "name in pieces": (
        [[part("", index=0, id="a", name="get_")], [part("", index=0, name="it")], [part("{}", index=0)]],
        [("get_it", "{}", True)],
    ),
    "the name so far in every chunk": (
        [[part("", index=0, id="a", name="get_")], [part("{}", index=0, name="get_it")]],
        [("get_it", "{}", True)],
    ),
    "another name after arguments that were cut": (
        [[part('{"x"', index=0, name="f")], [part("{}", index=0, name="g")]],
        [("f", '{"x"', False), ("g", "{}", True)],
    ),
    "the same whole call twice": (
        [[part('{"x":1}', index=0, id="a", name="f")], [part('{"x":1}', index=0, id="a", name="f")]],
        [("f", '{"x":1}', True)],
    ),
    "three in one delta, then pieces": (
        [
            [part("", index=n, id=str(n), name="f") for n in range(3)],
            [part(f'{{"n":{n}}}', index=n) for n in (2, 0, 1)],
        ],
        [("f", f'{{"n":{n}}}', True) for n in range(3)],
    ),
    "no function object": (
        [[{"index": 0, "id": "a", "name": "f", "arguments": "{}"}]],
        [("f", "{}", True)],
    ),
    "custom tool": (
        [
            [{"index": 0, "id": "a", "type": "custom", "custom": {"name": "f", "input": '{"x":'}}],
            [{"index": 0, "custom": {"input": "1}"}}],
        ],
        [("f", '{"x":1}', True)],
    ),
    "arguments as a list": ([[part([1], index=0, id="a", name="f")]], [("f", "[1]", True)]),
    "not a list of calls": (
        [part("{}", index=0, id="a", name="f")],  # type: ignore[list-item]
        [("f", "{}", True)],
    ),
    "junk after the bracket": (
        [[part('{"x":1}', index=0, id="a", name="f")], [part("}", index=0)]],
        [("f", '{"x":1}}', False)],
    ),
    "blanks after the bracket": (
        [[part('{"x":1}', index=0, id="a", name="f")], [part(" \n", index=0)]],
        [("f", '{"x":1} \n', True)],
    ),
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


@pytest.mark.parametrize("way", WAYS)
def test_calls_are_the_same_when_chunks_are_taken_one_by_one(way: str) -> None:
    data = (
        sse(*[piece(tool_calls=fragments) for fragments in WAYS[way][0]], piece(finish="tool_calls")) + DONE
    )
    assert run(data, [1] * len(data)) == calls_of(*WAYS[way][0])


def test_more_for_a_call_that_was_completed_is_not_lost() -> None:
    late = calls_of([part("{}", index=0, id="a", name="f")], [part("{}", index=1, id="b", name="g")], [
        part("[1]", index=0)])  # fmt: skip
    assert seen(late) == [("f", "{}", True), ("g", "{}", True), ("f", "[1]", True)]


def test_running_arguments_are_delivered_piece_by_piece() -> None:
    pieces = ['{"te', 'xt": "', "one", " two", "\\n", "é", "", "\U0001f600", "}", '"', "}"]
    chunks = [[part("", index=0, id="a", name="f")], *[[part(p, index=0)] for p in pieces]]
    outcome = calls_of(*chunks, [part("{}", index=1, id="b", name="g")])
    told = [d for d in outcome.deltas if isinstance(d, ToolCallDelta) and d.call_index == 0]
    assert [d.arguments for d in told] == [p for p in pieces if p]
    assert seen(outcome) == [("f", '{"text": "one two\\né\U0001f600}"}', True), ("g", "{}", True)]


def test_chunk_that_only_looks_like_running_arguments_is_read_as_what_it_is() -> None:
    """The same bytes around another string, and then again with a name beside it."""
    first = piece(tool_calls=[part("", index=0, id="a", name="f")])
    running = [json.dumps(piece(tool_calls=[part(p, index=0)])) for p in ("[1", ",2", ",3")]
    spoof = running[0].replace(
        '"[1"', '"]"}, "index": 0}, {"index": 1, "id": "b", "function": {"name": "g", "arguments": "{}"'
    )
    outcome = run(sse(first, *running, spoof, piece(finish="stop")) + DONE)
    assert seen(outcome) == [("f", "[1,2,3]", True), ("g", "{}", True)]


def test_interleaved_calls_with_text_between_keep_their_arguments() -> None:
    fragments = [part('{"a":"', index=0, id="a", name="f"), part('{"b":"', index=1, id="b", name="g")]
    chunks = [piece(tool_calls=[f]) for f in fragments]
    for n in range(30):
        chunks += [piece(tool_calls=[part("x", index=n % 2)]), *([piece("t")] if n % 7 == 0 else [])]
    chunks += [piece(tool_calls=[part('"}', index=n)]) for n in (0, 1)]
    outcome = run(sse(*chunks, END) + DONE)
    assert seen(outcome) == [("f", f'{{"a":"{"x" * 15}"}}', True), ("g", f'{{"b":"{"x" * 15}"}}', True)]
    assert outcome.choice.text == "t" * 5


@pytest.mark.parametrize(
    "fragments",
    [
        [part("x" * 500, index=0, id="a", name="f")] * 200,
        [part("", index=n, id=str(n), name="f") for n in range(400)],
    ],
)
def test_calls_that_need_more_than_their_allowance_fail_with_the_bound(
    fragments: list[dict[str, Any]],
) -> None:
    data = sse(*[piece(tool_calls=[fragment]) for fragment in fragments])
    outcome = run(data, max_output_bytes=2048, max_event_bytes=2048)
    assert outcome.failure is not None
    assert outcome.failure.kind == "bound"
    assert "max_output_bytes" in outcome.failure.message
    assert run(data, [7] * (len(data) // 7), max_output_bytes=2048, max_event_bytes=2048) == outcome


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


def test_calls_are_bounded_in_number() -> None:
    calls = [[part("", index=number, id=f"c{number}", name="f")] for number in range(CALLS_MAX + 1)]
    assert calls_of(*calls[:-1]).answer is not None
    failure = calls_of(*calls).failure
    assert failure is not None
    assert (failure.kind, failure.clock) == ("bound", "max_output_bytes")
    assert "more than 1024 tool calls" in failure.message
