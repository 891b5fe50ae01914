"""One model under its many names, and another one under a name like it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.actors.clock import ManualClock
from greenroom.messages.completion import Completion
from greenroom.messages.contracts import Target
from greenroom.supervision.model_match import Mismatches, matches, request_over, same_model

from request_path import EventLog

SAME = (
    ("gpt-4o", "gpt-4o-2024-08-06"), ("gpt-4", "gpt-4-0613"), ("gpt-3.5-turbo", "gpt-3.5-turbo-0125"),
    ("o4-mini", "o4-mini-2025-04-16"), ("gpt-4.1-nano", "gpt-4.1-nano-2025-04-14"),
    ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"), ("claude-sonnet-4-0", "claude-sonnet-4-20250514"),
    ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929"), ("claude-opus-4-1", "claude-opus-4-1-20250805"),
    ("anthropic/claude-sonnet-4.6", "anthropic/claude-4.6-sonnet-20260217"),
    ("anthropic/claude-3-5-sonnet-20241022", "anthropic/claude-3.5-sonnet"),
    ("anthropic.claude-3-7-sonnet-20250219-v1:0", "claude-3-7-sonnet-20250219"),
    ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", "claude-3-7-sonnet"),
    ("gemini-2.5-flash", "models/gemini-2.5-flash"), ("gemini-2.0-flash", "gemini-2.0-flash-001"),
    ("qwen/qwen3-235b-a22b-07-25", "qwen/qwen3-235b-a22b-2507"),
    ("z-ai/glm-5-turbo", "z-ai/glm-5-turbo-20260315"), ("deepseek/deepseek-r1:free", "deepseek/deepseek-r1"),
    ("meta-llama/Llama-3.1-8B-Instruct", "llama3.1-8b"), ("phi3", "phi3:latest"), ("Qwen3:14B", "qwen3:14b"),
    ("meta-llama/Llama-3.3-70B-Instruct", "meta-llama/llama-3.3-70b-instruct"),
    ("Qwen3-1.7B-Q4_K_M", "/srv/models/Qwen3-1.7B-Q4_K_M.gguf"), ("qwen3-4b", "C:\\models\\Qwen3-4B.gguf"),
    ("gpt-3.5-turbo", "gpt-35-turbo"), ("grok-4", "grok-4-0709"), ("Mistral-Small-Latest", "mistral-small"),
    ("command-r", "command-r-08-2024"), ("gemini-2.5-flash", "gemini-2.5-flash-preview-05-20"),
)  # fmt: skip
OTHER = (
    ("gpt-4o", "gpt-4o-mini"), ("gpt-4o", "gpt-4.1"), ("gpt-4", "gpt-3.5-turbo"), ("o1", "o3"),
    ("claude-3-5-sonnet-latest", "claude-3-7-sonnet-20250219"), ("claude-sonnet-4-5", "claude-opus-4-5"),
    ("gemini-2.5-flash", "gemini-2.5-pro"), ("gemini-2.5-flash", "gemini-2.5-flash-lite"),
    ("Qwen3-1.7B-Q4_K_M", "/srv/models/Qwen3-8B-Q4_K_M.gguf"), ("qwen3-4b", "qwen3-8b"),
    ("Qwen/Qwen2.5-VL-7B-Instruct", "Qwen2.5-VL-72B-Instruct"), ("gpt-4.1-mini", "moonshotai/kimi-k2"),
    ("llama3.1-8b", "llama3.2-8b"), ("qwen3-4b-q4_k_m", "qwen3-4b-q8_0"), ("gpt-5", "gpt-5-codex"),
    ("llama-3.1-8b", "llama-3.18-b"), ("gpt-5.4", "gpt-4.5-preview"), ("claude-3-5-haiku", "claude-5-3-haiku"),
)  # fmt: skip


@pytest.mark.parametrize(("asked", "answered"), SAME)
def test_one_model_under_two_names(asked: str, answered: str) -> None:
    assert same_model(asked, answered)
    assert same_model(answered, asked)


@pytest.mark.parametrize(("asked", "answered"), OTHER)
def test_two_models(asked: str, answered: str) -> None:
    assert not same_model(asked, answered)
    assert not same_model(answered, asked)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_names(asked: str, answered: str) -> None:
    assert same_model(asked, answered) == same_model(answered, asked)
    assert same_model(asked, asked)


def target(model: str, *, own_names: bool = False) -> Target:
    return Target("acme", "k", model, own_model_names=own_names)


def test_what_cannot_be_told() -> None:
    assert matches(target("gpt-4o"), None) is None
    assert matches(target("gpt-4o"), "") is None
    assert matches(target("openrouter/auto"), "x") is matches(target("Default"), "x") is None
    assert matches(target("my-deployment", own_names=True), "gpt-35-turbo") is None
    assert matches(target("gpt-4o"), "gpt-4o-mini") is False
    assert matches(target("gpt-4o"), "gpt-4o-2024-08-06") is True


@pytest.mark.parametrize(("answered", "told"), [("a-1", None), (None, None), ("b-2", ("acme", "a-1", "b-2"))])
def test_the_end_of_a_request_names_both_where_they_differ(
    answered: str | None, told: tuple[str, str, str] | None
) -> None:
    completion = Completion(
        outcome="completed", provider="acme", model=answered, model_asked="a-1", request_id="r", stream_id="s",
        model_matches=matches(target("a-1"), answered),
    )  # fmt: skip
    over = request_over(target("a-1"), completion, 2)
    assert (over.stream_id, over.outcome, over.attempts, over.swapped) == ("s", "completed", 2, told)


def test_each_pair_is_told_once_and_there_is_a_bound() -> None:
    log = EventLog()
    mismatches = Mismatches(log, ManualClock(), "/requests")
    for _ in range(3):
        mismatches.note(("acme", "a", "b"), "s1")
        mismatches.note(None, "s2")
    (event,) = log.of("provider.model_mismatch")
    assert (event.provider, event.model_asked, event.model_answered, event.stream_id) == (
        "acme",
        "a",
        "b",
        "s1",
    )
    for number in range(2000):
        mismatches.note(("acme", "a", str(number)), "s")
    assert len(log.events) == 1024


def test_recorded_streams_of_well_known_models_match(corpus: Path) -> None:
    known = 0
    for file in sorted((corpus / "expected").glob("*.json")):
        answered = json.loads(file.read_text()).get("model")
        meta = json.loads((corpus / "streams" / file.name).read_text())
        asked = (meta.get("request") or {}).get("model")
        if asked and answered and meta["provider"] in ("openai", "anthropic", "mistral", "groq"):
            known += 1
            if not asked.endswith("-002"):  # davinci-002 answers as davinci
                assert same_model(asked, answered), (asked, answered)
    assert known > 20
