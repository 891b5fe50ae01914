"""Waits, limits and ids out of response headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.providers.response_headers import (
    allowed,
    lower,
    provider_request_id,
    rate_limits,
    retry_after_s,
)

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "0", "retry-after": "1"}, 1.0),
        ({"x-ms-retry-after-ms": "1500"}, 1.5),
        ({"llm_provider-retry-after": "7"}, 7.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": DATE}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:27:00 GMT", "date": DATE}, 0.0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e99"}, None),
        ({"retry-after": "99999999"}, 30 * 86400.0),
        ({}, None),
    ],
)
def test_retry_after_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


def test_date_without_a_date_header_is_measured_from_now() -> None:
    headers = {"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}
    assert retry_after_s(headers, now=50.0) == 10.0
    assert retry_after_s(headers) is None


def test_limits_of_openai_anthropic_and_mistral() -> None:
    headers = {
        "x-ratelimit-limit-tokens": "1000",
        "x-ratelimit-remaining-tokens": "10",
        "x-ratelimit-reset-tokens": "12ms",
        "anthropic-ratelimit-input-tokens-limit": "50",
        "anthropic-ratelimit-input-tokens-reset": "2026-10-21T07:28:10Z",
        "x-ratelimit-remaining-req-minute": "3",
        "x-ratelimit-limit-bogus": "many",
        "date": DATE,
    }
    limits = {limit.name: limit for limit in rate_limits(headers)}
    assert limits.keys() == {"tokens", "input-tokens", "req-minute"}
    assert (limits["tokens"].limit, limits["tokens"].remaining, limits["tokens"].reset_s) == (1000, 10, 0.012)
    assert (limits["input-tokens"].limit, limits["input-tokens"].reset_s) == (50, 10.0)


values = st.text(max_size=20) | st.from_regex(r"[0-9]{1,400}(\.[0-9]+)?(ms|s|m|h|d)?", fullmatch=True)
names = st.sampled_from(
    ["retry-after", "retry-after-ms", "x-ratelimit-limit-tokens", "x-ratelimit-reset-tokens", "date"]
)


@given(st.dictionaries(names, values))
def test_headers_of_any_content_never_raise(headers: dict[str, str]) -> None:
    wait = retry_after_s(headers, now=0.0)
    assert wait is None or 0 <= wait <= 30 * 86400
    for limit in rate_limits(headers, now=0.0):
        assert limit.model_validate_json(limit.model_dump_json()) == limit


def test_names_are_lowered_ids_found_and_secrets_left_out() -> None:
    headers = lower(
        [("X-Request-ID", "r"), ("Set-Cookie", "c"), ("Authorization", "a"), ("Retry-After", "1" * 999)]
    )
    assert provider_request_id(headers) == "r"
    assert allowed(headers) == {"x-request-id": "r", "retry-after": "1" * 256}
