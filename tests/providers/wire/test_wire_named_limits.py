"""Limits that a message names: which, how much is allowed, how much was used."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.messages.failures import NamedLimit
from greenroom.providers.wire.error_details import limits_in
from greenroom.providers.wire.named_limits import named_limits

CONTEXT: dict[str, tuple[float, float | None]] = {
    "This model's maximum context length is 4097 tokens, however you requested 4612 tokens (612 in your "
    "prompt; 4000 for the completion).": (4097, 4612),
    "This model's maximum context length is 8,192 tokens. However, your messages resulted in 8,545 tokens.":
        (8192, 8545),
    "This model's maximum context length is 262144 tokens. However, you requested 10 output tokens and your "
    "prompt contains at least 262145 input tokens, for a total of at least 262155 tokens.": (262144, 262155),
    "Requested token count exceeds the model's maximum context length of 202752 tokens. You requested a total "
    "of 202941 tokens: 170941 from the input.": (202752, 202941),
    "This endpoint's maximum context length is 200000 tokens. However, you requested about 2500021 tokens":
        (200000, 2500021),
    "You passed 9000 input tokens and requested 100 output tokens. However, the model's context length is only "
    "8192 tokens": (8192, 9000),
    "The decoder prompt (length 53456) is longer than the maximum model length of 32768.": (32768, 53456),
    "request (2009 tokens) exceeds the available context size (512 tokens), try increasing it": (512, 2009),
    "The input (263000 tokens) is longer than the model's context length (262144 tokens).": (262144, 263000),
    "Input length (265330) exceeds model's maximum context length (262144).": (262144, 265330),
    "Input length 131393 exceeds the maximum allowed input length of 131040 tokens.": (131040, 131393),
    "prompt is too long: 213462 tokens > 200000 maximum": (200000, 213462),
    "input length and `max_tokens` exceed context limit: 170636 + 34048 > 200000, decrease": (200000, 204684),
    "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).":
        (1048575, 1196265),
    "Unable to submit request because the input token count is 32825 but model only supports up to 32768.":
        (32768, 32825),
    "This model's maximum prompt length is 131072 but the request contains 537812 tokens.": (131072, 537812),
    "Prompt contains 65673 tokens and 0 draft tokens, too large for model with 32768 maximum context length":
        (32768, 65673),
    "prompt token count of 200000 exceeds the limit of 128000": (128000, 200000),
    "Your request exceeded model token limit: 131072 (requested: 200000)": (131072, 200000),
    "Please reduce the length. Current length is 9000 while limit is 8192": (8192, 9000),
    "too many tokens: size limit exceeded by 25836 tokens. Try using shorter inputs. The limit for this model "
    "is 288000 tokens.": (288000, 313836),
    "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context "
    "length of only 4096 tokens": (4096, 5000),
    "The estimated number of input and maximum output tokens (9000) exceeded this model context window limit "
    "(8192).": (8192, 9000),
    "Too many input tokens. Max input tokens: 8192, request input token count: 9000": (8192, 9000),
    "`inputs` tokens + `max_new_tokens` must be <= 4097. Given: 4090 `inputs` tokens and 512 `max_new_tokens`":
        (4097, 4602),
    "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300000 tokens.":
        (272000, 300000),
    "Range of input length should be [1, 30720]": (30720, None),
}  # fmt: skip
RATES: dict[str, tuple[str, float, float | None, float]] = {
    "Rate limit reached for m in organization o on tokens per min (TPM): Limit 30000, Used 29998, Requested 12.":
        ("tokens", 30000, 29998, 60),
    "on requests per day (RPD): Limit 200, Used 200, Requested 1. Please": ("requests", 200, 200, 86400),
    "on tokens per minute (TPM): Limit 6000, Requested 9837, please reduce": ("tokens", 6000, 9837, 60),
    "on tokens per min. Limit: 10000": ("", 0, None, 0),
    "exceed the rate limit for your organization (x) of 1,000,000 input tokens per minute.":
        ("input_tokens", 1000000, None, 60),
    "a Trial key, which is limited to 40 API calls / minute": ("requests", 40, None, 60),
    "trial token rate limit exceeded, limit is 100000 tokens per minute": ("tokens", 100000, None, 60),
}  # fmt: skip


@pytest.mark.parametrize(("message", "numbers"), CONTEXT.items(), ids=[text[:40] for text in CONTEXT])
def test_context(message: str, numbers: tuple[float, float | None]) -> None:
    (limit,) = named_limits(message)
    assert (limit.name, limit.exceeded) == ("context_tokens", True)
    assert (limit.limit, limit.used) == numbers


@pytest.mark.parametrize(("message", "expected"), RATES.items(), ids=[text[:40] for text in RATES])
def test_rates(message: str, expected: tuple[str, float, float | None, float]) -> None:
    found = [(limit.name, limit.limit, limit.used, limit.window_s) for limit in named_limits(message)]
    assert found == ([expected] if expected[0] else [])


@pytest.mark.parametrize(
    "message",
    [
        "", "rate limit reached", "the answer has 4096 tokens", "max_tokens must be <= 4096",
        "messages.0: 'maximum context length is 4096 tokens'", 'got "on tokens per min (TPM): Limit 3, Used 4"',
    ],
)  # fmt: skip
def test_other_numbers_are_no_limits(message: str) -> None:
    assert named_limits(message) == ()


@given(st.text(alphabet="0123456789 ,.:()<=>+tokenslimit'\"`", max_size=400))
def test_any_text_is_read(text: str) -> None:
    for limit in named_limits(text):
        assert NamedLimit.model_validate_json(limit.model_dump_json()) == limit


def test_llama_cpp_tells_its_numbers_in_fields() -> None:
    (limit,) = limits_in({"n_ctx": 512, "n_prompt_tokens": 2009})
    assert (limit.name, limit.limit, limit.used, limit.exceeded) == ("context_tokens", 512, 2009, True)
    assert limits_in({"n_ctx": 512}) == limits_in({"n_ctx": True, "n_prompt_tokens": "x"}) == ()


@pytest.mark.parametrize(
    ("quota", "window_s"),
    [
        ("GenerateRequestsPerDayPerProjectPerModel-FreeTier", 86400.0),
        ("GenerateContentInputTokensPerModelPerMinute-FreeTier", 60.0),
        ("base_model_requests_per_hour", 3600.0),
        ("concurrent", None),
    ],
)
def test_google_s_quotas(quota: str, window_s: float | None) -> None:
    kind = "type.googleapis.com/google.rpc."
    details: list[dict[str, Any]] = [
        {"@type": kind + "QuotaFailure", "violations": [{"quotaId": quota, "quotaValue": "50"}, {"x": 1}]},
        {"@type": kind + "ErrorInfo", "metadata": {"quota_limit": quota, "quota_limit_value": "9"}},
        {"@type": kind + "Help"},
    ]
    (limit,) = limits_in({"details": details})
    assert (limit.name, limit.limit, limit.window_s, limit.exceeded) == (quota, 50, window_s, True)
    (other,) = limits_in({"details": details[1:]})
    assert other.limit == 9
