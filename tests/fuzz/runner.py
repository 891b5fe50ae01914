"""Runs one target's cases for a time. A case is a function of a seeded Random: its seed replays it."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

Case = Callable[[random.Random], None]
"""One case; raises on a defect. All that it does follows from the Random."""

SLOW_S = 10.0
"""No case is so large that it may take this long: whatever does is not linear, or hangs."""


@dataclass(frozen=True)
class Ran:
    cases: int
    seconds: float


class Defect(AssertionError):
    """A case raised. `seed` makes the same case again."""

    def __init__(self, target: str, seed: int, error: BaseException) -> None:
        self.seed = seed
        replay = f"python -m tests.fuzz --target {target} --seed {seed} --cases 1"
        super().__init__(f"{target} case {seed}: {type(error).__name__}: {error}\nreplay: {replay}")


def fuzz(target: str, case: Case, seed: int, seconds: float, cases: int | None = None) -> Ran:
    """Cases of the seeds `seed`, `seed + 1`, ... until the time is over or so many ran. Raises Defect."""
    started_s = time.perf_counter()
    ran = 0
    while cases is None or ran < cases:
        before_s = time.perf_counter()
        if ran and before_s - started_s >= seconds:
            break
        try:
            case(random.Random(seed + ran))
            took_s = time.perf_counter() - before_s
            assert took_s < SLOW_S, f"took {took_s:.1f} s"
        except Exception as error:
            raise Defect(target, seed + ran, error) from error
        ran += 1
    return Ran(ran, time.perf_counter() - started_s)
