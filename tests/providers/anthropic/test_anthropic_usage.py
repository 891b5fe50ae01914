"""Counts: input with what was cached, the newest of each field, partial where no end was seen."""

from typing import Any

import pytest
from anthropic_wire import delta, ended, event, message, run, start, started

from greenroom.messages.deltas import UsageDelta
from greenroom.providers.anthropic.usage import usage_of


def test_cached_input_is_counted_in_and_told_apart() -> None:
    raw = {"input_tokens": 10, "cache_creation_input_tokens": 200, "cache_read_input_tokens": 3000}
    used = usage_of({**raw, "output_tokens": 5, "output_tokens_details": {"thinking_tokens": 2}})
    assert (used.input_tokens, used.output_tokens, used.total_tokens) == (3210, 5, 3215)
    assert (used.cached_input_tokens, used.cache_write_tokens, used.reasoning_tokens) == (3000, 200, 2)
    assert used.source == "provider"


@pytest.mark.parametrize(
    ("raw", "counts"),
    [
        ({}, (None, None, None, None)),
        ({"output_tokens": 3}, (None, 3, None, None)),
        ({"cache_read_input_tokens": 7}, (7, None, 7, None)),
        ({"input_tokens": 1, "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 3}},
         (6, None, None, 5)),
        ({"input_tokens": -1, "output_tokens": "x", "cache_read_input_tokens": None}, (None, None, None, None)),
        ({"input_tokens": "3", "output_tokens": 2.0}, (3, 2, None, None)),
    ],
)  # fmt: skip
def test_odd_counts(raw: dict[str, Any], counts: tuple[int | None, ...]) -> None:
    used = usage_of(raw)
    told = (used.input_tokens, used.output_tokens, used.cached_input_tokens, used.cache_write_tokens)
    assert told == counts


def test_counts_of_later_events_replace_earlier_ones_field_by_field() -> None:
    first = {"input_tokens": 92, "cache_read_input_tokens": 8, "output_tokens": 1}
    data = started(usage=first) + message("x")
    data += event("message_delta", delta={}, usage={"output_tokens": 4, "input_tokens": None})
    data += ended(usage={"output_tokens": 9, "input_tokens": 100})
    outcome = run(data)
    assert (outcome.usage.input_tokens, outcome.usage.output_tokens) == (108, 9)
    assert outcome.usage.source == "provider"
    assert sum(isinstance(d, UsageDelta) for d in outcome.deltas) == 1
    assert outcome.answer is not None
    assert outcome.answer.usage == outcome.usage


def test_counts_of_an_answer_that_broke_are_partial() -> None:
    outcome = run(started() + start(0, "text", text="") + delta(0, "text_delta", text="x"), clean=False)
    assert (outcome.usage.input_tokens, outcome.usage.output_tokens, outcome.usage.source) == (
        5,
        1,
        "partial",
    )


@pytest.mark.parametrize("usage", [None, "many", [1], {"x": "y" * 20_000}, {"input_tokens": {"a": 1}}])
def test_usage_of_a_wrong_shape_counts_nothing(usage: Any) -> None:
    outcome = run(started(usage=usage) + message("x") + ended(usage={}))
    assert outcome.answer is not None
    assert outcome.usage.input_tokens is None
