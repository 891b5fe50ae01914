"""One attempt's leave to be sent: asked for last, and told on where the breaker waits for it."""

from greenroom.actors.breaker_scope import CONNECTION_DIED
from greenroom.actors.job import Job
from greenroom.messages.commands import Refused, Reserve
from greenroom.messages.failures import ErrorEvidence


class Asking:
    """Of one attempt. What is obtained here belongs to its scope, which settles it. Dispatcher thread."""

    __slots__ = ("_epoch", "_job", "probing")

    def __init__(self, job: Job, epoch: int) -> None:
        self._job, self._epoch = job, epoch
        self.probing = False
        """The first content is to be told."""

    def breaker(self, now_s: float) -> ErrorEvidence | None:
        """None: it may be sent. Else why not."""
        job = self._job
        if job.gate.epoch != self._epoch:
            # Its request has its end, or is about to: nobody would settle what was obtained now.
            return ErrorEvidence(kind="crash", message="the attempt was ended before it was sent")
        if job.breakers is None:
            return None
        answer = job.breakers.reserve(Reserve(job.stream_id, self._epoch, job.target.place), now_s)
        if isinstance(answer, Refused):
            return answer.evidence
        self.probing = answer.probe
        return None

    def proved(self, ttft_s: float, now_s: float) -> None:
        """The first content came so long after the request was written."""
        self.probing = False
        if self._job.breakers is not None:
            self._job.breakers.prove(self._job.stream_id, self._epoch, ttft_s, now_s)


def connection_died() -> ErrorEvidence:
    """Of an attempt whose socket was being opened by the actor that died. The provider has no part in it."""
    text = "the connection actor died while the connection was opened"
    return ErrorEvidence(kind="transport", phase="connect", code=CONNECTION_DIED, message=text)
