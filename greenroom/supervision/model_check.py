"""`validate_model`: before a request's first attempt its model is looked up in the provider's catalogue.

Unknown: the request fails, class model_not_found, with the closest names, and nothing was sent. What no list can
tell (the provider cannot be asked, or its list is not complete) passes, and stream.model_unchecked says so: the
provider itself has the last word. The look-up has `connect_timeout_s`; deadline and cancel hold meanwhile.
"""

from greenroom.actors.job import Job
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.model_catalog import LookUpModels, ModelAnswer
from greenroom.messages.contracts import Target
from greenroom.messages.events import StreamModelUnchecked
from greenroom.messages.failures import ErrorEvidence, Failure
from greenroom.messages.signals import AskFailed, Reply
from greenroom.messages.wording import did_you_mean
from greenroom.supervision.judgement import failure_of
from greenroom.supervision.scope_events import ScopeTeller

MODEL = "model"
"""The tag of the scope's ask."""
_GRACE_S = 1.0
"""The catalogue answers in time, unless it has died."""


def ask_catalog(scope: LoopActor, job: Job) -> bool:
    """The model is being looked up: Reply or AskFailed tagged MODEL comes. False: that is not wanted."""
    models = job.hop.models
    if models is None:
        return False
    timeout_s = job.hop.options.connect_timeout_s
    asked = LookUpModels(models.place, job.target.model, timeout_s=timeout_s)
    scope.ask(models.catalog, asked, timeout_s=timeout_s + _GRACE_S, tag=MODEL)
    return True


def refusal_of(told: Reply | AskFailed, job: Job, teller: ScopeTeller) -> Failure | None:
    """Why the request must not be sent; None: it may."""
    if isinstance(told, AskFailed):
        teller.emit(StreamModelUnchecked, why=f"the catalogue did not answer: {type(told.error).__name__}")
        return None
    answer: ModelAnswer = told.value
    if answer.verdict == "unknown":
        model, provider = job.target.model, job.target.provider
        text = f"{provider} has no model {model!r}{did_you_mean(answer.closest)}"
        evidence = ErrorEvidence(kind="refusal", code="model_not_found", message=text)
        return failure_of(evidence, job.target, (job.stream_id, job.request_id), 0)
    if answer.verdict == "unsure":
        why = "the provider's list is not complete" if answer.failure is None else answer.failure.message
        teller.emit(StreamModelUnchecked, why=why)
    return None


def list_failure(evidence: ErrorEvidence, target: Target) -> Failure:
    """The judged failure of a provider's list of models. No request is part of it."""
    failure = failure_of(evidence, target, ("", ""), 0)
    if evidence.kind == "in_stream":
        text = f"{target.provider} answered with an error: {' '.join(evidence.message.split())}"
        failure = failure.model_copy(update={"message": text})
    if failure.error_class == "model_not_found":
        # A list that is not there is no model that is not there.
        said = f"{target.provider} has no list of models at this base_url"
        said += f" (HTTP {evidence.status})" if evidence.status else f": {evidence.message}"
        failure = failure.model_copy(update={"error_class": "invalid_request", "message": said})
    return failure.model_copy(update={"model": None, "stream_id": None, "request_id": None})
