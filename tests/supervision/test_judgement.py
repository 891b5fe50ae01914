"""What the user reads of a failure."""

from typing import Any

import pytest

from greenroom.messages.contracts import Target
from greenroom.messages.failures import ErrorEvidence, Failure, NamedLimit
from greenroom.supervision.judgement import failure_of

TARGET = Target("acme", "openai-chat", "big-1")


SHORTER = "; shorten the messages or lower max_output_tokens"
CONTEXT = (NamedLimit(name="context_tokens", limit=8192, used=8200, exceeded=True),)


def judged(given_up: str = "", **facts: Any) -> Failure:
    return failure_of(ErrorEvidence(**{"message": "no\n way", **facts}), TARGET, ("s", "r"), 2, given_up)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"kind": "http", "status": 500}, "acme answered HTTP 500: no way"),
        (
            {"kind": "http", "status": 404, "message": "HTTP 404 with an empty body"},
            "acme answered HTTP 404 with an empty body; check the model's name, 'big-1', and base_url",
        ),
        (
            {"kind": "http", "status": 302, "message": "HTTP 302: the server redirects"},
            "acme answered HTTP 302: the server redirects",
        ),
        (
            {"kind": "http", "status": 401, "message": "Wrong key."},
            "acme answered HTTP 401: Wrong key; check the api_key of provider 'acme'",
        ),
        ({"kind": "in_stream"}, "acme reported an error inside the stream: no way"),
        ({"kind": "transport"}, "no way"),
        (
            {"kind": "http", "status": 401},
            "acme answered HTTP 401: no way; check the api_key of provider 'acme'",
        ),
        (
            {"kind": "http", "status": 404},
            "acme answered HTTP 404: no way; check the model's name, 'big-1', and base_url",
        ),
        (
            {"kind": "http", "status": 402},
            "acme answered HTTP 402: no way; the account of provider 'acme' has to be topped up",
        ),
        (
            {"kind": "http", "status": 400, "code": "context_length_exceeded"},
            "acme answered HTTP 400: no way; shorten the messages or lower max_output_tokens",
        ),
        ({"kind": "transport", "status": 401}, "no way"),
        ({"kind": "http", "status": 405}, "acme answered HTTP 405: no way; check base_url"),
        ({"kind": "http", "status": 413}, "acme answered HTTP 413: no way; send less in one request"),
        (
            {"kind": "http", "status": 400, "code": "context_length_exceeded", "limits": CONTEXT},
            "acme answered HTTP 400: no way; used 8,200 of 8,192 tokens" + SHORTER,
        ),
        (
            {
                "kind": "http",
                "status": 400,
                "code": "context_length_exceeded",
                "limits": CONTEXT,
                "message": "8200 is more than 8,192.",
            },
            "acme answered HTTP 400: 8200 is more than 8,192; shorten the messages or lower max_output_tokens",
        ),
        (
            {"kind": "http", "status": 429, "retry_after_s": 7.5},
            "acme answered HTTP 429: no way; try again in 7.5 s",
        ),
        (
            {"kind": "http", "status": 429, "retry_after_s": 7.5, "message": "try again in 7.5s"},
            "acme answered HTTP 429: try again in 7.5s",
        ),
        (
            {
                "kind": "http",
                "status": 429,
                "limits": (NamedLimit(name="d", limit=50, window_s=86400, exceeded=True),),
            },
            "acme answered HTTP 429: no way; the limit is 50; the day's quota of provider 'acme' is used up",
        ),
        (
            {"kind": "http", "status": 429, "limits": (NamedLimit(name="requests", limit=50, remaining=0),)},
            "acme answered HTTP 429: no way",
        ),
        ({"kind": "http", "status": 400, "message": "x" * 999}, f"acme answered HTTP 400: {'x' * 600} ..."),
        (
            {"kind": "http", "status": 500, "given_up": "tried 3 times"},
            "acme answered HTTP 500: no way; tried 3 times",
        ),
    ],
)
def test_one_line_with_its_remedy(facts: dict[str, Any], message: str) -> None:
    assert judged(**facts).message == message


def test_every_fact_stands_in_the_failure() -> None:
    limits = (NamedLimit(name="requests"), NamedLimit(name="tokens", limit=100, used=120))
    failure = judged(kind="http", status=429, retry_after_s=7, limits=limits)
    assert (failure.error_class, failure.is_retryable, failure.retry_after_s) == ("rate_limit", True, 7)
    assert (failure.limit, failure.used, failure.status) == (100, 120, 429)
    assert (failure.provider, failure.model, failure.stream_id, failure.request_id) == (
        "acme",
        "big-1",
        "s",
        "r",
    )
    assert failure.attempt == 2
    assert failure.evidence is not None


def test_braces_in_names_are_no_format() -> None:
    target = Target("acme", "openai-chat", "{model!r}{0}")
    evidence = ErrorEvidence(kind="http", status=404, message="{x}")
    assert "{x}" in failure_of(evidence, target, ("s", "r"), 1).message


def test_the_limit_is_the_one_that_was_hit() -> None:
    beside = NamedLimit(name="requests", limit=5000, remaining=4999)
    hit = NamedLimit(name="context_tokens", limit=8192, used=8200, exceeded=True)
    assert judged(kind="http", status=422, limits=(beside,)).limit is None
    assert judged(kind="http", status=400, limits=(beside, hit)).limit == 8192
    empty = NamedLimit(name="tokens", limit=100, remaining=0)
    assert judged(kind="http", status=429, limits=(beside, empty)).limit == 100
    assert judged(kind="http", status=500, limits=(beside, empty)).limit is None
