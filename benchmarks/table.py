"""The results as text for a terminal, or as Markdown."""

import math

from benchmarks.gates import Verdict
from benchmarks.results import Results


def number(value: float) -> str:
    """Three figures that count."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(results: Results, row: str, peer: str) -> str:
    """Median, spread where there is one, note."""
    median = results.median(row, peer)
    if median is None:
        return ""
    text = number(median)
    spread = results.spread(row, peer)
    if spread is not None:
        text += f" ({number(spread[0])}-{number(spread[1])})"
    note = results.notes.get((row, peer))
    return f"{text} {note}" if note else text


def figure_lines(results: Results, *, markdown: bool) -> list[str]:
    """One line a row, one column a peer."""
    peers = results.peers()
    head = ["", "unit", *peers]
    body = [[row, unit, *(cell(results, row, peer) for peer in peers)] for row, unit in results.units.items()]
    return _lines(head, body, markdown=markdown)


def gate_lines(verdicts: list[Verdict], *, markdown: bool) -> list[str]:
    """One line a gate."""
    body = []
    for verdict in verdicts:
        gate = verdict.gate
        sign = "≥" if gate.more_is_better else "≤"
        judged = not math.isnan(verdict.value)
        value = f"{number(verdict.value)} {gate.unit}" if judged else "no steady window"
        spread = f"{number(verdict.low)}-{number(verdict.high)}" if judged else ""
        body.append([
            gate.what, value, spread, f"{sign} {number(gate.limit)}",
            number(gate.aim), "PASS" if verdict.met else "MISS",
        ])  # fmt: skip
    return _lines(["gate", "measured", "spread", "limit", "aim", ""], body, markdown=markdown)


def failure_lines(results: Results) -> list[str]:
    """What has no figures, and why."""
    return [f"FAILED {scenario} {peer}: {why}" for (scenario, peer), why in results.failures.items()]


def _lines(head: list[str], body: list[list[str]], *, markdown: bool) -> list[str]:
    if markdown:
        rows = [head, ["---"] * len(head), *body]
        return ["| " + " | ".join(row) + " |" for row in rows]
    widths = [max(len(row[column]) for row in [head, *body]) for column in range(len(head))]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, *body]
    ]
