"""Rate-limit headers of every dialect, as one value."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.messages.rate_limits import RateLimit, RateLimits
from greenroom.providers.profiles import profile_for
from greenroom.providers.rate_limit_headers import rate_limits_of

NOW = 1767225600.0
"""2026-01-01T00:00:00Z."""
MINUTE = {"requests": 60.0, "tokens": 60.0}


def read(headers: dict[str, str], window_s: Any = MINUTE) -> dict[str, dict[str, Any]]:
    """By name, what was told of a limit."""
    told = rate_limits_of(headers.items(), window_s, NOW)
    assert told is not None
    assert told.measured_at == NOW
    return {each.name: each.model_dump(exclude_defaults=True, exclude={"name"}) for each in told.windows}


def test_openai() -> None:
    headers = {
        "x-ratelimit-limit-requests": "500", "x-ratelimit-remaining-requests": "499",
        "x-ratelimit-reset-requests": "120ms", "x-ratelimit-limit-tokens": "200000",
        "x-ratelimit-remaining-tokens": "199992", "x-ratelimit-reset-tokens": "6m0s",
        "x-ratelimit-limit-tokens_usage_based": "90000", "x-ratelimit-limit-input-images": "50000",
        "x-ratelimit-limit-project-tokens": "7",
    }  # fmt: skip
    assert read(headers) == {
        "requests": {"unit": "requests", "window_s": 60, "limit": 500, "remaining": 499, "resets_in_s": 0.12},
        "tokens":
            {"unit": "tokens", "window_s": 60, "limit": 200000, "remaining": 199992, "resets_in_s": 360},
        "tokens-usage-based": {"unit": "tokens", "window_s": 60, "limit": 90000, "pool": "usage-based"},
        "project-tokens": {"unit": "tokens", "window_s": 60, "limit": 7, "pool": "project"},
        "input-images": {"unit": "other", "limit": 50000, "pool": "input-images"},
    }  # fmt: skip


def test_anthropic() -> None:
    headers = {
        "anthropic-ratelimit-requests-limit": "50", "anthropic-ratelimit-requests-remaining": "49",
        "anthropic-ratelimit-requests-reset": "2026-01-01T00:00:30Z",
        "anthropic-ratelimit-input-tokens-limit": "40000",
        "anthropic-ratelimit-output-tokens-remaining": "8000",
        "anthropic-ratelimit-tokens-limit": "48000", "anthropic-priority-input-tokens-limit": "1000",
        "anthropic-priority-output-tokens-reset": "2026-01-01T00:01:00Z",
        "anthropic-ratelimit-unified-5h-status": "allowed", "anthropic-ratelimit-unified-5h-utilization": "0.25",
        "anthropic-ratelimit-unified-5h-reset": "1767229200",
        "anthropic-ratelimit-unified-7d-utilization": "0.5", "anthropic-ratelimit-unified-status": "allowed",
    }  # fmt: skip
    assert read(headers, {}) == {
        "requests": {"unit": "requests", "window_s": 60, "limit": 50, "remaining": 49, "resets_in_s": 30},
        "input-tokens": {"unit": "input_tokens", "window_s": 60, "limit": 40000},
        "output-tokens": {"unit": "output_tokens", "window_s": 60, "remaining": 8000},
        "tokens": {"unit": "tokens", "window_s": 60, "limit": 48000},
        "priority-input-tokens": {"unit": "input_tokens", "window_s": 60, "limit": 1000, "pool": "priority"},
        "priority-output-tokens": {
            "unit": "output_tokens", "window_s": 60, "resets_in_s": 60, "pool": "priority",
        },
        "unified-5h": {
            "unit": "other", "window_s": 18000, "status": "allowed", "utilization": 0.25,
            "resets_in_s": 3600, "pool": "unified",
        },
        "unified-7d": {"unit": "other", "window_s": 604800, "utilization": 0.5, "pool": "unified"},
        "unified": {"unit": "other", "status": "allowed", "pool": "unified"},
    }  # fmt: skip


def test_the_window_that_a_server_means_is_a_fact_of_its_profile() -> None:
    headers = {"x-ratelimit-limit-requests": "14400", "x-ratelimit-limit-tokens": "6000",
               "x-ratelimit-limit-tokens-prompt": "5000", "x-ratelimit-reset-requests": "2m59.56s"}  # fmt: skip
    groq = read(headers, profile_for("groq").limit_windows_s)
    assert groq["requests"] == {"unit": "requests", "window_s": 86400, "limit": 14400, "resets_in_s": 179.56}
    assert groq["tokens"]["window_s"] == groq["tokens-prompt"]["window_s"] == 60
    assert read(headers, profile_for("xai").limit_windows_s)["requests"]["window_s"] == 1
    assert read(headers, {})["requests"].get("window_s") is None


def test_cerebras_mistral_and_others_have_the_window_in_the_name() -> None:
    headers = {
        "x-ratelimit-limit-requests-day": "1440000", "x-ratelimit-remaining-tokens-minute": "967104",
        "x-ratelimit-reset-tokens-minute": "3.543672561645508", "x-ratelimit-limit-requests-hour": "60000",
        "x-ratelimit-limit-req-minute": "60", "x-ratelimit-remaining-tokens-month": "1000000000",
        "x-ratelimit-limit-tokens-5-minute": "9", "x-ratelimit-remaining-tokens-per-day": "8",
        "x-ratelimit-limit-requests-1h": "7", "x-ratelimit-minute-limit": "5",
        "x-ratelimit-tokens-query-cost": "32013", "x-ratelimit-limit-tokens-generated": "4",
    }  # fmt: skip
    told = read(headers, {})
    assert {name: (each["unit"], each.get("window_s")) for name, each in told.items()} == {
        "requests-day": ("requests", 86400), "tokens-minute": ("tokens", 60),
        "requests-hour": ("requests", 3600), "req-minute": ("requests", 60),
        "tokens-month": ("tokens", 30 * 86400), "tokens-5-minute": ("tokens", 300),
        "tokens-per-day": ("tokens", 86400), "requests-1h": ("requests", 3600), "minute": ("requests", 60),
        "tokens-generated": ("output_tokens", None),
    }  # fmt: skip
    assert told["tokens-minute"]["resets_in_s"] == 3.543672561645508
    whole = rate_limits_of(headers.items(), {}, NOW)
    assert whole is not None
    assert whole.query_cost_tokens == 32013


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            {"x-ratelimit-limit": "20", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1767225660000"},
            {"requests": {"unit": "requests", "window_s": 60, "limit": 20, "remaining": 0, "resets_in_s": 60}},
        ),
        (
            {"ratelimit-limit": "400, 400;w=300", "ratelimit-remaining": "399", "ratelimit-reset": "19"},
            {"requests": {"unit": "requests", "window_s": 300, "limit": 400, "remaining": 399, "resets_in_s": 19}},
        ),
        (
            {"ratelimit": '"api";r=489;t=189', "ratelimit-policy": '"fixed window";"api";q=500;w=300'},
            {"api": {"unit": "requests", "window_s": 300, "limit": 500, "remaining": 489, "resets_in_s": 189,
                     "pool": "api"}},
        ),
        (
            {"ratelimit": '"default";r=50;t=30', "ratelimit-policy": '"default";q=100;w=60;qu="tokens"'},
            {"default": {"unit": "tokens", "window_s": 60, "limit": 100, "remaining": 50, "resets_in_s": 30}},
        ),
        (
            {"ratelimit": "limit=100, remaining=50, reset=5", "ratelimit-policy": "100;w=60"},
            {"default": {"unit": "requests", "window_s": 60, "limit": 100, "remaining": 50, "resets_in_s": 5}},
        ),
        (
            {"ratelimitbysize-limit": "2000000", "ratelimitbysize-remaining": "1935974",
             "ratelimitbysize-reset": "19"},
            {"tokens": {"unit": "tokens", "window_s": 60, "limit": 2000000, "remaining": 1935974,
                        "resets_in_s": 19}},
        ),
        (
            {"x-tokenlimit-limit": "3000", "x-tokenlimit-remaining-dynamic": "9"},
            {"tokens": {"unit": "tokens", "window_s": 60, "limit": 3000},
             "dynamic": {"unit": "other", "remaining": 9, "pool": "dynamic"}},
        ),
        (
            {"x-ratelimit-limit-requests": "60", "x-ratelimit-renewalperiod-requests": "10"},
            {"requests": {"unit": "requests", "window_s": 10, "limit": 60}},
        ),
        (
            {"llm_provider-x-ratelimit-limit-tokens": "5"},
            {"tokens": {"unit": "tokens", "window_s": 60, "limit": 5}},
        ),
        (
            {"x-ratelimit-reset-tokens-per-minute": "1767225601", "x-ratelimit-limit-tokens-per-minute": "3"},
            {"tokens-per-minute": {"unit": "tokens", "window_s": 60, "limit": 3, "resets_in_s": 1}},
        ),
    ],
    ids=["epoch", "IETF old", "IETF, Hugging Face", "IETF", "IETF 07", "by size", "Together", "Azure",
         "behind LiteLLM", "DigitalOcean"],
)  # fmt: skip
def test_other_dialects(headers: dict[str, str], expected: dict[str, Any]) -> None:
    assert read(headers) == expected


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"content-type": "text/event-stream", "retry-after": "3"}, {"x-ratelimit-over-limit": "no"},
        {"x-ratelimit-limit-tokens": "-1", "x-ratelimit-remaining-tokens": "9223372036854767616"},
        {"x-ratelimit-limit-tokens": "many"}, {"ratelimit": ""}, {"ratelimit-policy": "a;b;c"},
        {"x-ratelimit-dynamic-period-remaining": "891s", "x-ratelimit-dynamic-scale-tokens": "1.00"},
        {"access-control-expose-headers": "x-ratelimit-limit"}, {"x-ratelimit-reset-tokens": "99999d"},
        {"x-ratelimit-tokens-query-cost": "-3"},
    ],
)  # fmt: skip
def test_what_tells_nothing(headers: dict[str, str]) -> None:
    assert rate_limits_of(headers.items(), MINUTE, NOW) is None


def test_the_date_header_is_the_answer_s_own_clock() -> None:
    headers = {
        "date": "Thu, 01 Jan 2026 00:00:10 GMT",
        "anthropic-ratelimit-tokens-reset": "2026-01-01T00:00:40Z",
    }
    assert read(headers)["tokens"]["resets_in_s"] == 30


_names = st.from_regex(
    r"(llm_provider-)?(x-)?(anthropic-)?(ratelimit|rate-limit|tokenlimit|priority)"
    r"(-(limit|remaining|reset|policy|tokens|requests|input|minute|5h|per|7|status)){0,5}",
    fullmatch=True,
)
_values = st.text(max_size=30) | st.from_regex(r'("a";)?[qrwt0-9=;,. ]{0,30}(ms|s|m|h|d)?', fullmatch=True)


@given(st.dictionaries(_names, _values, max_size=8), st.none() | st.floats(0, 4e9))
def test_headers_of_any_content_are_read(headers: dict[str, str], now: float | None) -> None:
    told = rate_limits_of(headers.items(), MINUTE, now)
    if told is not None:
        assert RateLimits.model_validate_json(told.model_dump_json()) == told
        assert len({each.name for each in told.windows}) == len(told.windows)


def test_there_is_a_bound() -> None:
    told = rate_limits_of(((f"x-ratelimit-limit-a{n}-tokens", "1") for n in range(999)), MINUTE, NOW)
    assert told is not None
    assert len(told.windows) == 64
    assert all(isinstance(each, RateLimit) for each in told.windows)


def test_every_recorded_head_that_names_a_limit_is_read(corpus: Path) -> None:
    files = [*sorted((corpus / "streams").glob("*.json")), *sorted((corpus / "errors").glob("*.json"))]
    known, seen = 0, set[str]()
    for file in files:
        recorded = json.loads(file.read_text())
        given_headers = recorded.get("response_headers") or recorded.get("headers") or {}
        headers = {name.lower(): value for name, value in given_headers.items()}
        numbers = [
            name for name in headers if "-remaining" in name and headers[name].replace(".", "").isdecimal()
        ]
        if not [name for name in numbers if len(headers[name]) < 15]:
            continue
        known += 1
        told = rate_limits_of(headers.items(), MINUTE, NOW)
        assert told is not None, (file.name, numbers)
        assert all(each.window_s is not None or each.unit == "other" for each in told.windows), file.name
        seen |= {each.unit for each in told.windows}
    assert known > 50
    assert seen == {"requests", "tokens", "input_tokens", "output_tokens", "other"}
