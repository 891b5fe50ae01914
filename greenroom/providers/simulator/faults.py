"""Faults that strike any wire's answer: steps in, steps out, nothing about a wire in here.

A place "after n deltas" is reached once the opening steps are out and n deltas have been sent.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count

from greenroom.providers.simulator.floods import flood_steps
from greenroom.providers.simulator.reply import Ending, Step
from greenroom.providers.simulator.script import Script
from greenroom.providers.simulator.script_faults import Cut, Garbage, Stall

BAD_BYTES = b"\x00\xff\xfe\x80{[\x1b]}"
SILENT_BYTES = {"comment": b": ping\n\n", "blank": b"\n"}
"""Signs of life, by the kind of ping, that are no events of a stream of server-sent events."""
_PINGS_MAX = 10_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """What a wire lends to the faults. `opening`: how many steps come before its first delta."""

    opening: int
    streamed: bool
    event: Callable[[str], bytes]
    """An event (or body) that carries this text."""
    ping: Callable[[str], bytes]
    """A sign of life of this kind."""

    def deltas(self, wanted: int) -> int:
        """The place that is meant: an answer that is not streamed has no deltas."""
        return wanted if self.streamed else 0


def struck(steps: Iterable[Step], script: Script, place: Place) -> Iterator[Step]:
    """The steps as they go out once the script's flood, garbage and stall have been put in."""
    if script.flood is not None and place.streamed and script.flood.kind in _BODY_FLOODS:
        steps = _put_in(steps, flood_steps(script.flood, place.event), place, script.flood.after_deltas)
    if script.garbage is not None and script.garbage.place != "head":
        steps = _with_garbage(steps, script.garbage, place)
    if script.stall is not None:
        steps = _stalled(steps, script.stall, place)
    return iter(steps)


_BODY_FLOODS = {"event", "stream", "deep_json", "line"}


def cut_off(steps: Iterable[Step], cut: Cut | None, place: Place) -> Iterator[Step]:
    """The steps up to the cut; all of them where there is none in the body."""
    if cut is None:
        return iter(steps)
    if cut.after_bytes is not None:
        return _cut_after_bytes(steps, cut.after_bytes, Ending(cut.how))
    if cut.after_deltas is not None:
        return _cut_after_deltas(steps, cut, place)
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


def _put_in(steps: Iterable[Step], more: Iterable[Step], place: Place, after_deltas: int) -> Iterator[Step]:
    rest = iter(steps)
    yield from before_place(rest, place.opening, place.deltas(after_deltas))
    yield from more
    yield from rest


def _with_garbage(steps: Iterable[Step], garbage: Garbage, place: Place) -> Iterator[Step]:
    rest = iter(steps)
    yield from before_place(rest, place.opening, place.deltas(garbage.after_deltas))
    own = None if garbage.data is None else garbage.data.encode()
    if garbage.place == "framing":
        yield Step(BAD_BYTES + b"\r\n" if own is None else own, framed=False)
    elif garbage.place == "stream":
        is_line = place.streamed and b"data: " not in place.event("@@")  # NDJSON: an event is a line
        yield Step((b"" if is_line else b"data: ") + (BAD_BYTES if own is None else own) + b"\n\n")
    elif garbage.place == "json":
        whole = place.event("garbage").rstrip()
        yield Step(whole[: len(whole) * 2 // 3] + (own or b"") + b"\n\n")
    else:
        yield Step(place.event("@@").replace(b"@@", b"\xc3\x28\xff" if own is None else own))
    if place.streamed or garbage.place in ("framing", "stream"):
        yield from rest


def _stalled(steps: Iterable[Step], stall: Stall, place: Place) -> Iterator[Step]:
    rest = iter(steps)
    yield from before_place(rest, place.opening, place.deltas(stall.after_deltas))
    first = next(rest, None)
    if first is None:
        return
    waited_s = 0.0
    if stall.ping is not None:
        ping = place.ping(stall.ping)
        for _ in count() if stall.pings is None else range(min(stall.pings, _PINGS_MAX)):
            yield Step(ping, stall.ping_every_s)
            waited_s += stall.ping_every_s
    if stall.for_s is None:
        yield Step(b"", ending=Ending.STALL)
        return
    yield first._replace(delay_s=first.delay_s + max(0.0, stall.for_s - waited_s))
    yield from rest


def _cut_after_deltas(steps: Iterable[Step], cut: Cut, place: Place) -> Iterator[Step]:
    rest = iter(steps)
    ending = Ending(cut.how)
    yield from before_place(rest, place.opening, place.deltas(cut.after_deltas or 0))
    step = next(rest, None)
    if step is None:
        return
    if cut.inside == "framing":
        yield Step(b"%x" % len(step.data), step.delay_s, ending=ending, framed=False)
        return
    while cut.inside is not None and step is not None:
        size = len(step.data) // 2 if cut.inside == "event" else _in_character(step.data)
        if size:
            yield Step(step.data[:size], step.delay_s, ending=ending)
            return
        yield step
        step = next(rest, None)
    yield Step(b"", ending=ending)


def _in_character(data: bytes) -> int:
    """How many bytes end in the middle of the first character of several bytes; 0: there is none."""
    return next((place + 1 for place, byte in enumerate(data) if byte >= 0xC0), 0)


def _cut_after_bytes(steps: Iterable[Step], limit: int, ending: Ending) -> Iterator[Step]:
    for step in steps:
        if len(step.data) > limit:
            yield Step(step.data[:limit], step.delay_s, 0, ending)
            return
        limit -= len(step.data)
        yield step
