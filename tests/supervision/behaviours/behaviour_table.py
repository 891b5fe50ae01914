"""Which test plays which behaviour: their list with its origins, and the tests read from the files.

    python tests/supervision/behaviours/behaviour_table.py

A test of a behaviour is named `test_b07_...`. Where its docstring begins with `B7 (S transient_abnormal)`, that is
the very case of the suite that it plays. `restated for abandoning` stands where the original kills preemptively,
which Python cannot: who does not end in time is fenced, and counts as ended.

S: OTP's supervisor_SUITE.erl. D: Elixir's dynamic_supervisor_test.exs, by line. P, T: Pekko's actor-tests and
typed SupervisionSpec.scala. K: kameo's, R: ractor's tests of supervision.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
BEHAVIOURS = {
    1: ("start in the order of the specs, stop in reverse", "S order_of_children"),
    2: ("rest_for_one restarts those started after", "S order_of_children, rest_for_one"),
    3: ("one restart too many ends the supervisor", "S one_for_one"),
    4: ("restarts with time between them do not", "S multiple_restarts"),
    5: ("permanent: always restarted", "S permanent_normal, _shutdown, _abnormal"),
    6: ("transient: not after a quiet end", "S transient_normal, _shutdown"),
    7: ("transient: after a crash", "S transient_abnormal"),
    8: ("temporary: never, and forgotten", "S temporary_*; D:281"),
    9: ("a temporary bystander", "S temporary_bystander"),
    10: ("one_for_all: another does not come back", "S one_for_all_other_child_fails_restart"),
    11: ("rest_for_one: another does not come back", "S rest_for_one_other_child_fails_restart"),
    12: ("attempts use up the intensity", "S *_escalation; D:447, 457"),
    13: ("a restart loop can be ended", "S hanging_restart_loop*; D:747"),
    14: ("a start that fails once", "D:435"),
    15: ("shutdown by time, then killed", "S sup_stop_timeout"),
    16: ("brutal_kill and infinity", "S sup_stop_brutal_kill, sup_stop_infinity"),
    17: ("dynamic children stop in parallel", "S simple_one_for_one_shutdown"),
    18: ("ignore", "S sup_start_ignore_*"),
    19: ("a start's error", "S sup_start_child_returns_error; D:247, 261"),
    20: ("a first child that fails", "S sup_start_fail, faulty_application_shutdown"),
    21: ("duplicate, stopped and deleted ids", "S child_adm"),
    22: ("faulty specs and flags", "S child_specs, sup_flags, sup_start_map_faulty_specs"),
    23: ("counts", "S count_children, count_restarting_children"),
    24: ("many children are linear", "S scale_start_stop_many_children"),
    25: ("no arguments are kept", "S do_not_save_start_parameters_*, simple_one_for_one_corruption"),
    26: ("a tree", "S tree"),
    27: ("significant children", "S significant_temporary, _transient, _bystander"),
    28: ("a child that unlinks", "S child_unlink"),
    29: ("max_children", "D:274, 389, 402"),
    30: ("a child's own limit", "T:534, 556; P actor/RestartStrategySpec"),
    31: ("back-off", "T:918, 997; P pattern/BackoffSupervisorSpec"),
    32: ("mail during back-off", "T:888"),
    33: ("watchers are told once", "T:966; P actor/DeathWatchSpec"),
    34: ("failures of constructor and on_start", "T:1128, 1152, 1191; R *_in_post_startup"),
    35: ("failures of the restart itself", "P actor/SupervisorSpec"),
    36: ("a restart with children", "T:581"),
    37: ("nested strategies", "T:203, 216, 855"),
    38: ("one Down a watch", "P actor/DeathWatchSpec:134, 144, 194, 267"),
    39: ("an unhandled Down", "P actor/DeathWatchSpec:215; T:1415"),
    40: ("queued mail and asks over a restart", "K tests/supervision_mailbox.rs:88, 339, 519"),
    41: ("a child asks its stopping supervisor", "K tests/supervision_mailbox.rs:226, 314"),
    42: ("random failures in every hook", "P actor/SupervisorHierarchySpec"),
    43: ("dispatcher conformance", "P actor/dispatch/ActorModelSpec"),
}
_NAME = re.compile(r"test_b(\d+)_\w+$")
_ORIGIN = re.compile(r"B(\d+) \(([^)]+)\)")


@dataclass(frozen=True)
class Played:
    """One test of one behaviour."""

    number: int
    file: str
    test: str
    docstring: str

    @property
    def origin(self) -> str:
        """The case that it plays, or those of its behaviour."""
        found = _ORIGIN.match(self.docstring)
        return found[2].split(";")[0] if found else BEHAVIOURS[self.number][1]

    @property
    def is_honest(self) -> bool:
        """Name and docstring give the same number."""
        found = _ORIGIN.match(self.docstring)
        return self.number in BEHAVIOURS and (found is None or int(found[1]) == self.number)

    @property
    def restated(self) -> bool:
        """The original needs preemptive killing."""
        return "restated for abandoning" in self.docstring


@cache
def played() -> tuple[Played, ...]:
    """All of them, by file."""
    return tuple(_played())


def _played() -> Iterator[Played]:
    for path in sorted(HERE.parent.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and (found := _NAME.match(node.name)):
                yield Played(int(found[1]), path.name, node.name, ast.get_docstring(node) or "")


def table() -> dict[int, list[Played]]:
    """Number -> its tests."""
    by_number: dict[int, list[Played]] = {}
    for each in played():
        by_number.setdefault(each.number, []).append(each)
    return dict(sorted(by_number.items()))


def main() -> None:
    """Prints it."""
    tests = table()
    for number, (what, origin) in BEHAVIOURS.items():
        print(f"{number:>2} {what} ({origin})")
        for each in tests.get(number, ()):
            print(f"   {'*' if each.restated else ' '} {each.file}::{each.test}")
    print("*: restated for abandoning")


if __name__ == "__main__":
    main()
