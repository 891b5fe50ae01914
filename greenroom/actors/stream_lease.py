"""One attempt's leave to be sent: asked for last, and told on where the breaker waits for it.

What is obtained here belongs to the attempt's scope, which settles it. Dispatcher thread.
"""

from greenroom.actors.breaker_scope import CONNECTION_DIED
from greenroom.actors.job import Job
from greenroom.messages.commands import Granted, Refused, Reserve
from greenroom.messages.failures import ErrorEvidence

_UNGUARDED = Granted()
"""Of a request that nobody limits."""


def leave_to_send(job: Job, epoch: int, now_s: float) -> Granted | ErrorEvidence:
    """It may be sent, or why not."""
    if job.gate.epoch != epoch:
        # Its request has its end, or is about to: nobody would settle what were obtained now.
        return ErrorEvidence(kind="crash", message="the attempt was ended before it was sent")
    if job.breakers is None:
        return _UNGUARDED
    answer = job.breakers.reserve(Reserve(job.stream_id, epoch, job.target.place), now_s)
    return answer.evidence if isinstance(answer, Refused) else answer


def prove(job: Job, epoch: int, ttft_s: float, now_s: float) -> None:
    """The first content of a probe came so long after the request was written."""
    if job.breakers is not None:
        job.breakers.prove(job.stream_id, epoch, ttft_s, now_s)


def connection_died() -> ErrorEvidence:
    """Of an attempt whose socket was being opened by the actor that died. The provider has no part in it."""
    text = "the connection actor died while the connection was opened"
    return ErrorEvidence(kind="transport", phase="connect", code=CONNECTION_DIED, message=text)
