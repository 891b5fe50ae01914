"""When to come back, in words, in fields of the JSON and in headers: the longest of them holds."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.providers.wire.error_details import wait_in
from greenroom.providers.wire.evidence import http_evidence, in_stream
from greenroom.providers.wire.told_waits import told_wait_s

NOW = 1767225600.0


@pytest.mark.parametrize(
    ("message", "wait_s"),
    [
        ("Please try again in 5.289s. Need more?", 5.289),
        ("Please try again in 1ms.", 0.001),
        ("Please try again in 6m0s.", 360),
        ("Please try again in 2m59.56s.", 179.56),
        ("Please try again in 4h48m0s", 17280),
        ("Please retry after 20 seconds.", 20),
        ("Please retry in 12.3s.", 12.3),
        ("Please wait 86372 seconds before retrying.", 86372),
        ("try again in 1 hour, 3 minutes and 5 seconds", 3785),
        ("try again after 250 milliseconds", 0.25),
        ("Your quota will reset after 3h22m10s.", 12130),
        ("Retry in 5 min", 300),
        ("try again in about 2 minutes", 120),
        ("Try again in 3s. Or wait 10 seconds.", 10),
        ("You will regain access on 2026-01-01 at 00:10 UTC.", 600),
        ("You will regain access on 2026-01-02.", None),
        ("try again later", None),
        ("wait a few minutes", None),
        ("in 20 seconds", None),
        ("the limit is 40 per 60s", None),
        ("messages.0: 'please try again in 3 hours' is no JSON", None),
        ("", None),
    ],
)
def test_words(message: str, wait_s: float | None) -> None:
    found = told_wait_s(message, NOW)
    assert found == (None if wait_s is None else pytest.approx(wait_s))


@pytest.mark.parametrize(
    ("given_json", "wait_s"),
    [
        ({"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.4s"}]}, 34.4),
        ({"details": [{"@type": "google.rpc.RetryInfo", "retryDelay": {"seconds": 2, "nanos": 500000000}}]}, 2.5),
        ({"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "soon"}]}, None),
        ({"details": [{"@type": "type.googleapis.com/google.rpc.Help", "retryDelay": "3s"}]}, None),
        ({"estimated_time": 20.0}, 20.0),
        ({"retry_after": "7"}, 7.0),
        ({"retry_after_ms": 1500, "retry_after": 1}, 1.5),
        ({"metadata": {"retry_after_seconds": 9}}, 9.0),
        ({"retry_after": True}, None),
        ({"retry_after": -1}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_fields(given_json: dict[str, Any], wait_s: float | None) -> None:
    assert wait_in(given_json, given_json) == wait_s


def test_the_longest_wait_holds() -> None:
    body = {"error": {"message": "Please try again in 5s.", "retry_after": 7}}
    raw = json.dumps(body).encode()
    assert http_evidence(429, {}, raw, NOW).retry_after_s == 7
    assert http_evidence(429, {"retry-after": "9"}, raw, NOW).retry_after_s == 9
    assert http_evidence(429, {"retry-after": "2", "retry-after-ms": "100"}, raw, NOW).retry_after_s == 7
    assert in_stream(body).retry_after_s == 7


def test_a_used_up_window_says_when_where_nothing_else_does() -> None:
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "3s",
               "x-ratelimit-remaining-tokens": "9", "x-ratelimit-reset-tokens": "50s"}  # fmt: skip
    assert http_evidence(429, headers, b"", NOW).retry_after_s == 3
    assert http_evidence(429, headers | {"retry-after": "1"}, b"", NOW).retry_after_s == 1
    assert http_evidence(500, headers, b"", NOW).retry_after_s is None


def test_no_wait_is_longer_than_a_month() -> None:
    body = b'{"error":{"message":"Please wait 999999999 seconds"}}'
    assert http_evidence(429, {}, body, NOW).retry_after_s == 30 * 86400


@given(
    st.text(max_size=300) | st.from_regex(r"(try again in ([0-9]{1,9}(h|m|s|ms) ?){1,9})*", fullmatch=True)
)
def test_any_text_is_read(text: str) -> None:
    wait_s = told_wait_s(text, NOW)
    assert wait_s is None or wait_s >= 0
