"""What one attempt sends: its request in the wire's words, and the decoder of what is answered."""

from functools import partial
from typing import Any

from greenroom.actors.gate import Gate
from greenroom.actors.job import Job
from greenroom.messages.commands import HttpRequest, Open
from greenroom.messages.contracts import Decoder
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.invalid import InvalidInput
from greenroom.messages.retry_state import GOES_ON, RetryState


def encoded(
    job: Job, epoch: int, api_key: str | None, resume: RetryState | None
) -> tuple[HttpRequest, Decoder] | ErrorEvidence:
    """For the job's hop as it is now. Evidence where its wire has no words for the way of going on."""
    call = job.call(epoch, api_key, None if resume is None else resume.request)
    told = resume if resume is not None and resume.mode in GOES_ON else None
    try:
        return job.codec.encode(call, told), job.codec.start(call, told)
    except InvalidInput as error:
        # Of a first attempt all was checked before; a further one may find no words on this wire.
        return ErrorEvidence(kind="refusal", code="unsendable", phase="request", message=str(error))


def asked_of_endpoint(job: Job, gate: Gate, epoch: int, holder: Any, request: HttpRequest) -> Open:
    """The wish for a socket that carries this request; `holder` is told what comes of it."""
    return Open(
        holder=holder, stream_id=job.stream_id, epoch=epoch, request=request,
        connect_timeout_s=job.hop.options.connect_timeout_s, mark_sent=partial(gate.mark_sent, epoch), ids=job.ids,
    )  # fmt: skip
