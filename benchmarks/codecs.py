"""What each codec costs a delta, beside OpenAI Chat on the same text; and whether long tool arguments stay linear.

    python -m benchmarks.codecs [--quick] [--only anthropic,gemini] [--import my.wire] [--markdown] [--gate]

CPU of this process, no sockets; see benchmarks/README.md. `--gate` exits 1 where a gate is missed.
"""

import argparse
import statistics
import sys
from collections.abc import Callable
from importlib import import_module

from benchmarks.codec_cases import Answer, CannotSayError, Case
from benchmarks.gates import Gate, Verdict
from benchmarks.results import Figure, Results
from benchmarks.streams import chosen, machine
from benchmarks.table import failure_lines, figure_lines, gate_lines
from greenroom.messages import InvalidInput
from greenroom.providers import codec_kinds, simulated_wires

BASE = "openai-chat"
LIMIT_RATIO = 1.5
LIMIT_GROWTH = 1.25
"""A quadratic decoder is near 10; caches that overflow cost a few per cent."""
TEXT_ROWS: dict[str, Callable[[Answer], tuple[bytes, ...]]] = {
    "a word, in 64 KB reads": lambda answer: answer.in_reads,
    "a word, five events a read": lambda answer: answer.in_groups,
    "a word, one event a read": lambda answer: answer.events,
}
TOOL_ROWS = {
    "10 bytes of a tool argument of 100 KB": 100_000,
    "10 bytes of a tool argument of 1 MB": 1_000_000,
}


class Run:
    """The answers of every codec, and what their decoding costs. `scale`: of the sizes of tool arguments."""

    def __init__(self, kinds: list[str], words: int, scale: float = 1.0) -> None:
        self.results = Results()
        self.without_tools: dict[str, str] = {}
        """By kind: why there is no row for tool arguments."""
        self._texts: list[tuple[Case, Answer]] = []
        self._tools: list[tuple[str, Case, Answer]] = []
        for kind in kinds:
            case = Case(kind)
            try:
                self._texts.append((case, case.text(words)))
            except (CannotSayError, InvalidInput) as why:
                self.results.failures["text", kind] = str(why)
                continue
            try:
                self._tools += [(row, case, case.tool(int(size * scale))) for row, size in TOOL_ROWS.items()]
            except CannotSayError as why:
                self.without_tools[kind] = str(why)

    def measure(self, repeat: int) -> None:
        """Every codec in turn, row by row."""
        for row, reads in TEXT_ROWS.items():
            for case, answer in self._texts:
                self._add(row, case, reads(answer), repeat, answer.pieces)
        for row, case, answer in self._tools:
            self._add(row, case, answer.events, repeat, answer.pieces)

    def _add(self, row: str, case: Case, reads: tuple[bytes, ...], repeat: int, pieces: int) -> None:
        self.results.add(case.kind, repeat, [Figure(row, "µs", _best(case, reads, pieces))])


def _best(case: Case, reads: tuple[bytes, ...], pieces: int) -> float:
    """The cheapest of three: what the machine did besides is not the decoder's."""
    return min(case.cost_us(reads, pieces) for _ in range(3))


def judged(results: Results) -> list[Verdict]:
    """The ratio of each codec and row, and the growth of long arguments."""
    verdicts = []
    for kind in [kind for kind in results.peers() if kind != BASE]:
        for row in TEXT_ROWS:
            ratios = results.ratios(row, kind, BASE)
            verdicts += _verdict(f"{kind}: {row}, against {BASE}", LIMIT_RATIO, ratios)
    short, long = TOOL_ROWS
    for kind in results.peers():
        few, many = results.values.get((short, kind), {}), results.values.get((long, kind), {})
        grown = [many[repeat] / few[repeat] for repeat in sorted(few.keys() & many.keys()) if few[repeat]]
        verdicts += _verdict(f"{kind}: a piece of 1 MB against one of 100 KB", LIMIT_GROWTH, grown)
    return verdicts


def _verdict(what: str, limit: float, values: list[float]) -> list[Verdict]:
    if not values:
        return []
    gate = Gate(what, "x", limit, 1.0, lambda _: values)
    return [Verdict(gate, statistics.median(values), min(values), max(values))]


def speaking() -> list[str]:
    """Kinds of codecs that the simulator speaks, the one that others are measured against first."""
    spoken = {wire.kind for wire in simulated_wires()}
    return sorted(spoken.intersection(codec_kinds()), key=lambda kind: (kind != BASE, kind))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.codecs", description=__doc__.split("\n", 1)[0] if __doc__ else None
    )
    options.add_argument("--quick", action="store_true", help="less work, rougher figures, one repeat")
    options.add_argument("--only", metavar="KINDS", help=f"beside {BASE}; all that the simulator speaks")
    options.add_argument("--import", metavar="MODULES", dest="modules", help="that register wires of yours")
    options.add_argument("--repeat", type=int, metavar="N", help="how often (5)")
    options.add_argument("--words", type=int, default=None, help=argparse.SUPPRESS)
    options.add_argument("--markdown", action="store_true", help="tables in Markdown")
    options.add_argument("--gate", action="store_true", help="exit 1 where a gate is missed")
    return options


def main() -> int:
    """Measures, prints the tables; 1 where a codec failed, or with --gate where a gate was missed."""
    options = parser().parse_args()
    for name in filter(None, (options.modules or "").split(",")):
        register = getattr(import_module(name), "register", None)
        if register is not None:
            register()
    kinds = [BASE, *(kind for kind in chosen(options.only, speaking(), "kind") if kind != BASE)]
    described = machine()
    words = options.words or (2_000 if options.quick else 20_000)
    scale = min(1.0, words / 20_000) if options.words else 1.0
    run = Run(kinds, words, scale)
    for repeat in range(options.repeat or (1 if options.quick else 5)):
        run.measure(repeat)
    return show(run, described, options)


def show(run: Run, described: str, options: argparse.Namespace) -> int:
    """Prints everything; the exit status."""
    results, verdicts = run.results, judged(run.results)
    print(described)
    for lines in (
        figure_lines(results, markdown=options.markdown),
        gate_lines(verdicts, markdown=options.markdown),
        [f"no tool arguments in pieces: {kind} ({why})" for kind, why in run.without_tools.items()],
        failure_lines(results),
    ):
        if lines:
            print("\n" + "\n".join(lines))
    missed = options.gate and not all(verdict.met for verdict in verdicts)
    return 1 if results.failures or missed else 0


if __name__ == "__main__":
    sys.exit(main())
