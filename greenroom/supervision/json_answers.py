"""`json_mode`: an answer that was to be one JSON object and is none ends as failed, class protocol.

It was delivered as it came, so it is the partial answer of that failure. An answer without text (a tool call, a
refusal) was never to be one.
"""

from typing import Any

from pydantic_core import from_json

from greenroom.actors.job import Job
from greenroom.messages.completion import Completion
from greenroom.messages.failures import ErrorEvidence
from greenroom.supervision.judgement import failure_of

NOT_JSON = "not_json"


def held_to_json(completion: Completion[Any], job: Job, attempt: int) -> Completion[Any]:
    """The completion, or the failed one of an answer that is no JSON object."""
    if not job.options.json_mode or completion.outcome != "completed":
        return completion
    if all(_is_object(choice.text) for choice in completion.choices if choice.text):
        return completion
    cut = " (it was cut off by max_tokens)" if completion.finish_reason == "length" else ""
    text = f"json_mode was asked for, and the answer is no JSON object{cut}"
    evidence = ErrorEvidence(kind="protocol", code=NOT_JSON, message=text, is_retryable=False)
    failure = failure_of(evidence, job.target, (job.stream_id, job.request_id), attempt)
    return completion.model_copy(update={"outcome": "failed", "failure": failure})


def _is_object(text: str) -> bool:
    try:
        return isinstance(from_json(text), dict)
    except ValueError:
        return False
