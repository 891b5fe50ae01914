"""The gates: one figure each, computed from the results, with the limit that must hold and the aim."""

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.results import Results

OURS = "greenroom"


@dataclass(frozen=True)
class Gate:
    """`values` gives a figure a repeat; the median is judged.

    `needs`: a row that is there whenever the case ran. With it and without values the gate is missed: the client
    was so far behind that it had no steady window.
    """

    what: str
    unit: str
    limit: float
    aim: float
    values: Callable[[Results], list[float]]
    more_is_better: bool = False
    needs: str = ""


@dataclass(frozen=True)
class Verdict:
    """A gate whose scenario was measured. The figures are NaN where there is none to judge."""

    gate: Gate
    value: float
    low: float
    high: float

    @property
    def met(self) -> bool:
        """Within the limit. NaN never is."""
        return self.value >= self.gate.limit if self.gate.more_is_better else self.value <= self.gate.limit


def judge(results: Results) -> list[Verdict]:
    """Every gate whose figures were measured."""
    verdicts = []
    for gate in GATES:
        values = gate.values(results)
        if values:
            verdicts.append(Verdict(gate, statistics.median(values), min(values), max(values)))
        elif results.values.get((gate.needs, OURS)):
            verdicts.append(Verdict(gate, math.nan, math.nan, math.nan))
    return verdicts


def over(row: str, peer: str) -> Callable[[Results], list[float]]:
    """Ours divided by the peer's."""
    return lambda results: results.ratios(row, OURS, peer)


def under(row: str, peer: str) -> Callable[[Results], list[float]]:
    """The peer's divided by ours: how many times less we use."""
    return lambda results: results.ratios(row, peer, OURS)


def growth(results: Results) -> list[float]:
    """How CPU per delta grows from 200 to 4,000 streams, ours divided by bare httptools' own."""
    few, many = "200 streams x 50/s", "4,000 streams x 5/s"
    grown = []
    for peer in (OURS, "httptools"):
        low, high = results.values.get((few, peer), {}), results.values.get((many, peer), {})
        grown.append([high[repeat] / low[repeat] for repeat in sorted(low.keys() & high.keys())])
    ours, theirs = grown
    return [mine / other for mine, other in zip(ours, theirs, strict=False)]


def added_p99(results: Results) -> list[float]:
    """Milliseconds that ours is later than bare httptools."""
    row = "send to consumer, 1,000 x 10/s, p99"
    ours, theirs = results.values.get((row, OURS), {}), results.values.get((row, "httptools"), {})
    return [ours[repeat] - theirs[repeat] for repeat in sorted(ours.keys() & theirs.keys())]


def long_stream(results: Results) -> list[float]:
    """A delta of one long stream against one of a stream of a thousand."""
    row = "one stream of 100,000"
    long, short = (
        results.values.get((name, OURS), {}) for name in (row, f"{row}, cut into streams of 1,000")
    )
    return [long[repeat] / short[repeat] for repeat in sorted(long.keys() & short.keys())]


def plain(row: str) -> Callable[[Results], list[float]]:
    """Our own figure."""
    return lambda results: list(results.values.get((row, OURS), {}).values())


_THOUSAND = "1,000 streams x 20/s"
_WHOLE = f"{_THOUSAND}, whole work"
_SHORT = "requests of one delta, 64 at once"

GATES = [
    Gate(
        "CPU per delta, 1,000 x 20/s, against epoll and a bare parse", "x", 3.0, 2.0,
        over(_THOUSAND, "epoll"), needs=_WHOLE,
    ),
    Gate("CPU of all of 1,000 x 20/s: the openai SDK needs", "x", 10, 15, under(_WHOLE, "openai"), True),
    Gate("CPU of all of 1,000 x 20/s: LiteLLM needs", "x", 15, 20, under(_WHOLE, "litellm"), True),
    Gate(
        "growth of CPU per delta from 200 to 4,000 streams, against httptools' own", "x", 1.2, 1.0,
        growth, needs="4,000 streams x 5/s, whole work",
    ),
    Gate("a delta of a 100,000-delta stream against one of a 1,000-delta stream", "x", 1.1, 1.0, long_stream),
    Gate("memory a live stream, plain HTTP", "KiB", 25, 15, plain("memory a live stream, of 2,000")),
    Gate("short requests a core, against the openai SDK", "x", 5, 8, over(_SHORT, "openai"), True),
    Gate("added delta latency at 10,000/s, p99 over bare httptools", "ms", 2, 1, added_p99),
    Gate("import greenroom", "ms", 150, 100, plain("import")),
    Gate("cancel to socket closed, p99", "ms", 50, 5, plain("cancel to closed, 1,000 live x 2/s, p99")),
]  # fmt: skip
