"""What of a case is compared between OTP and us, and what is not.

Compared, after the start and after every action, once all is quiet:
- the answer: of a command its result or the kind of its error, of a start whether it succeeded;
- every start attempt of a leaf or supervisor with its outcome (ok, ignore, fail), every moment at which a
  supervisor's start is over (up), and every exit with its reason, in one order over the whole tree. That order
  is determined in both: whatever happens follows from the one action, supervisor by supervisor;
- of every live supervisor its children in the order of their start, each running or down, worker or supervisor,
  and the four counts of count_children.

Made equal before comparing:
- identity: paths stand for pids, with the number of the start of that path;
- OTP's which_children lists the youngest child first, ours the oldest;
- {shutdown, Term} counts as shutdown, and any reason but normal, shutdown and killed as failed: ours has four;
- the exit of a supervisor whose children did not start is that start's `fail`: in OTP it has answered before it
  exits, beside what its supervisor does next.

Not compared:
- exits of those under a supervisor that was killed or ended by itself: their order among each other and their
  reasons. In OTP a killed one's orphans die by its exit signal, all at once and beside the restart above, and one
  that ends by itself shuts its children down in order; with us both end them in its own last turn, the youngest
  first. That the same ones end is compared.

Deliberate differences, in which ours is not to follow:
- DEAD_MAIL: mail for a supervisor that died is refused in OTP, as its pid is gone. Our refs survive a restart: it
  waits for the next incarnation, which does what is asked.
- BREAK_OFF: OTP's supervisor is deaf while a child starts, so terminate_child waits for the end of the start, for
  ever if there is none. Ours ends such a start: whoever asked for it is told so, and what else was to be started
  is started. (In OTP, where that start fails and terminate_child came behind it, the rest of a group stays down.)
A case is compared up to where one of them comes in.
"""

from typing import Any

from otp.cases import Action, Burst, Case, Kill, Quit


def difference(case: Case, theirs: list[Any], ours: list[Any]) -> str | None:
    """The first difference, in words; None where they agree on all that is compared."""
    alive: set[tuple[str, int]] = set()
    for number, (otp, mine) in enumerate(zip(theirs, ours, strict=False)):
        action = case.script[number - 1] if number else None
        if _dead_mail(otp[0], mine[0]):
            return None
        orphans = _below(action, alive)
        for what, expected, given in _compared(orphans, otp, mine):
            if expected != given:
                done = f"action {number}, {action}" if action else "the start"
                return f"after {done}\nthe {what} of OTP: {expected}\nthe {what} of ours: {given}"
        for kind, path, outcome, start in otp[1]:
            if kind == "exit":
                alive.discard((path, start))
            elif outcome == "ok":
                alive.add((path, start))
    return None


def _dead_mail(otp: Any, mine: Any) -> bool:
    return (
        isinstance(otp, list)
        and isinstance(mine, list)
        and any(
            theirs == "died" and own not in ("died", "unanswered")
            for theirs, own in zip(otp, mine, strict=True)
        )
    )


def _below(action: Action | None, alive: set[tuple[str, int]]) -> set[tuple[str, int]]:
    ends = action.parts if isinstance(action, Burst) else (action,)
    inside = tuple("/".join(end.path) + "/" for end in ends if isinstance(end, (Kill, Quit)))
    return {(path, start) for path, start in alive if path.startswith(inside)}


def _compared(orphans: set[tuple[str, int]], otp: Any, mine: Any) -> list[tuple[str, Any, Any]]:
    their_exits, their_order = _apart(orphans, otp[1])
    our_exits, our_order = _apart(orphans, mine[1])
    return [
        ("answer", otp[0], mine[0]),
        ("trace", their_order, our_order),
        ("orphans' ends", their_exits, our_exits),
        ("tree", _tree(otp[2], youngest_first=True), _tree(mine[2])),
    ]


def _apart(orphans: set[tuple[str, int]], events: list[Any]) -> tuple[list[str], list[Any]]:
    """The exits of the orphans, as a sorted list of paths; and all else, in order."""
    ended, order = [], []
    for event in events:
        kind, path, _, start = event
        if kind == "exit" and (path, start) in orphans:
            ended.append(path)
        else:
            order.append(event)
    return sorted(ended), order


def _tree(walked: list[Any], *, youngest_first: bool = False) -> dict[str, Any]:
    return {
        path: (children[::-1] if youngest_first else children, counts) for path, children, counts in walked
    }
