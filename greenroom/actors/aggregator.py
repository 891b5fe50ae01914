"""The actor that folds a request's delivered deltas into its Completion.

Mail: `Accepted` (one for each compaction of the journal, which the output's bound bounds) and one `Finish`.
"""

from typing import Any

from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.ref import Ref
from greenroom.messages.commands import Accepted, Finish, Folded
from greenroom.messages.completion import Completion
from greenroom.messages.deltas import Delta
from greenroom.messages.fold import Fold


class Aggregator(LoopActor):
    """One request's. Made anew after a crash, from the journal."""

    kind = "aggregator"

    def __init__(self, scope: "Ref[Any]", journal: tuple[Delta, ...] = ()) -> None:
        super().__init__()
        self._scope = scope
        self._fold = Fold()
        self._fold.add(journal)

    @receives(Accepted)
    def on_accepted(self, message: Accepted) -> None:
        self._fold.add(message.deltas)

    @receives(Finish)
    def on_finish(self, message: Finish) -> None:
        self._fold.add(message.deltas)
        self._scope.tell(Folded(completed(self._fold, message)))


def completed(fold: Fold, finish: Finish) -> Completion[Any]:
    """The facts, and the choices that the fold holds."""
    return Completion(**finish.facts, choices=fold.choices(finish.answer), last_seq=fold.last_seq)
