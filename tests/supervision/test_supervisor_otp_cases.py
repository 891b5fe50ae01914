"""Fixed cases, run by OTP and by us: what is known of its supervisor, and what once differed.

Numbers are those of supervision-spec.md 3.3; the oracle's own words (3.2) are written out. `last` is what follows
from the action before the final Stop, in short: `down c` (an exit), `start c`, `fail c`, `ignore c`.
"""

from dataclasses import dataclass
from typing import Any

import pytest

from otp.both import Both
from otp.cases import Burst, Case, Command, Kill, Leaf, Path, Plan, Quit, Stop, Sup


def top(strategy: str, *children: Any, intensity: int = 3, auto: str = "never") -> Sup:
    return Sup("top", tuple(map(_child, children)), strategy, intensity, auto)  # type: ignore[arg-type]


def _child(child: Any) -> Any:
    return Leaf(child) if isinstance(child, str) else child


def at(*ids: str) -> Path:
    return ("top", *ids)


def kill(*ids: str, reason: Any = "crash") -> Kill:
    return Kill(at(*ids), reason)


def ask(what: Any, child: Any, sup: Path = ("top",)) -> Command:
    return Command(sup, what, child)


def burst(*parts: Kill | Command) -> Burst:
    return Burst(("top",), parts)


@dataclass(frozen=True)
class Known:
    top: Sup
    script: tuple[Any, ...] = ()
    last: str | None = None
    plans: tuple[tuple[Path, tuple[Any, ...]], ...] = ()


TRANSIENT, TEMPORARY = Leaf("b", "transient"), Leaf("c", "temporary")
FAMILY = ("a", "b", "c", "d", "e")
INNER = Sup("s", (Leaf("x"), Leaf("y")), "one_for_one", 1)

CASES = {
    # the oracle's own words
    "rest_for_one, b is killed": Known(
        top("rest_for_one", "a", "b", "c"), (kill("b"),), "down b, down c, start b, start c"
    ),
    "one_for_all, a is killed beside a temporary one": Known(
        top("one_for_all", "a", "b", TEMPORARY), (kill("a"),), "down a, down c, down b, start a, start b"
    ),
    "a transient one ends normally": Known(
        top("one_for_one", "a", TRANSIENT), (kill("b", reason="normal"),), "down b"
    ),
    "intensity 2, the third kill": Known(
        top("one_for_one", "a", TRANSIENT, TEMPORARY, intensity=2), 3 * (kill("a"),),
        "down a, down c, down b, down top",
    ),
    "any_significant, a normal end": Known(
        top("one_for_one", Leaf("a", "transient", significant=True), "b", auto="any_significant"),
        (kill("a", reason="normal"),), "down a, down b, down top",
    ),
    # 3.3
    "1: stop order is the reverse of start order": Known(
        top("one_for_one", "g", "c", "j", "b", "e"), (Stop(),), "down e, down b, down j, down c, down g, down top"
    ),
    "2: rest_for_one of five": Known(
        top("rest_for_one", *FAMILY), (kill("c"),), "down c, down e, down d, start c, start d, start e"
    ),
    "5: a permanent one is restarted whatever its reason": Known(
        top("one_for_one", "a", intensity=9),
        (kill("a"), kill("a", reason="normal"), kill("a", reason="kill"), kill("a", reason="shutdown")),
        "down a, start a",
    ),
    "6: a transient one that was shut down can be started by hand": Known(
        top("one_for_one", "a", TRANSIENT), (kill("b", reason="shutdown"), ask("restart", "b")), "start b"
    ),
    "7: a transient one that crashed": Known(top("one_for_one", TRANSIENT), (kill("b"),), "down b, start b"),
    "8: a temporary one is forgotten": Known(top("one_for_one", TEMPORARY), (kill("c"), ask("restart", "c")), ""),
    "10: a second child's restart fails once": Known(
        top("one_for_all", "a", "b"), (Plan(at("b"), ("fail",)), kill("a")),
        "down a, down b, start a, fail b, down a, start a, start b",
    ),
    "11: rest_for_one, only what failed is tried again": Known(
        top("rest_for_one", "a", "b"), (Plan(at("b"), ("fail",)), kill("a")),
        "down a, down b, start a, fail b, start b",
    ),
    "12: attempts count, and take the siblings down": Known(
        top("one_for_one", "a", "b", intensity=2), (Plan(at("a"), 5 * ("fail",)), kill("a")),
        "down a, fail a, fail a, down b, down top",
    ),
    "13: shut down in a restart loop": Known(
        top("one_for_one", "a", "b", intensity=9),
        (Plan(at("a"), 5 * ("fail",)), burst(kill("a"), kill("b"), ask("delete", "a"), ask("restart", "a"))),
    ),
    "14: one failure, then it is up without anybody's help": Known(
        top("one_for_one", "a"), (Plan(at("a"), ("fail",)), kill("a")), "down a, fail a, start a"
    ),
    "15: who does not end in time is killed": Known(
        top("one_for_one", "a", Leaf("b", shutdown=1, dying="never"), "c"), (Stop(),),
        "down c, down b, down a, down top",
    ),
    "16: brutal_kill and infinity": Known(
        top("one_for_one", Leaf("a", shutdown="brutal_kill"), Leaf("b", shutdown="infinity")), (Stop(),),
        "down b, down a, down top",
    ),
    "18: ignore keeps the spec of a permanent one, nothing of a temporary one": Known(
        top("one_for_one", "a", TEMPORARY), (), None, ((at("a"), ("ignore",)), (at("c"), ("ignore",)))
    ),
    "18: ignore at a restart": Known(
        top("one_for_all", "a", TRANSIENT), (Plan(at("b"), ("ignore",)), kill("a")),
        "down a, down b, start a, ignore b",
    ),
    "19: start_child of what does not start": Known(
        top("one_for_one", "a"), (Plan(at("n"), ("raise",)), ask("start", Leaf("n"))), "fail n"
    ),
    "20: the second does not start": Known(top("one_for_one", "a", "b"), (), None, ((at("b"), ("fail",)),)),
    "21: ids that are there": Known(
        top("one_for_one", "a", TRANSIENT),
        (ask("start", Leaf("a")), ask("delete", "a"), kill("b", reason="normal"), ask("start", Leaf("b")),
         ask("delete", "b"), ask("delete", "b"), ask("start", Leaf("b"))),
        "start b",
    ),
    "26: a supervisor below gives up; who was started by hand is lost": Known(
        top("one_for_one", INNER), (ask("start", Leaf("n"), at("s")), kill("s", "x"), kill("s", "x")),
        "down x, down n, down y, down s, start s, start x, start y",
    ),
    "26: as shutdown, so a transient one stays down": Known(
        top("one_for_one", Sup("s", (Leaf("x"),), intensity=0, restart="transient")), (kill("s", "x"),),
        "down x, down s",
    ),
    "27: all_significant waits for the last": Known(
        top("one_for_one", Leaf("a", "transient", significant=True), Leaf("b", "temporary", significant=True), "c",
            auto="all_significant"),
        (kill("b"), kill("a", reason="normal")), "down a, down c, down top",
    ),
    "27: one that is to be restarted is not the last": Known(
        top("one_for_one", Leaf("a", "transient", significant=True), Leaf("b", "transient", significant=True),
            auto="all_significant"),
        (burst(ask("start", Leaf("n")), kill("a", reason="normal"), kill("b")),),
        "down a, down b, start n, start b",
    ),
    "27: what the supervisor stops is not significant": Known(
        top("one_for_all", Leaf("a", "temporary", significant=True), "b", auto="any_significant"),
        (ask("terminate", "a"), ask("start", Leaf("a", "temporary", significant=True)), kill("b")),
        "down b, down a, start b",
    ),
    # what else a supervisor has to keep apart
    "a group's restart starts those that were stopped by hand": Known(
        top("one_for_all", "a", "b"), (ask("terminate", "b"), kill("a")), "down a, start a, start b"
    ),
    "two dead ones are one restart of the group": Known(
        top("one_for_all", "a", "b", intensity=1), (burst(kill("a"), kill("b")),),
        "down a, down b, start a, start b",
    ),
    "terminated when its end was known already": Known(
        top("one_for_one", "a"), (burst(ask("start", Leaf("b")), ask("terminate", "a"), kill("a")),),
        "down a, start b",
    ),
    "a killed supervisor takes all below with it": Known(
        top("one_for_one", INNER), (Kill(at("s"), "kill"),), None
    ),
    "a supervisor that ends by itself": Known(top("rest_for_one", INNER, "b"), (Quit(at("s"), "normal"),), None),
    # what once differed
    "commands between an end and its restart find it running": Known(
        top("one_for_one", "a"), (burst(ask("start", Leaf("b")), ask("restart", "a"), kill("a")),), None
    ),
    "start_child of an id that is being restarted": Known(
        top("one_for_all", "a", "b"), (Plan(at("b"), ("fail",)), burst(kill("a"), ask("start", Leaf("b")))), None
    ),
    "the first of a group is down while the second is tried again": Known(
        top("one_for_all", "a", "b", "c"),
        (Plan(at("b"), ("fail",)), burst(kill("c"), kill("a"), ask("terminate", "b")), ask("restart", "c")),
        "start c",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_otp_and_we_agree(both: Both, name: str) -> None:
    known = CASES[name]
    script = known.script if known.script[-1:] == (Stop(),) else (*known.script, Stop())
    records = both.agree(Case(known.top, script, dict(known.plans)))
    if known.last is not None:
        record = records[len(known.script)]
        assert ", ".join(_short(event) for event in record[1] if event[2] != "up") == known.last


def _short(event: list[Any]) -> str:
    kind, path, outcome, _ = event
    what = "down" if kind == "exit" else "start" if outcome == "ok" else outcome
    return f"{what} {path.split('/')[-1]}"
