"""A delta made from a draft cannot be told from one that its own constructor made."""

import copy
import pickle
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from greenroom.messages.delta_drafts import reasoning_delta, text_delta, tool_call_delta, usage_delta
from greenroom.messages.deltas import (
    Delta,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    UsageDelta,
    delta_from_json,
    delta_json,
)
from greenroom.messages.usage import Usage
from greenroom.messages.value import FrozenMap

SAID = FrozenMap({"logprobs": 1})
SHARED: dict[str, Any] = {
    "stream_id": "s", "request_id": "r", "seq": 7, "index": 2, "received_at": 1.5, "metadata": SAID,
}  # fmt: skip
HEAD: tuple[Any, ...] = (("s", "r"), 7, 2, 1.5, SAID)
PAIRS: list[tuple[Delta, Delta]] = [
    (text_delta(*HEAD, "word", 3), TextDelta(**SHARED, text="word", block=3)),
    (reasoning_delta(*HEAD, "hm", 3), ReasoningDelta(**SHARED, reasoning="hm", block=3)),
    (
        tool_call_delta(*HEAD, (1, "c"), "{"),
        ToolCallDelta(**SHARED, call_index=1, call_id="c", arguments="{"),
    ),
    (usage_delta(*HEAD, Usage(output_tokens=3)), UsageDelta(**SHARED, usage=Usage(output_tokens=3))),
]


@pytest.mark.parametrize(("drafted", "made"), PAIRS, ids=lambda delta: type(delta).__name__)
def test_a_draft_becomes_the_delta_itself(drafted: Delta, made: Delta) -> None:
    assert type(drafted) is type(made)
    assert (drafted, hash(drafted), repr(drafted)) == (made, hash(made), repr(made))
    assert delta_from_json(delta_json(drafted)) == made
    assert pickle.loads(pickle.dumps(drafted)) == copy.deepcopy(drafted) == made  # noqa: S301  (our own bytes)


@pytest.mark.parametrize(("drafted", "made"), PAIRS, ids=lambda delta: type(delta).__name__)
def test_it_is_as_frozen(drafted: Delta, made: Delta) -> None:
    for name in ("seq", "metadata", "type"):
        with pytest.raises(FrozenInstanceError):
            setattr(drafted, name, getattr(made, name))
    with pytest.raises(FrozenInstanceError):
        del drafted.seq  # type: ignore[misc]
