"""What was measured: figures by row and peer, one a repeat, and what is to be said beside them."""

import statistics
from collections import defaultdict
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """One number of one case. `row` is the line of the table that it stands in."""

    row: str
    unit: str
    value: float
    note: str = ""


@dataclass
class Results:
    """The figures of a run."""

    units: dict[str, str] = field(default_factory=dict)
    """Unit by row, in the order of the table."""
    values: dict[tuple[str, str], dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    """By (row, peer), then by repeat."""
    notes: dict[tuple[str, str], str] = field(default_factory=dict)
    failures: dict[tuple[str, str], str] = field(default_factory=dict)
    """By (scenario, peer): why it has no figures."""

    def add(self, peer: str, repeat: int, figures: list[Figure]) -> None:
        """One case's."""
        for figure in figures:
            self.units.setdefault(figure.row, figure.unit)
            self.values[figure.row, peer][repeat] = figure.value
            if figure.note:
                self.notes[figure.row, peer] = figure.note

    def peers(self) -> list[str]:
        """Those with a figure."""
        return list(dict.fromkeys(peer for _, peer in self.values))

    def median(self, row: str, peer: str) -> float | None:
        """Over the repeats."""
        values = self.values.get((row, peer))
        return statistics.median(values.values()) if values else None

    def spread(self, row: str, peer: str) -> tuple[float, float] | None:
        """Lowest and highest, where there are several."""
        values = self.values.get((row, peer))
        return (min(values.values()), max(values.values())) if values and len(values) > 1 else None

    def ratios(self, row: str, above: str, below: str) -> list[float]:
        """`above` divided by `below`, repeat by repeat; where one was measured once, against its one figure."""
        over, under = self.values.get((row, above), {}), self.values.get((row, below), {})
        if not over or not under:
            return []
        both = sorted(over.keys() & under.keys())
        if len(both) < max(len(over), len(under)) and 1 in {len(over), len(under)}:
            one = min(over, under, key=len)
            longer = over if one is under else under
            (value,) = one.values()
            return [other / value if one is under else value / other for other in longer.values()]
        return [over[repeat] / under[repeat] for repeat in both if under[repeat]]
