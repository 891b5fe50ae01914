"""Evidence into a Failure: the class, and one line that says what happened and what would help."""

from greenroom.messages.commands import CancelledBy
from greenroom.messages.contracts import Target
from greenroom.messages.failures import ErrorClass, ErrorEvidence, Failure
from greenroom.supervision.classifier import classify, is_retryable

_REMEDIES: dict[ErrorClass, str] = {
    "credential": "check the api_key of provider {provider!r}",
    "model_not_found": "check the model's name, {model!r}, and base_url",
    "quota": "the account of provider {provider!r} has to be topped up",
    "context_length": "shorten the messages or lower max_output_tokens",
}

_CANCELLED: dict[CancelledBy, str] = {
    "caller": "cancelled by the caller",
    "consumer_gone": "cancelled: nobody reads the stream any more",
    "consumer_failed": "cancelled: the actor that the stream was told to raised an error",
    "loop_closed": "cancelled: the consumer's event loop was closed",
    "detached_expired": "cancelled: detached, and not attached again within detach_grace_s",
    "shutdown": "cancelled: the system is stopping",
    "replaced": "cancelled: replaced by another request",
    "deadline": "the deadline has passed",
}

_METHOD_NOT_ALLOWED = 405
"""A web server's word to a POST where it has pages, and no API."""


def cancellation(by: CancelledBy, target: Target, ids: tuple[str, str], attempt: int) -> Failure:
    """Of a request that was cancelled, and by whom."""
    return Failure(
        error_class="cancelled", message=_CANCELLED[by], provider=target.provider, model=target.model,
        stream_id=ids[0], request_id=ids[1], attempt=attempt,
    )  # fmt: skip


def failure_of(
    evidence: ErrorEvidence, target: Target, ids: tuple[str, str], attempt: int, given_up: str = ""
) -> Failure:
    """The judged failure of an attempt at this target. `given_up` says why there is no further one."""
    error_class = classify(evidence)
    limit = next((limit for limit in evidence.limits if limit.limit is not None), None)
    return Failure(
        error_class=error_class,
        message=_message(evidence, error_class, target, given_up),
        evidence=evidence,
        provider=target.provider,
        model=target.model,
        stream_id=ids[0],
        request_id=ids[1],
        attempt=attempt,
        is_retryable=is_retryable(evidence, error_class),
        retry_after_s=evidence.retry_after_s,
        limit=limit.limit if limit else None,
        used=limit.used if limit else None,
    )


def _message(evidence: ErrorEvidence, error_class: ErrorClass, target: Target, given_up: str) -> str:
    said = " ".join(evidence.message.split())
    if evidence.kind == "http":
        # Where the body told nothing, the codec's own words begin with the status.
        said = said.removeprefix(f"HTTP {evidence.status}").removeprefix(":").strip()
        between = " " if said.startswith("with ") else ": "
        said = f"{target.provider} answered HTTP {evidence.status}{between}{said}"
    elif evidence.kind == "in_stream":
        said = f"{target.provider} reported an error inside the stream: {said}"
    remedy = _REMEDIES.get(error_class) if evidence.kind in ("http", "in_stream") else None
    if evidence.kind == "http" and evidence.status == _METHOD_NOT_ALLOWED:
        remedy = "check base_url"
    parts = [said]
    if remedy is not None:
        parts.append(remedy.format(provider=target.provider, model=target.model))
    if given_up:
        parts.append(given_up)
    return "; ".join([*(part.rstrip(".") for part in parts[:-1]), parts[-1]])
