"""Which further requests the retry budget is charged for."""

from types import SimpleNamespace
from typing import Any

import pytest

from greenroom.supervision.attempts import (
    NO_RETRIES_LEFT,
    Adjust,
    Continue,
    FallBack,
    GiveUp,
    Next,
    Reset,
    Resume,
    Retry,
)
from greenroom.supervision.leases import note_decision


class Budget:
    """What the table of breakers is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def spend_retry(self, place: Any, now_s: float) -> None:
        self.told.append("spent")

    def refuse_retry(self, place: Any, now_s: float) -> None:
        self.told.append("refused")


@pytest.mark.parametrize(
    ("decided", "told"),
    [
        (Retry(1.0), ["spent"]),
        (Retry(1.0, charged=False), []),
        (Retry(0.0, counted=False), []),
        (Resume("server_cursor", 1.0), ["spent"]),
        (Resume("prefix", 1.0, charged=False), []),
        (Reset(1.0), []),
        (Reset(0.0, 1), []),
        (FallBack(1), []),
        (Adjust("no_stream_options"), []),
        (Continue(), []),
        (GiveUp("it does not pass"), []),
        (GiveUp(NO_RETRIES_LEFT), ["refused"]),
    ],
    ids=str,
)
def test_what_is_charged(decided: Next, told: list[str]) -> None:
    budget = Budget()
    job: Any = SimpleNamespace(breakers=budget, target=SimpleNamespace(place=0))
    note_decision(job, decided, 0.0)
    assert budget.told == told
