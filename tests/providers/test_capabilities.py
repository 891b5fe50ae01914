"""What is known of servers and models for a cut stream, and how users add to it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from greenroom.messages.contracts import Target
from greenroom.messages.invalid import InvalidInput
from greenroom.messages.options import StreamingOptions
from greenroom.messages.retry_state import Capabilities
from greenroom.providers import capabilities, registry
from greenroom.providers.capabilities import capabilities_of, check_policy, register_capabilities
from greenroom.providers.registry import codec_kinds, register_codec


@pytest.fixture(autouse=True)
def own_rules() -> Iterator[None]:
    before = list(capabilities._rules)
    yield
    capabilities._rules[:] = before


def target(kind: str, profile: str | None = None, model: str = "m") -> Target:
    return Target("p", kind, model, profile)


@pytest.mark.parametrize(
    ("kind", "profile", "model", "able"),
    [
        ("openai-chat", "openai", "gpt-5", ""),
        ("openai-chat", "vllm", "qwen3", "prefix"),
        ("openai-chat", "sglang", "qwen3", "prefix"),
        ("openai-chat", "llamacpp", "qwen3", "prefix"),
        ("openai-chat", "deepseek", "deepseek-chat", ""),
        ("openai-chat", "deepseek-beta", "deepseek-chat", "prefix"),
        ("openai-chat", "mistral", "mistral-large", "prefix echo"),
        ("openai-chat", "lmstudio", "qwen3", ""),
        ("openai-completions", "openai", "gpt-3.5-turbo-instruct", "prefix"),
        ("openai-responses", "openai-responses", "gpt-5", "cursor"),
        ("openai-responses", "xai", "grok-4", ""),
        ("gemini-interactions", "gemini-interactions", "gemini-3-pro", "cursor"),
        ("gemini", "gemini", "gemini-3-pro", ""),
        ("anthropic", "anthropic", "claude-3-5-haiku-latest", "prefix trims"),
        ("anthropic", "anthropic", "claude-opus-4-5-20251101", "prefix trims"),
        ("anthropic", "anthropic", "claude-opus-4-6", ""),
        ("anthropic", "anthropic", "claude-sonnet-4-6", ""),
        ("anthropic", "deepseek", "deepseek-chat", ""),
        ("anthropic-text", "anthropic-text", "claude-2.1", "prefix trims"),
        ("ollama", "ollama-native", "qwen3", ""),
    ],
)
def test_what_is_known(kind: str, profile: str, model: str, able: str) -> None:
    known = capabilities_of(target(kind, profile, model))
    facts = {
        "cursor": known.server_cursor, "prefix": known.prefix_continuation, "echo": known.prefix_echo,
        "trims": known.prefix_trims,
    }  # fmt: skip
    assert " ".join(name for name, fact in facts.items() if fact) == able


def test_every_wire_tells() -> None:
    for kind in codec_kinds():
        assert isinstance(capabilities_of(target(kind)), Capabilities)


def test_a_codec_that_tells_nothing_gets_plain_requests_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Quiet:
        kind = "quiet"

    monkeypatch.setattr(registry, "_codecs", dict(registry._codecs))
    register_codec("quiet", cast("Any", Quiet))
    assert capabilities_of(target("quiet")) == Capabilities(instruction_continuation=False)


def test_what_is_registered_wins_and_the_newest_of_that() -> None:
    register_capabilities(Capabilities(prefix_continuation=True), profile="lmstudio", model="qwen3-*")
    assert capabilities_of(target("openai-chat", "lmstudio", "qwen3-4b")).prefix_continuation
    assert not capabilities_of(target("openai-chat", "lmstudio", "gemma")).prefix_continuation
    assert not capabilities_of(target("openai-chat", "openai", "qwen3-4b")).prefix_continuation
    register_capabilities(Capabilities(), kind="openai-chat", model="qwen3-4b")
    assert not capabilities_of(target("openai-chat", "lmstudio", "qwen3-4b")).prefix_continuation


def test_what_a_server_refused_once_is_not_asked_again() -> None:
    here = target("openai-chat", "vllm", "qwen3")
    learnt = replace(here, adjustments=frozenset({"no_prefix:qwen3"}))
    assert not capabilities_of(learnt).prefix_continuation
    assert capabilities_of(replace(learnt, model="other")).prefix_continuation


@pytest.mark.parametrize(
    ("given", "where", "words"),
    [
        ({"prefix_continuation": True}, {"kind": "openai-chat"}, "capabilities"),
        (Capabilities(), {}, "name one of"),
        (Capabilities(), {"kind": 5}, "kind = 5: must be a name"),
        (Capabilities(), {"profile": ""}, "profile = '': must be a name"),
        (Capabilities(), {"model": None, "kind": "openai-chat"}, "model = None: must be a name"),
    ],
)
def test_bad_registrations_are_refused(given: Any, where: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        register_capabilities(given, **where)  # type: ignore[arg-type]


def test_a_capability_that_there_is_not() -> None:
    with pytest.raises(
        InvalidInput, match="Capabilities: prefix = True: unknown field; did you mean 'prefix_"
    ):
        Capabilities(prefix=True)  # type: ignore[call-arg]


def test_a_cursor_is_refused_where_there_is_none() -> None:
    wanted = StreamingOptions(server_resume=True)
    check_policy(target("openai-responses", "openai-responses"), wanted)
    check_policy(target("anthropic"), StreamingOptions())
    with pytest.raises(InvalidInput, match=r"options.server_resume = True: p \(anthropic\) keeps no answer"):
        check_policy(target("anthropic"), wanted)
    check_policy(target("anthropic"), wanted.replace(on_unsupported="drop"))
