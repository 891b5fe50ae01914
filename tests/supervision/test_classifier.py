"""Evidence to class: a table. The field's own bodies: test_classifier_phrasings.py, test_wire_errors_corpus.py."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.messages.failures import ErrorClass, ErrorEvidence
from greenroom.supervision.classifier import classify, is_retryable
from greenroom.supervision.error_codes import _WORDS, CODES, VAGUE, plain

from strategies import evidences

_BY_STATUS: dict[int, ErrorClass] = {
    200: "unknown",
    301: "unknown",
    400: "invalid_request",
    401: "credential",
    402: "quota",
    403: "permission",
    404: "model_not_found",
    408: "transient",
    410: "model_not_found",
    413: "invalid_request",
    418: "invalid_request",
    422: "invalid_request",
    424: "transient",
    429: "rate_limit",
    451: "permission",
    498: "overloaded",
    499: "transient",
    500: "transient",
    501: "invalid_request",
    502: "transient",
    503: "overloaded",
    504: "transient",
    524: "transient",
    529: "overloaded",
    599: "transient",
}
TABLE: list[tuple[dict[str, Any], ErrorClass]] = [
    ({"kind": "clock", "clock": "first_content_timeout_s"}, "timeout"),
    ({"kind": "clock", "clock": "deadline_s"}, "timeout"),
    ({"kind": "clock"}, "timeout"),
    ({"kind": "bound", "clock": "max_output_bytes"}, "output_limit"),
    ({"kind": "bound", "clock": "max_pause_s"}, "slow_consumer"),
    ({"kind": "bound", "clock": "max_event_bytes"}, "output_limit"),
    ({"kind": "bound", "clock": "max_head_bytes"}, "protocol"),
    ({"kind": "bound", "clock": "max_headers"}, "protocol"),
    ({"kind": "bound", "clock": "max_inflate_ratio"}, "protocol"),
    ({"kind": "bound", "clock": "max_body_bytes"}, "output_limit"),
    ({"kind": "transport", "status": 403}, "permission"),
    ({"kind": "transport", "status": 502}, "transient"),
    ({"kind": "bound"}, "output_limit"),
    ({"kind": "crash"}, "bug"),
    ({"kind": "refusal"}, "refused"),
    ({"kind": "refusal", "code": "admission"}, "refused"),
    ({"kind": "refusal", "code": "shutdown"}, "shutdown"),
    ({"kind": "transport"}, "transient"),
    ({"kind": "transport", "status": 401}, "credential"),
    ({"kind": "transport", "status": 407}, "credential"),
    ({"kind": "transport", "message": "the api key"}, "transient"),
    ({"kind": "protocol"}, "protocol"),
    ({"kind": "http", "status": 429, "code": "insufficient_quota"}, "quota"),
    ({"kind": "http", "status": 429, "code": "INSUFFICIENT_QUOTA"}, "quota"),
    ({"kind": "http", "status": 429, "error_type": "tokens", "code": "rate_limit_exceeded"}, "rate_limit"),
    (
        {
            "kind": "http",
            "status": 400,
            "error_type": "invalid_request_error",
            "code": "context_length_exceeded",
        },
        "context_length",
    ),
    (
        {"kind": "http", "status": 503, "error_type": "unavailable_error", "message": "Loading model"},
        "model_loading",
    ),
    ({"kind": "http", "status": 503, "message": "Loading model"}, "model_loading"),
    (
        {"kind": "http", "status": 400, "message": "This model's maximum context length is 10"},
        "context_length",
    ),
    ({"kind": "http", "status": 400, "message": "Your credit balance is too low"}, "quota"),
    ({"kind": "http", "status": 400, "body": "Your credit balance is too low"}, "invalid_request"),
    ({"kind": "http", "status": 402, "retry_after_s": 3.0}, "rate_limit"),
    ({"kind": "in_stream", "error_type": "invalid_request_error"}, "invalid_request"),
    ({"kind": "in_stream", "error_type": "server_error"}, "transient"),
    ({"kind": "in_stream", "code": "RESOURCE_EXHAUSTED"}, "rate_limit"),
    (
        {"kind": "in_stream", "error_type": "invalid_request_error", "message": "rate limit"},
        "invalid_request",
    ),
    ({"kind": "in_stream", "code": "529", "status": 529}, "overloaded"),
    ({"kind": "in_stream", "error_type": "overloaded_error"}, "overloaded"),
    ({"kind": "in_stream", "message": "server is Overloaded"}, "overloaded"),
    ({"kind": "in_stream", "message": "?"}, "unknown"),
    *(({"kind": "http", "status": status}, expected) for status, expected in _BY_STATUS.items()),
]

RETRYABLE = {"transient", "rate_limit", "overloaded", "model_loading", "timeout", "protocol", "bug"}


def evidence(**facts: Any) -> ErrorEvidence:
    return ErrorEvidence(**{"message": "m", **facts})


@pytest.mark.parametrize(("facts", "expected"), TABLE, ids=[str(row[0]) for row in TABLE])
def test_class(facts: dict[str, Any], expected: ErrorClass) -> None:
    assert classify(evidence(**facts)) == expected


@pytest.mark.parametrize("error_class", get_args(ErrorClass))
def test_what_a_second_try_may_change(error_class: ErrorClass) -> None:
    assert is_retryable(evidence(kind="http"), error_class) == (error_class in RETRYABLE)
    assert is_retryable(evidence(kind="http", is_retryable=True), error_class)
    assert not is_retryable(evidence(kind="http", is_retryable=False), error_class)


@given(evidences)
def test_every_evidence_has_a_class(seen: ErrorEvidence) -> None:
    assert classify(seen) in get_args(ErrorClass)


def test_the_tables_say_one_thing_of_each_word() -> None:
    assert not CODES.keys() & VAGUE.keys()
    words = [plain(word) for listed in _WORDS.values() for word in listed.split()]
    assert len(words) == len(CODES)
    assert set(CODES.values()) | set(VAGUE.values()) <= set(get_args(ErrorClass))


@given(evidences, st.text(max_size=200))
def test_quotations_change_nothing(seen: ErrorEvidence, quoted: str) -> None:
    bare = seen.model_copy(update={"message": "no"})
    said = seen.model_copy(update={"message": f'no "{quoted.replace(chr(34), "")}"'})
    assert classify(bare) == classify(said)
