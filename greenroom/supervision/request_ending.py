"""The one end of a request: folds what was delivered, counts where nobody counted, closes the channel.

Mail: Folded, FoldOverdue, Accepted, the token counter's answer; one of each an aggregator or a request.
"""

from dataclasses import replace
from typing import Any, Literal

from greenroom.actors.aggregator import Aggregator, completed
from greenroom.actors.blocking import is_choked
from greenroom.actors.handlers import receives
from greenroom.actors.job import Job
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.ref import Ref
from greenroom.messages.answer import Answer
from greenroom.messages.commands import Accepted, CancelledBy, CountTokens, Finish, Folded
from greenroom.messages.completion import Completion, Outcome
from greenroom.messages.failures import Failure
from greenroom.messages.fold import Fold
from greenroom.messages.signals import Reply
from greenroom.supervision.json_answers import held_to_json
from greenroom.supervision.model_match import matches, request_over
from greenroom.supervision.scope_alarms import FoldOverdue
from greenroom.supervision.scope_events import ScopeTeller
from greenroom.supervision.server_cancel import ServerCancel, Unwanted
from greenroom.supervision.token_estimate import COUNT_TIMEOUT_S, by_characters, counted, is_wanted, texts

FOLD_TIMEOUT_S = 1.0
"""How long the aggregator may take to answer; then the scope folds the journal itself."""
AGGREGATORS_MAX = 3
"""A journal that kills so many of them is folded by the scope, at the end."""
TOKENS = "tokens"
"""The tag of the ask for a count."""


class RequestEnding(LoopActor):
    """What a request's scope does once its end is decided, and the aggregator that it starts before."""

    kind = "request_ending"
    _stopped_by: CancelledBy | None = None
    _aggregator: Ref[Any] | None = None
    _aggregators = 0
    _finish: Finish | None = None
    _uncounted: Completion[Any] | None = None
    _closed = False
    _cancels: frozenset[Ref[Any]] = frozenset()
    """Actors that tell a provider to stop; the scope outlives them."""

    def __init__(self, supervisor: "Ref[Any]", job: Job) -> None:
        super().__init__()
        self._supervisor, self._job = supervisor, job
        self._gate, self._history = job.gate, job.history
        self._state: Literal["running", "waiting", "ending"] = "waiting"
        self._epoch = job.gate.epoch_opened

    def on_start(self) -> None:
        self._tell = ScopeTeller(self.events, self.clock, self.path, self._job)
        self._gate.aggregator = self.ref

    # ---- the one end

    def _end(self, outcome: Outcome, answer: Answer, failure: Failure | None = None) -> None:
        self._state = "ending"
        self._gate.fence()
        job, history, target = self._job, self._history, self._job.target
        facts = {
            "outcome": outcome, "provider": target.provider, "model": answer.model, "model_asked": target.model,
            "response_id": answer.response_id, "model_matches": matches(target, answer.model),
            "rate_limits": history.rate_limits, "request_id": job.request_id, "stream_id": job.stream_id,
            "failure": failure, "attempts": history.records, "metadata": answer.metadata,
            "timings": history.timings(job.started_at, self._since_start_s()),
            "usage": history.spent, "cost_usd": history.spent_usd, "route": job.route,
        }  # fmt: skip
        self._finish = Finish(answer, facts)
        if self._aggregator is None:
            self._count_and_close(self._folded_here())
            return
        if self._deadline_left_s() <= 0:
            self._close_now()
            return
        self.timer(FOLD_TIMEOUT_S, FoldOverdue())
        self._aggregator.tell(replace(self._finish, deltas=self._gate.journal.recent()))

    @receives(Folded)
    def on_folded(self, message: Folded) -> None:
        self._count_and_close(message.completion)

    @receives(FoldOverdue)
    def on_fold_overdue(self, _: FoldOverdue) -> None:
        self._count_and_close(self._folded_here())

    def _close_now(self) -> None:
        """There is no time left to wait for anybody."""
        if self._uncounted is None:
            self._uncounted = self._folded_here()
        if is_wanted(self._job.options, self._uncounted):
            self._close_estimated()
        else:
            self._close(self._uncounted)

    def _count_and_close(self, completion: Completion[Any]) -> None:
        if self._closed or self._uncounted is not None:
            return
        if not is_wanted(self._job.options, completion):
            self._close(completion)
            return
        self._uncounted = completion
        counter = self._job.token_counter
        if counter is None or is_choked(counter):
            self._close_estimated()
        else:
            count = CountTokens(texts(self._job.request, completion), self._job.target.model)
            self.ask(counter, count, timeout_s=COUNT_TIMEOUT_S, tag=TOKENS)

    def _tokens_counted(self, reply: Reply) -> None:
        self._close_counted(*reply.value)

    def _close_estimated(self) -> None:
        assert self._uncounted is not None
        asked, answered = texts(self._job.request, self._uncounted)
        self._close_counted(by_characters(asked), by_characters(answered))

    def _close_counted(self, input_tokens: int, output_tokens: int) -> None:
        assert self._uncounted is not None
        completion = counted(self._uncounted, input_tokens, output_tokens)
        cost_usd = self._job.cost_usd(completion.provider, completion.model_asked, completion.usage)
        self._close(completion.model_copy(update={"cost_usd": cost_usd}))

    def _folded_here(self) -> Completion[Any]:
        assert self._finish is not None
        fold = Fold()
        fold.add(self._gate.journal)
        return completed(fold, self._finish)

    def _close(self, completion: Completion[Any]) -> None:
        if self._closed:
            return
        self._closed = True
        completion = held_to_json(completion, self._job, self._epoch)
        if self._job.channel.close(completion):
            self._tell.over(completion, self._stopped_by, self._gate.checkpoint.seq)
            self._supervisor.tell(request_over(self._job.target, completion, self._epoch))
        if self._aggregator is not None:
            self.unwatch(self._aggregator)
        if not self._cancels:
            self.exit("normal")

    # ---- the provider is told to stop

    def _cancel_there(self, answer: Unwanted | None) -> None:
        if answer is not None:
            name = f"server-cancel-{self._epoch}"
            self._cancels |= {self.spawn(ServerCancel, self._job, answer, name=name)}

    def _cancel_over(self, ref: "Ref[Any]") -> None:
        self._cancels -= {ref}
        if self._closed and not self._cancels:
            self.exit("normal")

    # ---- the aggregator

    @receives(Accepted)
    def on_accepted(self, _: Accepted) -> None:
        """The answer is long enough for an actor of its own; what comes until then stands in the journal too."""
        if self._aggregators == 0 and self._state != "ending":
            self._start_aggregator()

    def _start_aggregator(self) -> None:
        self._gate.journal.compact()
        journal = tuple(self._gate.journal)
        self._aggregators += 1
        name = "aggregator" if self._aggregators == 1 else f"aggregator-{self._aggregators}"
        self._aggregator = self._gate.aggregator = self.spawn(Aggregator, self.ref, journal, name=name)

    def _aggregator_died(self) -> None:
        self._aggregator = self._gate.aggregator = None
        if self._state == "ending":
            self._count_and_close(self._folded_here())
        elif self._aggregators < AGGREGATORS_MAX:
            self._start_aggregator()

    # ---- time

    def _since_start_s(self) -> float:
        now_s: float = self.clock.now_s()
        return now_s - self._job.started_s

    def _deadline_left_s(self) -> float:
        return max(self._job.options.deadline_s - self._since_start_s(), 0.0)
