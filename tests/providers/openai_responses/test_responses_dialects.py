"""What servers of the Responses wire do that OpenAI does not, and what OpenAI does that no recording shows."""

from typing import Any

import pytest
from responses_wire import Outcome, created, ended, function, item, message, run, stream, text


def done(kind: str, content: int, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}.done", "output_index": 0, "content_index": content, **fields}


@pytest.mark.parametrize("whole", ["Hi", "Hi there"])
def test_done_events_at_another_index_tell_nothing_twice(whole: str) -> None:
    """vLLM has counted on when a part is done."""
    part = {"type": "output_text", "text": "Hi", "annotations": []}
    told = {"type": "message", "role": "assistant"}
    events = [
        created(), item("added", 0, **told, id="m", content=[]), text("H", item_id="m"), text("i", item_id="m"),
        done("output_text", 1, item_id="m", text=whole),
        done("content_part", 1, item_id="m", part={**part, "text": whole}),
        item("done", 0, **told, id="", content=[part]),
        ended(output=[{**told, "id": "other", "content": [part]}]),
    ]  # fmt: skip
    outcome = run(stream(events))
    assert outcome.answer is not None
    parts = [part.text for part in outcome.choice.parts if part.type == "text"]
    assert parts == (["Hi"] if whole == "Hi" else ["Hi", "Hi there"]), "another text is a part of its own"


HOSTED = {
    "mcp_list_tools": ["mcp_list_tools.in_progress", "mcp_list_tools.completed"],
    "mcp_call": [
        "mcp_call.in_progress",
        "mcp_call_arguments.delta",
        "mcp_call_arguments.done",
        "mcp_call.failed",
    ],
    "file_search_call": ["file_search_call.searching", "file_search_call.completed"],
    "code_interpreter_call": ["code_interpreter_call_code.delta", "code_interpreter_call.interpreting"],
    "image_generation_call": ["image_generation_call.generating", "image_generation_call.partial_image"],
    "computer_call": [],
    "shell_call": ["shell_call_command.delta", "shell_call_output_content.delta"],
    "apply_patch_call": ["apply_patch_call_operation_diff.delta"],
    "tool_search_call": [],
    "compaction": [],
}


@pytest.mark.parametrize("kind", HOSTED)
def test_hosted_tools_come_whole_and_are_no_calls_of_ours(kind: str) -> None:
    place = {"item_id": "x", "output_index": 0}
    events = [
        created(), item("added", 0, type=kind, id="x", status="in_progress"),
        *({"type": f"response.{name}", **place, "delta": "NO", "arguments": "NO"} for name in HOSTED[kind]),
        item("done", 0, type=kind, id="x", status="completed", result="R"),
        *message("Hi", index=1), ended(),
    ]  # fmt: skip
    outcome = run(stream(events))
    assert outcome.answer is not None, outcome.failure
    (hosted, said) = outcome.choice.parts
    assert hosted.type == "provider"
    assert (hosted.item["type"], hosted.item["result"]) == (kind, "R")
    assert said.type == "text"
    assert (outcome.choice.text, outcome.choice.finish_reason) == ("Hi", "stop")


def numbered(events: list[dict[str, Any]], left_out: set[int]) -> Outcome:
    told = [{**event, "sequence_number": n} for n, event in enumerate(events) if n not in left_out]
    return run(stream(told))


ANSWER = [created(), *message("One ", "two ", "three"), *function(['{"a"', ": 1}"], 1)]
WHOLE = [
    {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "One two three"}]},
    {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": '{"a": 1}'},
]


@pytest.mark.parametrize("left_out", [{5}, {4, 5}, {6}, {7}, {11}, {12}, {10, 11}, {13}, {11, 12, 13}])
def test_gap_that_a_whole_text_closes_is_no_loss(left_out: set[int]) -> None:
    outcome = numbered([*ANSWER, ended(output=WHOLE)], left_out)
    assert outcome.answer is not None, outcome.failure
    assert outcome.choice.text == "One two three"
    assert [(call.name, call.arguments) for call in outcome.choice.tool_calls] == [("f", '{"a": 1}')]


@pytest.mark.parametrize("left_out", [{3}, {4}, {10}, {6, 7, 8}])
def test_gap_before_a_piece_or_over_the_end_of_a_part_is_loss(left_out: set[int]) -> None:
    outcome = numbered([*ANSWER, ended(output=WHOLE)], left_out)
    assert outcome.failure is not None
    assert outcome.failure.kind == "protocol"
    assert "One two three".startswith(outcome.choice.text)


def test_gap_that_nothing_whole_follows_is_loss() -> None:
    failure = numbered([*ANSWER, ended()], {5}).failure
    assert failure is not None
    assert failure.kind == "protocol"
