"""What stands in the table of models, found by any form of a model's name."""

import pytest

from greenroom.providers.anthropic.models import facts_of


@pytest.mark.parametrize(
    ("model", "prefill", "thinking", "sampling", "default"),
    [
        ("claude-2.1", True, "none", True, 4096),
        ("claude-instant-1.2", True, "none", True, 4096),
        ("claude-3-haiku-20240307", True, "none", True, 4096),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", True, "none", True, 8192),
        ("claude-3-7-sonnet-latest", True, "budget", True, 32_000),
        ("claude-opus-4@20250514", True, "budget", True, 32_000),
        ("claude-4-opus-20250514", True, "budget", True, 32_000),
        ("claude-opus-4-20250514", True, "budget", True, 32_000),
        ("claude-sonnet-4-5-20250929", True, "budget", True, 32_000),
        ("anthropic/claude-sonnet-4.5", True, "budget", True, 32_000),
        ("claude-haiku-4-5", True, "budget", True, 32_000),
        ("us.anthropic.claude-opus-4-6-v1:0", False, "adaptive", True, 32_000),
        ("claude-sonnet-4-6", False, "adaptive", True, 32_000),
        ("anthropic/claude-opus-4.7", False, "adaptive", False, 32_000),
        ("claude-opus-4-8", False, "adaptive", False, 32_000),
        ("claude-haiku-5-5", False, "adaptive", False, 32_000),
        ("claude-fable-5", False, "adaptive", False, 32_000),
        ("claude-mythos-preview", False, "adaptive", False, 32_000),
        ("claude-sonnet-9", False, "adaptive", False, 32_000),
        ("our-claude", True, "budget", True, 4096),
        ("kimi-k2", True, "budget", True, 4096),
        ("", True, "budget", True, 4096),
    ],
)
def test_facts(model: str, prefill: bool, thinking: str, sampling: bool, default: int) -> None:
    facts = facts_of(model)
    told = (facts.prefill, facts.thinking, facts.sampling, facts.default_max_tokens)
    assert told == (prefill, thinking, sampling, default)


def test_efforts_and_schemas() -> None:
    assert facts_of("claude-opus-4-5-20251101").efforts == ("low", "medium", "high")
    assert facts_of("claude-sonnet-4-5").efforts == ()
    assert "xhigh" not in facts_of("claude-opus-4-6").efforts
    assert "xhigh" in facts_of("claude-opus-4-7").efforts
    assert [facts_of(f"claude-opus-{v}").json_schema for v in ("4", "4-1", "4-8")] == [False, True, True]
