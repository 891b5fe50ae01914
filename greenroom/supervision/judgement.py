"""Evidence into a Failure: the class, and one line that says what happened and what would help."""

from greenroom.messages.commands import CancelledBy
from greenroom.messages.contracts import Target
from greenroom.messages.failures import ErrorClass, ErrorEvidence, Failure, NamedLimit
from greenroom.supervision.classifier import classify, is_retryable, too_large_alone

_REMEDIES: dict[ErrorClass, str] = {
    "credential": "check the api_key of provider {provider!r}",
    "model_not_found": "check the model's name, {model!r}, and base_url",
    "quota": "the account of provider {provider!r} has to be topped up",
    "context_length": "shorten the messages or lower max_output_tokens",
}
_DAY_SPENT = "the day's quota of provider {provider!r} is used up"
_REMEDY_BY_STATUS: dict[int, str] = {
    # A web server's word to a POST where it has pages, and no API.
    405: "check base_url",
    413: "send less in one request",
}
_SAID_CHARS = 600
_DAY_S = 86400.0

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


def cancellation(by: CancelledBy, target: Target, ids: tuple[str, str], attempt: int) -> Failure:
    """Of a request that was cancelled, and by whom. A shutdown shows in the evidence: a store keeps such."""
    evidence = None
    if by == "shutdown":
        evidence = ErrorEvidence(kind="refusal", code=by, message=_CANCELLED[by])
    return Failure(
        error_class="cancelled", message=_CANCELLED[by], provider=target.provider, model=target.model,
        stream_id=ids[0], request_id=ids[1], attempt=attempt, evidence=evidence,
    )  # fmt: skip


def failure_of(
    evidence: ErrorEvidence, target: Target, ids: tuple[str, str], attempt: int, given_up: str = ""
) -> Failure:
    """The judged failure of an attempt at this target. `given_up` says why there is no further one."""
    error_class = classify(evidence)
    limit = _limit_hit(evidence, error_class)
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


def _limit_hit(evidence: ErrorEvidence, error_class: ErrorClass) -> NamedLimit | None:
    """The limit that the failure is about; not one that was told beside it, with most of it left."""
    known = [limit for limit in evidence.limits if limit.limit is not None]
    hit = [limit for limit in known if limit.exceeded or limit.used is not None]
    if not hit and error_class in ("rate_limit", "quota"):
        hit = [limit for limit in known if limit.remaining == 0]
    return hit[0] if hit else None


def _message(evidence: ErrorEvidence, error_class: ErrorClass, target: Target, given_up: str) -> str:
    said = _said(evidence, target)
    parts = [said]
    if evidence.kind in ("http", "in_stream"):
        limit = _limit_hit(evidence, error_class)
        numbers = _in_numbers(limit) if limit and (limit.exceeded or limit.used is not None) else ""
        if numbers and limit and f"{limit.limit:.0f}" not in said.replace(",", ""):
            parts.append(numbers)
        if remedy := _remedy(evidence, error_class):
            parts.append(remedy.format(provider=target.provider, model=target.model))
        wait_s = evidence.retry_after_s
        if wait_s and not too_large_alone(evidence) and f"{int(wait_s)}" not in said + given_up:
            parts.append(f"try again in {wait_s:.6g} s")
    if given_up:
        parts.append(given_up)
    return "; ".join([*(part.rstrip(".") for part in parts[:-1]), parts[-1]])


def _said(evidence: ErrorEvidence, target: Target) -> str:
    """What happened, in one line."""
    said = " ".join(evidence.message.split())
    if len(said) > _SAID_CHARS:
        said = f"{said[:_SAID_CHARS]} ..."
    if evidence.kind == "http":
        # Where the body told nothing, the codec's own words begin with the status.
        said = said.removeprefix(f"HTTP {evidence.status}").removeprefix(":").strip()
        between = " " if said.startswith("with ") else ": "
        return f"{target.provider} answered HTTP {evidence.status}{between}{said}"
    if evidence.kind == "in_stream":
        return f"{target.provider} reported an error inside the stream: {said}"
    return said


def _remedy(evidence: ErrorEvidence, error_class: ErrorClass) -> str | None:
    if error_class == "rate_limit" and too_large_alone(evidence):
        return _REMEDY_BY_STATUS[413]
    if evidence.kind == "http" and error_class == "invalid_request" and evidence.status in _REMEDY_BY_STATUS:
        return _REMEDY_BY_STATUS[evidence.status]
    if error_class == "quota" and any(
        limit.exceeded and (limit.window_s or 0) >= _DAY_S for limit in evidence.limits
    ):
        return _DAY_SPENT
    return _REMEDIES.get(error_class)


def _in_numbers(limit: NamedLimit) -> str:
    """`used 8,200 of 8,192 tokens`."""
    unit = limit.name.replace("_", " ").replace("-", " ")
    unit = "tokens" if unit == "context tokens" else unit if unit.endswith(("tokens", "requests")) else ""
    allowed = f"{limit.limit:,.0f} {unit}".strip()
    return f"used {limit.used:,.0f} of {allowed}" if limit.used is not None else f"the limit is {allowed}"
