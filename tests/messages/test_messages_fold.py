"""The fold: deltas in, choices out; linear, total, the same however the text was cut."""

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from greenroom.messages import (
    NO_USAGE,
    Answer,
    Choice,
    ChoiceEnd,
    Delta,
    Fold,
    FrozenMap,
    RawDelta,
    ReasoningDelta,
    ReasoningPart,
    RefusalDelta,
    RefusalPart,
    StreamReset,
    StreamSeam,
    TextDelta,
    TextPart,
    ToolCallCompleted,
    ToolCallDelta,
    ToolCallPart,
    ToolCallStarted,
    Usage,
    UsageDelta,
)
from greenroom.messages.fold import fold

from strategies import deltas, replaced, text, usages

IDS: dict[str, Any] = {"stream_id": "s", "request_id": "r"}


def say(words: str, seq: int = 1, **more: Any) -> TextDelta:
    return TextDelta(seq=seq, text=words, **IDS, **more)


def start(call_index: int, name: str = "f", **more: Any) -> ToolCallStarted:
    return ToolCallStarted(seq=1, call_index=call_index, call_id=f"c{call_index}", name=name, **IDS, **more)


def grow(call_index: int, arguments: str, **more: Any) -> ToolCallDelta:
    return ToolCallDelta(
        seq=1, call_index=call_index, call_id=f"c{call_index}", arguments=arguments, **IDS, **more
    )


def complete(call_index: int, arguments: str, **more: Any) -> ToolCallCompleted:
    return ToolCallCompleted(
        seq=1, call_index=call_index, call_id=f"c{call_index}", name="f", arguments=arguments, **IDS, **more
    )


def parts(*given: Delta) -> tuple[Any, ...]:
    return fold(given)[0].parts


def test_nothing_folds_to_one_empty_choice() -> None:
    assert fold([]) == (Choice(),)


def test_text_is_joined() -> None:
    assert parts(say("Hel"), say("lo")) == (TextPart(text="Hello"),)


def test_kinds_and_blocks_become_parts_in_their_order() -> None:
    given = (
        ReasoningDelta(seq=1, reasoning="hm", **IDS),
        say("a", block=0),
        say("b", block=1),
        start(0),
        grow(0, '{"x":'),
        say("c", block=1),
        RefusalDelta(seq=1, refusal="No.", **IDS),
    )
    assert parts(*given) == (
        ReasoningPart(text="hm"),
        TextPart(text="a"),
        TextPart(text="b"),
        ToolCallPart(id="c0", name="f", arguments='{"x":', complete=False),
        TextPart(text="c"),
        RefusalPart(refusal="No."),
    )


def test_tool_calls_may_interleave() -> None:
    given = (start(0, "f"), start(1, "g"), grow(1, "[1"), grow(0, "{"), grow(1, "]"), grow(0, "}"))
    assert parts(*given, complete(0, "{}")) == (
        ToolCallPart(id="c0", name="f", arguments="{}", index=0, complete=True),
        ToolCallPart(id="c1", name="g", arguments="[1]", index=1, complete=False),
    )


def test_a_completed_call_holds_its_own_arguments() -> None:
    assert parts(start(0), grow(0, "{"), complete(0, '{"a": 1}'))[0].arguments == '{"a": 1}'
    assert parts(complete(0, "{}")) == (ToolCallPart(id="c0", name="f", arguments="{}"),)
    assert parts(grow(0, "{")) == (ToolCallPart(id="c0", name="unknown", arguments="{", complete=False),)


def test_a_call_started_again_is_another_part() -> None:
    given = (start(0), grow(0, "a"), start(0), grow(0, "b"))
    assert [part.arguments for part in parts(*given)] == ["a", "b"]


def test_each_of_n_choices_has_its_own_parts_and_end() -> None:
    answer = Answer(ends=(ChoiceEnd(index=1, reason="stop", raw="end"), ChoiceEnd(index=2, reason="length")))
    made = fold([say("b", index=1), say("a", index=0), say("B", index=1)], answer)
    assert made == (
        Choice(index=0, parts=(TextPart(text="a"),)),
        Choice(index=1, parts=(TextPart(text="bB"),), finish_reason="stop", finish_reason_raw="end"),
        Choice(index=2, finish_reason="length"),
    )


def test_reset_forgets_all_that_stood_before() -> None:
    folded = Fold()
    folded.add([
        say("old"), start(0), UsageDelta(seq=3, usage=Usage(input_tokens=1), **IDS),
        StreamReset(seq=4, epoch=2, provider="p", model="m", reason="cut", **IDS),
    ])  # fmt: skip
    assert folded.choices() == (Choice(),)
    assert folded.usage == NO_USAGE
    assert folded.last_seq == 4
    folded.add([say("new", seq=5), grow(0, "x")])
    assert folded.choices()[0].text == "new"
    assert folded.choices()[0].tool_calls[0].name == "unknown"


def test_seam_and_raw_add_nothing() -> None:
    seam = StreamSeam(seq=2, mode="prefix", epoch=2, provider="p", model="m", reason="cut", **IDS)
    raw = RawDelta(seq=3, event="x", data=FrozenMap(), **IDS)
    assert parts(say("a"), seam, raw, say("b")) == (TextPart(text="ab"),)


def test_reasoning_keeps_what_must_go_back() -> None:
    given = (
        ReasoningDelta(seq=1, reasoning="h", metadata=FrozenMap({"id": "i", "n": 1}), **IDS),
        ReasoningDelta(seq=2, reasoning="m", **IDS),
        ReasoningDelta(seq=3, reasoning="", metadata=FrozenMap({"signature": "s", "n": 2}), **IDS),
    )
    assert parts(*given) == (
        ReasoningPart(text="hm", id="i", signature="s", metadata={"id": "i", "signature": "s", "n": 2}),
    )


def test_half_surrogates_are_joined_or_replaced() -> None:
    assert parts(say("\ud83d"), say("\ude00!")) == (TextPart(text="\U0001f600!"),)
    assert fold([say("a\ud83d")])[0].model_dump_json() is not None


@given(usages, usages)
def test_the_newest_usage_replaces_the_one_before(one: Usage, two: Usage) -> None:
    folded = Fold()
    folded.add(UsageDelta(seq=seq, usage=usage, **IDS) for seq, usage in ((1, one), (2, two)))
    assert folded.usage == two


@given(st.lists(deltas, max_size=12))
def test_any_deltas_fold_and_their_choices_are_json(given: list[Delta]) -> None:
    for choice in fold(given):
        assert Choice.model_validate_json(choice.model_dump_json()) == choice


@given(st.lists(deltas, max_size=12), st.integers(0, 12))
def test_folding_in_batches_is_folding_at_once(given: list[Delta], cut: int) -> None:
    folded = Fold()
    folded.add(given[:cut])
    folded.choices()
    folded.add(given[cut:])
    assert folded.choices() == fold(given)


@given(
    st.lists(deltas | st.builds(say, text, block=st.integers(0, 1), index=st.integers(0, 1)), max_size=10),
    st.data(),
)
def test_cutting_text_elsewhere_changes_nothing(given: list[Delta], data: st.DataObject) -> None:
    pieces: list[Delta] = []
    for delta in given:
        if isinstance(delta, TextDelta):
            cuts = sorted(data.draw(st.lists(st.integers(0, len(delta.text)), max_size=3)))
            edges = [0, *cuts, len(delta.text)]
            pieces += [replaced(delta, text=delta.text[a:b]) for a, b in pairwise(edges)]
        else:
            pieces.append(delta)
    assert fold(pieces) == fold(given)


@given(st.lists(text, min_size=1, max_size=20))
def test_merging_adjacent_text_changes_nothing(words: list[str]) -> None:
    assert fold([say("".join(words))]) == fold(say(word) for word in words)


def test_a_long_answer_folds_whole() -> None:
    """A quadratic fold would not come back within the test's time limit."""
    count = 100_000
    (plain,) = fold([say("word ", seq) for seq in range(count)])
    assert plain.text == "word " * count
    assert len(plain.parts) == 1

    mixed: list[Delta] = []
    for i in range(count // 4):
        mixed += [say("a", block=i), start(i), grow(0, "b"), grow(i, "c")]
    (choice,) = fold(mixed)
    assert choice.text == "a" * (count // 4)
    assert len(choice.tool_calls) == count // 4
    assert choice.tool_calls[0].arguments.count("b") == count // 4
