"""How an attempt begins that goes on with an answer or starts it again: what the server is told (a RetryState
whose request is the original one, patched), and what the consumer is told first (an Opening).
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from greenroom.actors.job import Job
from greenroom.actors.opening import Opening, Trim
from greenroom.messages.answer import Answer
from greenroom.messages.deltas import Dropped, StreamReset, StreamSeam
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.parts import TextPart, ToolCallPart
from greenroom.messages.request import ChatRequest, Message
from greenroom.messages.retry_state import ResumeMode, RetryState
from greenroom.supervision.attempts import MODEL_CHANGED
from greenroom.supervision.ladder import Standing
from greenroom.supervision.model_match import same_model
from greenroom.supervision.overlap import overlap, trimmed_space
from greenroom.supervision.retry_states import standing, state_of

_ASK_AGAIN = (
    "Your previous answer was interrupted. What stands above was received{calls}. "
    "Go on from there: repeat nothing of it, add no remark, and make the tool calls that are still missing."
)
_CALLS = ", and so were these tool calls, which are not to be made again: {calls}"


@dataclass(frozen=True, slots=True)
class Start:
    """How one attempt begins. Nothing in it: with the original request, from nothing."""

    mode: ResumeMode = "fresh"
    resume: RetryState | None = None
    opening: Opening | None = None

    def at(self, epoch: int) -> "Start":
        """The same as the beginning of this attempt."""
        if self.opening is None or self.opening.mark is None:
            return self
        mark = replace(self.opening.mark, epoch=epoch)
        return replace(self, opening=replace(self.opening, mark=mark))


FRESH = Start()
GoingOn = Literal["pause", "server_cursor", "prefix", "instruction", "block"]
"""Modes of attempts that leave what was delivered where it is."""


def start_of(job: Job, mode: GoingOn, answer: Answer, deadline_left_s: float, reason: str) -> Start:
    """The beginning of an attempt that takes this rung after an attempt with this answer."""
    refusal = partial(_other_model, _answered(job, answer))
    if mode == "pause":
        return Start(mode, _told(job, mode, answer, deadline_left_s))
    if mode == "server_cursor":
        return Start(mode, _told(job, mode, answer, deadline_left_s), Opening(refusal=refusal))
    resume, stands = _told(job, mode, answer, deadline_left_s), standing(job)
    seam = StreamSeam(
        seq=1, stream_id=job.stream_id, request_id=job.request_id, mode=mode, epoch=0,
        provider=job.target.provider, model=job.target.model, reason=reason, dropped=_dropped(mode, stands),
    )  # fmt: skip
    if mode == "block":
        request = asked_again(job.hop.request, stands)
        resume = resume.model_copy(update={"request": request})
        kept = "" if stands.open_block == "json" else stands.text
        return Start(mode, resume, Opening(seam, _trim(job, mode, kept), refusal, stands.calls))
    return Start(mode, resume, Opening(seam, _trim(job, mode, stands.text), refusal))


def _told(job: Job, mode: ResumeMode, answer: Answer, deadline_left_s: float) -> RetryState:
    """The state for an attempt at the job's hop: its request is the one that is asked there."""
    state = state_of(job, mode, answer, deadline_left_s)
    return state if job.hop.request is job.request else state.model_copy(update={"request": job.hop.request})


def asked_again(request: ChatRequest, stands: Standing) -> ChatRequest:
    """The original request, and behind it what is closed of the answer with the wish for the rest.

    Calls that were made are told in words: as a turn of their own they would want their results.
    """
    if stands.open_block == "json":
        return request
    text = stands.text
    calls = [part for part in stands.parts if isinstance(part, ToolCallPart) and part.complete]
    if not text.strip() and not calls:
        return request
    made = "; ".join(f"{call.name}({call.arguments})" for call in calls)
    wish = _ASK_AGAIN.format(calls=_CALLS.format(calls=made) if made else "")
    further = [Message(role="user", content=(TextPart(text=wish),))]
    if text.strip():
        further.insert(0, Message(role="assistant", content=(TextPart(text=text),)))
    return request.model_copy(update={"messages": (*request.messages, *further)})


def reset_at(job: Job, reason: str) -> Start:
    """The whole turn again, wherever the job goes now."""
    mark = StreamReset(
        seq=1, stream_id=job.stream_id, request_id=job.request_id, epoch=0, provider=job.target.provider,
        model=job.target.model, reason=reason,
    )  # fmt: skip
    return Start("reset", None, Opening(mark))


def _answered(job: Job, answer: Answer) -> str | None:
    return answer.model or job.history.model


def _other_model(before: str | None, answer: Answer) -> ErrorEvidence | None:
    """Why nothing of this may be joined to the delivered text: another model says it."""
    if before is None or answer.model is None or same_model(before, answer.model):
        return None
    text = f"{answer.model} answered where {before} had begun"
    return ErrorEvidence(kind="protocol", code=MODEL_CHANGED, phase="body", message=text)


def _dropped(mode: ResumeMode, stands: Standing) -> Dropped:
    match stands.open_block:
        case "tool_call" | "reasoning" | "json" as open_block if mode == "block":
            return open_block
        case _:
            return "none"


def _trim(job: Job, mode: ResumeMode, text: str) -> Trim | None:
    if mode != "prefix":
        return partial(overlap, text) if text else None
    if job.capabilities(job.target).prefix_trims and text != text.rstrip():
        return partial(trimmed_space, text)
    return None
