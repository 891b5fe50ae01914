"""What an ActorSystem can do with streams that failed, or whose process ended: its methods of recovery."""

import contextlib
from typing import Any

from greenroom.actors.channel import Channel
from greenroom.actors.handle import Stream
from greenroom.actors.job import Job
from greenroom.messages.argument_types import check_seq
from greenroom.messages.invalid import GreenroomError, InvalidInput
from greenroom.messages.recoverable import RecoverableStream
from greenroom.messages.request import ChatRequest
from greenroom.messages.seconds import seconds
from greenroom.messages.stored import StoredStream, StreamFacts
from greenroom.supervision.stores.resuming import Prospect, request_of, restore
from greenroom.supervision.stores.states import RetryStates


class Recovering:
    """See the module. Any thread; blocks for a moment, so not for dispatcher threads."""

    _states: RetryStates

    def recoverable(self, *, timeout_s: float = 10.0) -> tuple[RecoverableStream, ...]:
        """Streams that failed, or whose process ended under them, oldest first, and whether they can go on.

        With the store in memory those that failed in this process; with a file also what former processes left.
        One that has just failed may be among them a moment later. Each stays for its `state_ttl_s` from its last
        change. Raises RetryStoreError where the store cannot be
        read, SystemStopped and SystemDown as `stream` does.
        """
        self._check_open()
        return self._states.recoverable(self._prospect, seconds("timeout_s", timeout_s))

    def recover(self, stream_id: str, *, after_seq: int | None = 0, timeout_s: float = 10.0) -> Stream[Any]:
        """The stream goes on, under its old id, with a deadline and retries that begin anew.

        The handle gives first what had been delivered behind `after_seq` (0: from the first, None: nothing of it),
        then what comes; its completion has all. With durability="interval" a consumer may have seen more than was
        stored: give it everything again. Where content was delivered it goes on by the ladder, as after a cut, and
        fails with what there is where no rung applies.
        Raises NoStoredStream (no such state), StreamInUse (it runs), InvalidInput (`after_seq`; a provider that is
        configured no more), RetryStoreError, SystemStopped and
        SystemDown as `stream` does.
        """
        self._check_open()
        given: object = stream_id
        if not isinstance(given, str):
            raise InvalidInput.at("stream_id", "must be the stream_id of a RecoverableStream", given)
        check_seq(after_seq)
        stored = self._states.take_up(stream_id, seconds("timeout_s", timeout_s))
        try:
            return self._resume(stored, after_seq)
        except BaseException:
            self._states.give_back(stream_id)
            raise

    def cleanup_old_states(self, *, timeout_s: float = 10.0) -> int:
        """States whose `state_ttl_s` is over are gone; returns how many went by this call.

        They go by themselves within a minute, too. A live stream is never touched. Raises as `recoverable`.
        """
        self._check_open()
        return self._states.clean_up(seconds("timeout_s", timeout_s))

    def _resume_all(self) -> None:
        """What can go on goes on, detached. What cannot after all stays where it is, to be seen."""
        for offered in self._states.recoverable(self._prospect, timeout_s=30.0):
            if offered.can_go_on:
                with contextlib.suppress(GreenroomError):
                    self.recover(offered.stream_id).detach()

    def _resume(self, stored: StoredStream, after_seq: int | None) -> Stream[Any]:
        job = self._job(request_of(stored), stored.facts)
        restore(job, stored, after_seq)
        return self._handle(*self._send(job))

    # What the system brings.

    def _check_open(self) -> None:
        raise NotImplementedError

    def _prospect(self, stored: StoredStream) -> Prospect:
        """What this system can do for such a request."""
        raise NotImplementedError

    def _job(self, request: ChatRequest, earlier: StreamFacts | None = None) -> Job:
        """The request, ready to be sent; `earlier`: under the id that it had."""
        raise NotImplementedError

    def _send(self, job: Job) -> tuple[Channel, Job, Any]:
        raise NotImplementedError

    def _handle(self, channel: Channel, job: Job, scope: Any) -> Stream[Any]:
        raise NotImplementedError
