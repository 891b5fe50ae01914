"""The actor that takes one stream's deltas to an actor of the service: `system.tell(request, reply_to=ref)`.

It reads the channel as any reader does, so merging, the byte cap and SlowConsumer apply. A batch is an ask
whose answer comes back as mail: nobody waits in a thread. What the service's actor can do wrong, and what follows:

    its handler raises       the request is cancelled ("consumer_failed"); the last batch, with the rest and the
                             end, is still sent
    it is dead               the request is cancelled ("consumer_gone"); there is nobody to send the end to
    it does not answer       the channel fills, and the stream ends as SlowConsumer (max_pause_s), or by itself;
                             max_pause_s after its end the last batch is sent without waiting for the answer

Each is told as `stream.tell_failed`. When the system stops, or this actor crashes, the last batch is sent at
once. Mail is bounded: one Ready, one answer, one Ended, one AliveCheck.
"""

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pykka

from greenroom.actors.batches import Batches, Why
from greenroom.actors.channel import Nothing
from greenroom.actors.errors import AskTimeout
from greenroom.actors.handlers import receives
from greenroom.actors.job import Job
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.ref import Ref
from greenroom.messages.batch import DeltaBatch
from greenroom.messages.commands import Cancel
from greenroom.messages.completion import Completion
from greenroom.messages.deltas import Delta
from greenroom.messages.events import StreamTellFailed
from greenroom.messages.signals import AskFailed, Ids, Reply

if TYPE_CHECKING:
    from greenroom.actors.dispatcher import Dispatcher

ALIVE_CHECK_S = 1.0
"""Pykka tells nobody of an actor's end, so it is looked for: a death is seen within this time."""


@dataclass(frozen=True, slots=True)
class Ready:
    """There is something to take."""

    late_is_fine: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Ended:
    """The channel has its end."""

    late_is_fine: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class AliveCheck:
    """Does the service's actor still live?"""


@dataclass(frozen=True, slots=True)
class CreditOverdue:
    """The stream has ended, and the batch sent before that is still not answered."""


def send_courier(
    dispatcher: "Dispatcher", job: Job, scope: "Ref[Any]", reply_to: pykka.ActorRef[Any]
) -> "Ref[Courier]":
    """The stream's deltas and its end are on their way to that actor, whatever becomes of the dispatcher.

    Any thread. Raises SystemDown; then nothing is sent.
    """
    ref = dispatcher.spawn(Courier, job, scope, reply_to, path=f"/requests/{job.stream_id}/courier")

    def ended(completion: Completion[Any]) -> None:
        if ref.is_alive() or ref.cell.has_lived():
            return
        # The dispatcher ended, or hung, before it came to it.
        deltas = tuple(item for item in iter(job.channel.take, Nothing.MORE) if not isinstance(item, Nothing))
        ids = {"stream_id": job.stream_id, "request_id": job.request_id}
        with contextlib.suppress(pykka.ActorDeadError):
            reply_to.tell(DeltaBatch(**ids, number=1, deltas=deltas, completion=completion))

    job.channel.on_end(ended)
    return ref


class Courier(LoopActor):
    """See the module. Ends by itself when the last batch was answered, or cannot be."""

    kind = "courier"

    def __init__(self, job: Job, scope: "Ref[Any]", reply_to: pykka.ActorRef[Any]) -> None:
        super().__init__()
        self._job, self._scope, self._reply_to = job, scope, reply_to
        self._channel = job.channel
        self._batches = Batches()
        self._sent_deltas = 0

    def on_start(self) -> None:
        self._ids = Ids(self._job.request_id, self._job.stream_id)
        self._channel.reader_opened()
        self._channel.on_end(self._at_end)
        self._check_later()
        self._send_what_is_there()

    def wake(self) -> None:
        """Implements channel.Waiter. Any thread."""
        self.ref.tell(Ready(), ids=self._ids)

    def _at_end(self, _: Completion[Any]) -> None:
        # The thread that ends the stream: this actor may have ended before, with its system.
        if self.ref.is_alive():
            self.ref.tell(Ended(), ids=self._ids)
        else:
            self._send_rest()

    # ---- sending

    @receives(Ready)
    def on_ready(self, _: Ready) -> None:
        self._send_what_is_there()

    @receives(Reply)
    def on_answered(self, reply: Reply) -> None:
        if not self._batches.answered(reply.tag):
            return
        if self._batches.last_sent:
            self.exit("normal")
        else:
            self._send_what_is_there()

    def _send_what_is_there(self) -> None:
        while self._batches.may_send(ended=self._channel.end is not None):
            deltas, ended = self._take()
            if deltas or ended:
                self._send(deltas, ended=ended)
            elif self._channel.wait(self):
                return

    def _take(self) -> tuple[list[Delta], bool]:
        deltas: list[Delta] = []
        while not isinstance(item := self._channel.take(), Nothing):
            deltas.append(item)
        return deltas, item is Nothing.MORE

    def _send(self, deltas: list[Delta], *, ended: bool) -> None:
        batch = self._batch(deltas, ended=ended)
        options = self._job.options
        # Before the end it is the deadline that bounds an answer: it ends the stream, and Ended follows.
        timeout_s = options.max_pause_s if ended else options.deadline_s + options.max_pause_s
        self.ask(self._reply_to, batch, timeout_s=timeout_s, tag=batch.number)

    def _batch(self, deltas: list[Delta], *, ended: bool) -> DeltaBatch:
        self._sent_deltas = len(deltas)
        return DeltaBatch(
            stream_id=self._job.stream_id, request_id=self._job.request_id,
            number=self._batches.sent(last=ended), deltas=tuple(deltas),
            completion=self._channel.end if ended else None,
        )  # fmt: skip

    def _send_rest(self) -> None:
        """The last batch, without waiting for the answer to the one before or for its own."""
        if self._batches.last_sent:
            return
        deltas, _ = self._take()
        try:
            self._reply_to.tell(self._batch(deltas, ended=True))
        except pykka.ActorDeadError as error:
            self._tell_failed("dead", error)

    # ---- what the service's actor does wrong

    @receives(AskFailed)
    def on_not_answered(self, failed: AskFailed) -> None:
        if failed.tag != self._batches.number or not self._batches.outstanding:
            return
        if isinstance(failed.error, AskTimeout):
            self._failed("silent", failed.error)
        elif isinstance(failed.error, pykka.ActorDeadError) or not self._reply_to.is_alive():
            self._failed("dead", failed.error)
        else:
            self._failed("raised", failed.error)

    @receives(AliveCheck)
    def on_alive_check(self, _: AliveCheck) -> None:
        if self._reply_to.is_alive():
            self._check_later()
        else:
            self._failed("dead")

    def _check_later(self) -> None:
        self.timer(ALIVE_CHECK_S, AliveCheck())

    @receives(Ended)
    def on_ended(self, _: Ended) -> None:
        if self._batches.outstanding and not self._batches.last_sent:
            self.timer(self._job.options.max_pause_s, CreditOverdue())
        else:
            self._send_what_is_there()

    @receives(CreditOverdue)
    def on_credit_overdue(self, _: CreditOverdue) -> None:
        if self._batches.outstanding and not self._batches.last_sent:
            self._failed("silent")

    def _failed(self, why: Why, error: BaseException | None = None) -> None:
        self._tell_failed(why, error)
        match self._batches.failed(why):
            case "end_request":
                self._scope.tell_control(Cancel("consumer_failed"), ids=self._ids)
                self._send_what_is_there()
            case "send_rest":
                self._send_rest()
                self.exit("normal")
            case "over":
                self._scope.tell_control(Cancel("consumer_gone"), ids=self._ids)
                self.exit("normal")

    def _tell_failed(self, why: Why, error: BaseException | None) -> None:
        if self.events.wants(StreamTellFailed.name):
            job = self._job
            event = StreamTellFailed(
                at_s=self.clock.wall_s(), actor=self.path, request_id=job.request_id, stream_id=job.stream_id,
                provider=job.target.provider, model=job.target.model, why=why, deltas=self._sent_deltas,
                error_type=None if error is None else type(error).__name__, last=self._batches.last_sent,
            )  # fmt: skip
            self.events.emit(event)

    # ---- its own end

    def on_failure(self, *_: Any) -> None:
        if self._channel.end is not None:
            # Ended was told, and dies in the mail.
            self._send_rest()
        self._scope.tell_control(Cancel("consumer_gone"), ids=self._ids)

    def on_stop(self) -> None:
        if self._batches.last_sent:
            self._channel.off_end(self._at_end)
        # With the system: what has its end by now is sent; else `_at_end` sends it, a moment later.
        if self._channel.end is not None:
            self._send_rest()
