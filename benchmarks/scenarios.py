"""What is measured: the work of every scenario, and how its figures are read off a case."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from benchmarks.results import Figure
from benchmarks.work import Kind, Work

BEHIND = 1.15
"""A case that takes this many times its planned time has fallen behind its rate."""
STEADY_SHARE = 0.2
"""A steady window must hold this share of the deltas, or the figure is left out: it would tell of chance."""

BARE = ("epoll", "httptools", "aiohttp")
ALL = (*BARE, "openai", "litellm", "greenroom")
Server = Literal["plain", "own", "tls", "none"]


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    seconds: float = 5.0
    flat_events: int = 50_000
    rounds: int = 30
    streams: float = 1.0
    """Share of the scenario's own number of streams."""

    def of(self, streams: int) -> int:
        """That many, or the share of them that was asked for."""
        return max(1, int(streams * self.streams))


QUICK = Size(seconds=2.0, flat_events=10_000, rounds=10)


@dataclass(frozen=True)
class Scenario:
    """Some lines of the table. `work` lacks only the peer's name and the server's address."""

    name: str
    what: str
    peers: tuple[str, ...]
    work: Callable[[Size], Work]
    figures: Callable[[str, Work, dict[str, Any]], list[Figure]]
    server: Server = "plain"
    often: bool = False
    """Measured in every repeat; the others once."""


def _paced(streams: int, per_s: int, *, open_per_s: int = 1250) -> Callable[[Size], Work]:
    """Streams that are all live for `Size.seconds`. The ramp is a whole number of intervals: even phases."""

    def work(size: Size) -> Work:
        some = size.of(streams)
        ramp_s = some / open_per_s
        events = max(2, int(per_s * (size.seconds + ramp_s)))
        return Work("stream", "", streams=some, events=events, interval_us=1_000_000 // per_s, ramp_s=ramp_s)

    return work


def _stamped(streams: int, per_s: int, *, kind: Kind, mode: str) -> Callable[[Size], Work]:
    def work(size: Size) -> Work:
        return replace(_paced(streams, per_s)(size), kind=kind, mode=mode)

    return work


def _flat(size: Size) -> Work:
    return Work("stream", "", events=size.flat_events)


def _long(size: Size) -> Work:
    return Work("long", "", events=size.flat_events * 2)


def _short(size: Size) -> Work:
    return Work("short", "", streams=size.of(64), events=1, rounds=size.rounds)


def _held(size: Size) -> Work:
    some = size.of(2000)
    return Work("hold", "", streams=some, events=1, ramp_s=some / 500, mode="hold/")


def _live(size: Size) -> Work:
    # They outlast the cancels: the client ends them by going away.
    return replace(_paced(1000, 2)(size), kind="cancel", events=600)


def behind(work: Work, wall_s: float) -> str:
    """What to say of a case that took longer than its pace."""
    planned_s = work.ramp_s + work.events * work.interval_us / 1e6
    return f"behind {wall_s / planned_s:.1f} x" if wall_s > BEHIND * planned_s else ""


def _per_delta(row: str, work: Work, case: dict[str, Any]) -> list[Figure]:
    note = behind(work, case["wall_s"])
    whole_us = case["cpu_s"] / case["deltas"] * 1e6
    figures = [Figure(f"{row}, whole work", "µs CPU/delta", whole_us, note)]
    if case.get("steady_deltas", 0) >= STEADY_SHARE * case["deltas"]:
        steady_us = case["steady_cpu_s"] / case["steady_deltas"] * 1e6
        figures.insert(0, Figure(row, "µs CPU/delta", steady_us, note))
        each_us = (case["cpu_s"] - steady_us / 1e6 * case["deltas"]) / work.streams * 1e6
        figures.append(Figure(f"{row}, begin and end of a stream", "µs CPU", each_us, note))
    return figures


def _flat_figures(row: str, _: Work, case: dict[str, Any]) -> list[Figure]:
    return [
        Figure(row, "deltas/s", case["deltas"] / case["wall_s"]),
        Figure(f"{row}, CPU", "µs CPU/delta", case["cpu_s"] / case["deltas"] * 1e6),
    ]


def _long_figures(row: str, _: Work, case: dict[str, Any]) -> list[Figure]:
    return [
        Figure(row, "µs CPU/delta", case["one_us"]),
        Figure(f"{row}, cut into streams of 1,000", "µs CPU/delta", case["thousand_us"]),
    ]


def _short_figures(row: str, work: Work, case: dict[str, Any]) -> list[Figure]:
    return [Figure(row, "1/s a core", work.streams * work.rounds / case["cpu_s"])]


def _held_figures(row: str, _: Work, case: dict[str, Any]) -> list[Figure]:
    return [Figure(row, "KiB", case["kib"])]


def _cut_figures(row: str, work: Work, case: dict[str, Any]) -> list[Figure]:
    note = behind(work, case["wall_s"])
    return [Figure(f"{row}, {cut}", "ms", case[f"{cut}_ms"], note) for cut in ("p50", "p99")]


_IMPORT_ROWS = {
    "import_ms": "import",
    "names_ms": "import with ActorSystem and ChatRequest",
    "stream_ms": "import, start, until the first stream() returned",
}


def _import_figures(_: str, __: Work, case: dict[str, Any]) -> list[Figure]:
    return [Figure(_IMPORT_ROWS[name], "ms", value) for name, value in case.items()]


def _no_work(_: Size) -> Work:
    return Work("import", "")


SCENARIOS = [
    Scenario("flat-out", "one stream flat out", ALL, _flat, _flat_figures),
    Scenario("1000x20", "1,000 streams x 20/s", ALL, _paced(1000, 20), _per_delta, often=True),
    Scenario(
        "200x50", "200 streams x 50/s", (*BARE, "openai", "greenroom"), _paced(200, 50), _per_delta, often=True
    ),
    Scenario("4000x5", "4,000 streams x 5/s", (*BARE, "greenroom"), _paced(4000, 5), _per_delta, often=True),
    Scenario(
        "tls", "1,000 streams x 20/s, TLS", (*BARE[1:], "greenroom"),
        _paced(1000, 20, open_per_s=250), _per_delta, "tls",
    ),
    Scenario("long", "one stream of 100,000", (*BARE[1:], "greenroom"), _long, _long_figures),
    Scenario(
        "short", "requests of one delta, 64 at once", ("aiohttp", "openai", "litellm", "greenroom"),
        _short, _short_figures, often=True,
    ),
    Scenario(
        "memory", "memory a live stream, of 2,000", (*BARE[1:], "openai", "greenroom"),
        _held, _held_figures, "own",
    ),
    Scenario(
        "memory-tls", "memory a live stream, of 2,000, TLS", (*BARE[1:], "greenroom"),
        _held, _held_figures, "tls",
    ),
    Scenario(
        "latency", "send to consumer, 1,000 x 10/s", (*BARE[1:], "greenroom"),
        _stamped(1000, 10, kind="latency", mode="stamp/"), _cut_figures, "own", often=True,
    ),
    Scenario(
        "cancel", "cancel to closed, 1,000 live x 2/s", (*BARE[1:], "greenroom"),
        _live, _cut_figures, "own",
    ),
    Scenario("import", "import", ("openai", "litellm", "greenroom"), _no_work, _import_figures, "none"),
]  # fmt: skip


def runs(scenario: Scenario, peer: str) -> bool:
    """True if the scenario is measured for that peer; a variant of greenroom stands for it."""
    return peer in scenario.peers or (peer.startswith("greenroom-") and scenario.server != "none")


def for_peer(scenario: Scenario, peer: str, size: Size) -> Work:
    """The scenario's work, given to that peer."""
    return replace(scenario.work(size), peer=peer)
