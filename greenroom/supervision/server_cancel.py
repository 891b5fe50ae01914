"""Tells a provider that keeps an answer (`server_resume`) to stop making it: closing the socket does not.

Mail: the key, what the endpoint answers to one Open, one WireRead a read: the first one ends it, or the time.
"""

from dataclasses import dataclass, replace
from typing import Any

from greenroom.actors.api_keys import ApiKeys
from greenroom.actors.handlers import receives
from greenroom.actors.job import Job
from greenroom.actors.keyed import Keyed
from greenroom.actors.ref import Ref
from greenroom.messages.commands import CancelOpen, Open, Opened, OpenFailed, ReadOn, WireRead
from greenroom.messages.contracts import Call, Wire
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.recovery_events import StreamServerCancel
from greenroom.supervision.scope_events import ScopeTeller

TIMEOUT_S = 5.0
"""For all of it. The request's own end does not wait for it; its scope lives on that long."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """The provider did not answer."""


@dataclass(frozen=True, slots=True)
class Unwanted:
    """An answer that a server may still be making, and all that is needed to say so there."""

    call: Call
    codec: Any
    connection: "Ref[Any]"
    api_keys: ApiKeys
    key: int | None
    """Which of several it was asked with."""
    response_id: str


def unwanted(job: Job, epoch: int, response_id: str | None) -> Unwanted | None:
    """None where nothing is kept there: then the end of the connection is the end of the answer."""
    if response_id is None or not job.options.server_resume or not hasattr(job.codec, "cancel"):
        return None
    if not job.capabilities(job.target).server_cursor:
        return None
    key = job.history.key_of(job.target.provider)
    return Unwanted(job.call(epoch, None), job.codec, job.connection, job.api_keys, key, response_id)


class ServerCancel(Keyed):
    """One request to one provider. Ends by itself."""

    kind = "server_cancel"

    def __init__(self, job: Job, answer: Unwanted) -> None:
        super().__init__()
        self._job, self._answer = job, answer
        self._wire: Wire | None = None
        self._key = f"{job.stream_id}/cancel"

    def on_start(self) -> None:
        self._tell = ScopeTeller(self.events, self.clock, self.path, self._job)
        self._began_s = self.clock.now_s()
        self.timer(TIMEOUT_S, Overdue())
        self.take_key(self._answer.api_keys, self._answer.call.target, TIMEOUT_S, self._answer.key)

    def on_stop(self) -> None:
        if self._wire is not None:
            self._wire.abort()

    def have_key(self, api_key: str | None) -> None:
        answer = self._answer
        request = answer.codec.cancel(replace(answer.call, api_key=api_key), answer.response_id)
        asked = Open(
            holder=self.ref, stream_id=self._key, epoch=answer.call.epoch, request=request,
            connect_timeout_s=TIMEOUT_S, mark_sent=_nothing, ids=self._job.ids,
        )  # fmt: skip
        answer.connection.tell(asked)

    def key_failed(self, evidence: ErrorEvidence) -> None:
        self._over(None, evidence.message)

    @receives(Opened)
    def on_opened(self, message: Opened) -> None:
        self._wire = message.wire

    @receives(OpenFailed)
    def on_open_failed(self, message: OpenFailed) -> None:
        self._over(None, message.evidence.message)

    @receives(ReadOn)
    def on_read_on(self, _: ReadOn) -> None:
        if self._wire is not None:
            self._wire.resume()

    @receives(WireRead)
    def on_read(self, read: WireRead) -> None:
        if read.head is not None:
            self._over(read.head.status, "")
        elif read.end is not None:
            self._over(None, "the connection ended without an answer")

    @receives(Overdue)
    def on_overdue(self, _: Overdue) -> None:
        self._answer.connection.tell(CancelOpen(self._key, self._answer.call.epoch))
        self._over(None, f"no answer within {TIMEOUT_S:g} s")

    def _over(self, status: int | None, why_not: str) -> None:
        elapsed_ms = (self.clock.now_s() - self._began_s) * 1000
        self._tell.emit(StreamServerCancel, status=status, elapsed_ms=elapsed_ms, why_not=why_not)
        self.exit("normal")


def _nothing() -> None:
    """Whether it was sent changes nothing."""
