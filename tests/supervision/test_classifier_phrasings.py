"""The field's wordings, from the body on the wire to the class: what is right, and what must not be mistaken."""

import json
from typing import Any

import pytest
from phrasings import CONTEXT_LENGTH, OTHERS, QUOTA, RATE_LIMIT, Row, google, openai, rpc

from greenroom.messages.failures import ErrorClass, ErrorEvidence
from greenroom.providers.wire.evidence import http_evidence, in_stream
from greenroom.supervision.classifier import classify, is_retryable

NOW = 1767225600.0
"""2026-01-01T00:00:00Z."""
ROWS = (*RATE_LIMIT, *QUOTA, *CONTEXT_LENGTH, *OTHERS)


def seen(status: int, body: Any) -> ErrorEvidence:
    if status == 200:
        return in_stream(body)
    raw = body if isinstance(body, str) else json.dumps(body)
    return http_evidence(status, {}, raw.encode(), NOW)


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[3]}-{row[0]}" for row in ROWS])
def test_every_wording_has_its_class_and_its_wait(row: Row) -> None:
    _, status, body, error_class, wait_s = row
    evidence = seen(status, body)
    assert (classify(evidence), evidence.retry_after_s) == (error_class, wait_s)
    assert evidence.message


def test_the_field_is_covered() -> None:
    assert len(RATE_LIMIT) >= 13
    assert all(row[3] == "rate_limit" for row in RATE_LIMIT)
    assert all(row[3] == "quota" for row in QUOTA)


@pytest.mark.parametrize("row", QUOTA, ids=[row[0] for row in QUOTA])
def test_what_is_used_up_is_not_asked_for_again(row: Row) -> None:
    evidence = seen(row[1], row[2])
    assert not is_retryable(evidence, classify(evidence))


ECHOED = (
    "rate limit", "too many requests", "maximum context length exceeded", "credit balance is too low",
    "the model is currently loading", "invalid api key", "content policy violation", "overloaded",
    "please retry in 3 hours", "tokens per minute (TPM): Limit 10, Used 10",
)  # fmt: skip
"""What a prompt may say that asks about these very errors."""
REPEATED = (
    "Invalid value: '{}'. Supported values are: 'low' and 'high'.",
    'messages.0.content: unexpected text "{}"',
    "failed to parse `{}` as JSON",
    "1 validation error for Request [type=extra_forbidden, input_value='{}', input_type=str]",
    "Unknown variant '{}",
    "tool call validation failed, got=“{}”",
)


@pytest.mark.parametrize("said", ECHOED)
@pytest.mark.parametrize("form", REPEATED)
@pytest.mark.parametrize("status", [400, 422, 200])
def test_a_prompt_that_is_repeated_names_no_class(said: str, form: str, status: int) -> None:
    evidence = seen(status, openai(form.format(said), "invalid_request_error"))
    assert (classify(evidence), evidence.retry_after_s, evidence.limits) == ("invalid_request", None, ())


@pytest.mark.parametrize("said", [*ECHOED[:2], "overloaded", "throttled", "40 requests per minute"])
def test_no_bad_request_is_a_rate_limit_or_an_overload_by_its_words(said: str) -> None:
    """Not even without quotation marks."""
    body = openai(f"Unexpected text in messages.0: {said}", "invalid_request_error")
    assert classify(seen(400, body)) == "invalid_request"
    assert classify(seen(422, {"detail": f"body: {said}"})) == "invalid_request"


def test_phrases_are_not_searched_beside_the_message() -> None:
    error = {"error": {"message": "bad schema", "type": "invalid_request_error", "failed_generation":
        "the credit balance is too low; rate limit; prompt is too long"}}  # fmt: skip
    assert classify(seen(400, error)) == "invalid_request"


@pytest.mark.parametrize(
    ("code", "status", "message", "expected"),
    [
        ("insufficient_quota", 429, "Rate limit reached. Please try again in 3s.", "quota"),
        ("rate_limit_exceeded", 413, "Request too large: the context length is exceeded", "rate_limit"),
        ("rate_limit_exceeded", 400, "credit balance", "rate_limit"),
        ("context_length_exceeded", 429, "too many tokens per minute", "context_length"),
        ("model_not_found", 503, "the model is currently loading", "model_not_found"),
        ("RateLimitReached", 500, "overloaded", "rate_limit"),
        ("CONTENT-FILTER", 400, "prompt is too long", "content_policy"),
    ],
)
def test_a_code_that_says_it_wins_over_words(
    code: str, status: int, message: str, expected: ErrorClass
) -> None:
    assert classify(seen(status, openai(message, None, code))) == expected


def test_a_day_is_waited_for_only_where_the_provider_says_how_long() -> None:
    day = {"quotaId": "RequestsPerDay", "quotaValue": "50"}
    spent = google(429, "RESOURCE_EXHAUSTED", "m", rpc("QuotaFailure", violations=[day]))
    assert classify(seen(429, spent)) == "quota"
    told = http_evidence(429, {"retry-after": "9"}, json.dumps(spent).encode(), NOW)
    assert (classify(told), told.retry_after_s) == ("rate_limit", 9.0)


def test_a_tool_call_that_the_server_refused_is_sampled_again() -> None:
    evidence = seen(400, openai("tool call validation failed", "invalid_request_error", "tool_use_failed"))
    assert classify(evidence) == "invalid_request"
    assert is_retryable(evidence, "invalid_request")


def test_one_request_that_is_larger_than_a_whole_window_is_not_asked_again() -> None:
    message = "Request too large for m on tokens per min (TPM): Limit 6000, Requested 9837."
    evidence = seen(413, openai(message, "tokens", "rate_limit_exceeded"))
    assert classify(evidence) == "rate_limit"
    assert not is_retryable(evidence, "rate_limit")
    waits = seen(429, openai(message.replace("9837", "5000"), "tokens", "rate_limit_exceeded"))
    assert is_retryable(waits, "rate_limit")


@pytest.mark.parametrize(
    "message",
    [
        "This parameter is only supported for models with a large context window.",
        "omni-moderation-latest does not take messages",
        "The model does not take images. The file was not found",
        "max_tokens is too large: 100000. This model supports at most 16384 completion tokens",
        "Invalid token in prompt: 123456",
        "The tokens parameter must be a list",
        "logprobs is not available: the model's output is not a valid distribution",
        "n must be between 1 and 8, got 9; see the limits per minute of your plan",
        "top_p and temperature: set one only",
        "Invalid model parameters: top_k",
    ],
)
def test_words_of_a_bad_request_that_sound_like_another_class(message: str) -> None:
    assert classify(seen(400, openai(message, "invalid_request_error"))) == "invalid_request"
