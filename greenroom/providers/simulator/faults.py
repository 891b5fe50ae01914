"""Faults that strike any wire's answer: steps in, steps out, nothing about a wire in here.

A place "after n deltas" is reached once the opening steps are out and n deltas have been sent.
"""

from collections.abc import Iterable, Iterator

from greenroom.providers.simulator.reply import Ending, Step
from greenroom.providers.simulator.script import Cut, Script, Stall


def struck(steps: Iterable[Step], script: Script, opening: int, *, streamed: bool = True) -> Iterator[Step]:
    """The steps as they go out once the script's stall and cut have been put in."""
    if script.stall is not None:
        steps = _stalled(steps, script.stall, opening, 0 if not streamed else script.stall.after_deltas)
    if script.cut is not None and script.cut.after_bytes is not None:
        steps = _cut_after_bytes(steps, script.cut.after_bytes, Ending(script.cut.how))
    if script.cut is not None and script.cut.after_deltas is not None:
        steps = _cut_after_deltas(steps, script.cut, opening, 0 if not streamed else script.cut.after_deltas)
    return iter(steps)


def before_place(steps: Iterator[Step], opening: int, deltas: int) -> Iterator[Step]:
    """The steps before the place; what is left in `steps` begins with the first step after it."""
    sent = position = 0
    while position < opening or sent < deltas:
        step = next(steps, None)
        if step is None:
            return
        yield step
        position += 1
        sent += step.deltas


def _stalled(steps: Iterable[Step], stall: Stall, opening: int, deltas: int) -> Iterator[Step]:
    rest = iter(steps)
    yield from before_place(rest, opening, deltas)
    first = next(rest, None)
    if first is None:
        return
    if stall.for_s is None:
        yield Step(b"", ending=Ending.STALL)
        return
    yield first._replace(delay_s=first.delay_s + stall.for_s)
    yield from rest


def _cut_after_deltas(steps: Iterable[Step], cut: Cut, opening: int, deltas: int) -> Iterator[Step]:
    rest = iter(steps)
    yield from before_place(rest, opening, deltas)
    if next(rest, None) is not None:
        yield Step(b"", ending=Ending(cut.how))


def _cut_after_bytes(steps: Iterable[Step], limit: int, ending: Ending) -> Iterator[Step]:
    for step in steps:
        if len(step.data) > limit:
            yield Step(step.data[:limit], step.delay_s, 0, ending)
            return
        limit -= len(step.data)
        yield step
