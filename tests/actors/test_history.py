"""What `completion.attempts`, usage and timings are made of."""

from typing import Any

from greenroom.actors.history import History
from greenroom.messages.answer import Answer
from greenroom.messages.commands import AttemptOver
from greenroom.messages.contracts import Target
from greenroom.messages.failures import ErrorEvidence, Failure
from greenroom.messages.usage import NO_USAGE, Usage

TARGET = Target("acme", "openai-chat", "big-1")


def over(epoch: int, outcome: Any, tokens: int | None = None, **facts: Any) -> AttemptOver:
    usage = NO_USAGE if tokens is None else Usage(output_tokens=tokens, source="provider")
    return AttemptOver(epoch=epoch, outcome=outcome, answer=Answer(usage=usage), **facts)


def test_each_attempt_is_told_with_its_end() -> None:
    history = History()
    history.begin(0.0)
    failure = Failure(
        error_class="overloaded", message="busy", evidence=ErrorEvidence(kind="http", message="", status=503)
    )
    history.record(over(1, "failed", sent=True, opened_s=0.5), TARGET, "retry", failure, 1.0, 2.0)
    history.begin(3.0)
    history.record(over(2, "completed", 5, sent=True, deltas=7, opened_s=3.5, first_content_s=4.0), TARGET,
                   "completed", None, 6.0, 0.0)  # fmt: skip
    first, second = history.records
    assert (first.epoch, first.started_s, first.duration_s, first.waited_s) == (1, 0.0, 1.0, 2.0)
    assert (first.error_class, first.message, first.status, first.decision) == (
        "overloaded",
        "busy",
        503,
        "retry",
    )
    assert (second.epoch, second.started_s, second.duration_s, second.deltas) == (2, 3.0, 3.0, 7)
    assert second.error_class is None
    timings = history.timings(1000.0, 6.5)
    assert (timings.opened_s, timings.ttft_s, timings.duration_s, timings.started_at) == (
        3.5,
        4.0,
        6.5,
        1000.0,
    )


def test_timings_are_those_of_the_attempt_that_delivered_first() -> None:
    history = History()
    history.record(over(1, "paused", opened_s=1.0, first_content_s=2.0), TARGET, "continue", None, 3.0, 0.0)
    history.record(
        over(2, "completed", opened_s=4.0, first_content_s=5.0), TARGET, "completed", None, 6.0, 0.0
    )
    timings = history.timings(0.0, 6.0)
    assert (timings.opened_s, timings.ttft_s) == (1.0, 2.0)


def test_usage_is_the_sum_and_says_how_sure_it_is() -> None:
    history = History()
    assert history.spent == NO_USAGE
    history.record(over(1, "failed", 3), TARGET, "retry", None, 1.0, 0.0)
    assert history.spent.source == "partial"
    history.record(over(2, "paused", 4), TARGET, "continue", None, 1.0, 0.0)
    assert history.records[1].usage.source == "provider"
    history.record(over(3, "completed"), TARGET, "completed", None, 1.0, 0.0)
    assert (history.spent.output_tokens, history.spent.source) == (7, "partial")


def test_one_attempts_usage_is_passed_on_as_it_is() -> None:
    history = History()
    done = over(1, "completed", 3)
    history.record(done, TARGET, "completed", None, 1.0, 0.0)
    assert history.spent is history.records[0].usage
