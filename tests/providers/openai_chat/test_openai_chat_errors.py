"""Error answers of every shape as evidence."""

import json
from typing import Any

import pytest
from chat_wire import run

from greenroom.messages.failures import ErrorEvidence


def evidence(body: Any, status: int = 400, **headers: str) -> ErrorEvidence:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    failure = run(raw, status=status, headers=named).failure
    assert failure is not None
    return failure


@pytest.mark.parametrize(
    ("body", "message", "code", "error_type", "param"),
    [
        ({"error": {"message": "m", "type": "t", "param": "p", "code": "c"}}, "m", "c", "t", "p"),
        (
            {"error": {"message": "m", "code": 429, "metadata": {"raw": "upstream"}}},
            "m: upstream",
            "429",
            None,
            None,
        ),
        (
            {"code": "invalid-argument", "error": "Model not found"},
            "Model not found",
            "invalid-argument",
            None,
            None,
        ),
        ({"error": "'messages' field is required"}, "'messages' field is required", None, None, None),
        ({"object": "error", "message": "m", "type": "B", "param": None, "code": 400}, "m", "400", "B", None),
        (
            {"detail": [{"loc": ["body", "n"], "msg": "bad"}, {"msg": "worse"}]},
            "body.n: bad; worse",
            None,
            None,
            None,
        ),
        ({"detail": "Not Found"}, "Not Found", None, None, None),
        (
            [{"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED"}}],
            "m",
            "429",
            "RESOURCE_EXHAUSTED",
            None,
        ),
        (b'data: {"error":{"message":"in a line"}}\n\n', "in a line", None, None, None),
        (b"<html><title>502 Bad\n Gateway</title>", "HTTP 400 with HTML (502 Bad Gateway)", None, None, None),
        (b"error code: 524", "HTTP 400 with this text: error code: 524", None, None, None),
        (b"", "HTTP 400 with an empty body", None, None, None),
        (b"\xff\xfe", "HTTP 400 with this text: \ufffd\ufffd", None, None, None),
    ],
)
def test_error_bodies(
    body: Any, message: str, code: str | None, error_type: str | None, param: str | None
) -> None:
    got = evidence(body)
    assert (got.message, got.code, got.error_type, got.param) == (message, code, error_type, param)
    assert (got.kind, got.status, got.phase) == ("http", 400, "head")


def test_headers_tell_id_retry_and_limits() -> None:
    got = evidence(
        {"error": {"message": "m"}},
        429,
        X_Request_Id="req-1",
        X_Should_Retry="false",
        Retry_After="7",
        Set_Cookie="secret",
        X_RateLimit_Limit_Requests="100",
        X_RateLimit_Remaining_Requests="0",
        X_RateLimit_Reset_Requests="6m0.5s",
    )
    assert (got.provider_request_id, got.is_retryable, got.retry_after_s) == ("req-1", False, 7.0)
    assert "set-cookie" not in got.headers
    assert got.headers["x-request-id"] == "req-1"
    (limit,) = got.limits
    assert (limit.name, limit.limit, limit.remaining, limit.reset_s) == ("requests", 100, 0, 360.5)


@pytest.mark.parametrize(
    ("message", "name", "limit", "used"),
    [
        (
            "maximum context length is 4096 tokens. However, you requested 5000 tokens",
            "context_tokens",
            4096,
            5000,
        ),
        (
            "the request (9000 tokens) exceeds the available context size (8192 tokens), try",
            "context_tokens",
            8192,
            9000,
        ),
        ("on tokens per minute (TPM): Limit 6000, Used 5800, Requested 500", "tokens", 6000, 5800),
        ("on requests per day (RPD): Limit 1000", "requests", 1000, None),
    ],
)
def test_limits_named_in_the_message(message: str, name: str, limit: float, used: float | None) -> None:
    (named,) = evidence({"error": {"message": message}}).limits
    assert (named.name, named.limit, named.used) == (name, limit, used)


@pytest.mark.parametrize(
    ("status", "adjust"), [(400, "no_stream_options"), (422, "no_stream_options"), (500, None)]
)
def test_complaint_about_stream_options_names_the_adjustment(status: int, adjust: str | None) -> None:
    got = evidence(
        {"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}, status
    )
    assert got.adjust == adjust
    assert evidence({"error": "other"}, status).adjust is None


def test_body_is_cut_and_large_json_is_still_read() -> None:
    got = evidence({"error": {"message": "m", "padding": "x" * 50_000}})
    assert (got.message, len(got.body)) == ("m", 4096)
    assert evidence(b"x" * 10_000_000, 500).message.startswith("HTTP 500 with this text: xxx")


def test_small_event_bound_does_not_hide_an_http_error() -> None:
    failure = run(
        b'{"error":{"message":"m","p":"' + b"x" * 5000 + b'"}}', status=500, max_event_bytes=1024
    ).failure
    assert failure is not None
    assert (failure.kind, failure.message) == ("http", "m")


def test_redirect_says_that_it_is_not_followed() -> None:
    assert "base_url" in evidence(b"", 308).message


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://new.test/v1/chat/completions", "redirects to https://new.test/v1/chat/completions, "),
        ("/login", "redirects to /login, "),
        ("//user:secret@new.test:8/v1?token=secret#secret", "redirects to //new.test:8/v1, "),
        ("?secret", "redirects, "),
        ("", "redirects, "),
    ],
)
def test_redirect_names_its_target_without_what_may_be_secret(location: str, shown: str) -> None:
    got = evidence(b"", 307, location=location)
    assert shown in got.message
    assert "secret" not in got.message


@pytest.mark.parametrize(("body", "again"), [(b"<html><p>Hello</p>", False), (b"", None)])
def test_a_page_is_no_api_and_not_asked_again(body: bytes, again: bool | None) -> None:
    failure = run(body).failure
    assert failure is not None
    assert "is base_url right?" in failure.message
    assert failure.is_retryable is again
