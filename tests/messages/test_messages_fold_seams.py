"""What a seam takes back, and what it joins."""

from typing import Any

import pytest

from greenroom.messages import (
    Choice,
    Delta,
    ReasoningDelta,
    StreamSeam,
    TextDelta,
    ToolCallCompleted,
    ToolCallDelta,
    ToolCallStarted,
)
from greenroom.messages.fold import fold

IDS: dict[str, Any] = {"stream_id": "s", "request_id": "r", "seq": 1}


def text(said: str, block: int = 0) -> TextDelta:
    return TextDelta(text=said, block=block, **IDS)


def thought(said: str) -> ReasoningDelta:
    return ReasoningDelta(reasoning=said, **IDS)


def seam(mode: Any, dropped: Any = "none") -> StreamSeam:
    return StreamSeam(mode=mode, dropped=dropped, epoch=2, provider="p", model="m", reason="cut", **IDS)


def call(index: int, *, whole: bool = True, name: str = "f") -> list[Delta]:
    ids = {"call_index": index, "call_id": f"c{index}"}
    begun: list[Delta] = [
        ToolCallStarted(name=name, **ids, **IDS), ToolCallDelta(arguments="{", **ids, **IDS)
    ]  # fmt: skip
    return [*begun, ToolCallCompleted(name=name, arguments="{}", **ids, **IDS)] if whole else begun


def parts(*deltas: Delta | list[Delta]) -> list[tuple[str, Any]]:
    flat = [one for each in deltas for one in (each if isinstance(each, list) else [each])]
    (choice,) = fold(flat)
    return told(choice)


def told(choice: Choice) -> list[tuple[str, Any]]:
    return [(part.type, getattr(part, "name", None) or getattr(part, "text", None)) for part in choice.parts]


@pytest.mark.parametrize("mode", ["prefix", "instruction"])
@pytest.mark.parametrize("block", [0, 3])
def test_a_continued_text_is_one_part(mode: str, block: int) -> None:
    assert parts(text("Hel", 1), seam(mode), text("lo", block), text("!", block)) == [("text", "Hello!")]


def test_an_exact_resume_changes_nothing() -> None:
    assert parts(text("Hel"), text("lo")) == [("text", "Hello")]


def test_another_text_after_the_joined_one_is_a_part_of_its_own() -> None:
    assert parts(text("a"), seam("prefix"), text("b"), text("c", 1)) == [("text", "ab"), ("text", "c")]


def test_an_open_call_is_gone_and_a_whole_one_stays() -> None:
    first = [text("See."), *call(0, name="done"), *call(1, whole=False, name="cut")]
    assert parts(first, seam("block", "tool_call"), call(1, name="again")) == [
        ("text", "See."), ("tool_call", "done"), ("tool_call", "again"),
    ]  # fmt: skip


def test_open_reasoning_is_gone_and_earlier_text_stays() -> None:
    assert parts(text("a"), thought("hm"), seam("block", "reasoning"), thought("so")) == [
        ("text", "a"), ("reasoning", "so"),
    ]  # fmt: skip


def test_an_open_value_is_gone() -> None:
    assert parts(thought("hm"), text('{"a'), seam("block", "json"), text('{"b":1}')) == [
        ("reasoning", "hm"), ("text", '{"b":1}'),
    ]  # fmt: skip


def test_text_behind_a_block_seam_is_a_part_of_its_own() -> None:
    assert parts(text("See."), call(0, whole=False), seam("block", "tool_call"), text("Now.")) == [
        ("text", "See."), ("text", "Now."),
    ]  # fmt: skip


def test_a_seam_before_everything_is_harmless() -> None:
    assert parts(seam("block", "json"), text("a")) == [("text", "a")]
