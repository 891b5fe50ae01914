"""Which facts hold for which server."""

import pytest

from greenroom.messages.invalid import InvalidInput
from greenroom.messages.request import ChatRequest
from greenroom.providers.profile import Profile
from greenroom.providers.profiles import fitting_profile, profile_for, profile_names, register_profile

ASKED_FOR = (
    "azure",
    "cerebras",
    "deepseek",
    "fireworks",
    "generic",
    "groq",
    "llamacpp",
    "lmstudio",
    "mistral",
    "ollama",
    "openai",
    "openrouter",
    "perplexity",
    "sglang",
    "together",
    "vllm",
    "xai",
)


pytestmark = pytest.mark.usefixtures("profiles_as_before")


def test_every_server_we_know_has_a_profile() -> None:
    assert set(profile_names()) >= set(ASKED_FOR)


@pytest.mark.parametrize("name", ASKED_FOR)
def test_facts_are_consistent(name: str) -> None:
    profile = profile_for(name)
    assert profile.name == name
    assert profile.key_env
    assert profile.unsupported <= ChatRequest.model_fields.keys()
    assert profile.capabilities.prefix_continuation is (profile.prefix is not None)
    assert profile.local is (profile.base_url or "").startswith("http://127.0.0.1")
    if profile.base_url is not None and profile.hosts:
        assert profile_for(None, profile.base_url) is profile


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://eu.api.openai.com/v1", "openai"),
        ("https://my-thing.openai.azure.com/openai/v1", "azure"),
        ("http://localhost:1234/v1", "lmstudio"),
        ("http://192.168.1.5:11434/v1", "ollama"),
        ("https://evilapi.openai.com.example.org/v1", "generic"),
        ("https://llm.test/v1", "generic"),
        ("", "generic"),
    ],
)
def test_profile_is_found_by_the_url(url: str, name: str) -> None:
    assert profile_for(None, url).name == name


OWN = "https://api.cloudflare.com/client/v4/accounts/X"
GOOGLE = "https://generativelanguage.googleapis.com"


@pytest.mark.parametrize(
    ("url", "kind", "name"),
    [
        ("https://api.cohere.ai/compatibility/v1", None, "cohere-openai"),
        ("https://api.cohere.com/compatibility/v1/", None, "cohere-openai"),
        ("https://api.cohere.com/compatibility/v1", "cohere-chat", "cohere"),
        ("https://api.cohere.com/v2", None, "cohere"),
        (f"{OWN}/ai/v1", None, "cloudflare-openai"),
        (f"{OWN}/ai/run", None, "cloudflare"),
        (f"{GOOGLE}/v1beta/openai", None, "gemini-openai"),
        (f"{GOOGLE}/v1beta/openai/", None, "gemini-openai"),
        (f"{GOOGLE}/v1beta", None, "gemini"),
        (f"{GOOGLE}/v1beta", "gemini-interactions", "gemini-interactions"),
        ("https://api.anthropic.com/v1", None, "anthropic"),
        ("https://api.anthropic.com/v1", "openai-chat", "anthropic-openai"),
        ("https://ollama.com/v1", None, "ollama"),
        ("https://ollama.com", None, "ollama-native"),
    ],
)
def test_the_path_tells_which_wire_of_a_host_is_meant(url: str, kind: str | None, name: str) -> None:
    profile = fitting_profile("mine", None, url, kind)
    assert profile.name == name
    if "openai" in name:
        assert (profile.kind, profile.auth_header) == ("openai-chat", "authorization")


@pytest.mark.parametrize("name", ["cohere", "cloudflare", "gemini"])
def test_the_path_counts_for_a_provider_of_that_name_too(name: str) -> None:
    chat = profile_for(f"{name}-openai")
    url = chat.base_url or f"{OWN}/ai/v1"
    assert fitting_profile(name, None, url) is chat
    assert fitting_profile(name, None, url, profile_for(name).kind) is profile_for(name)
    assert fitting_profile(name, None, "https://gateway.test/v1") is profile_for(name)


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match=r"'opneai'.*known: .*openai"):
        profile_for("opneai")


def test_third_party_profile_is_found_by_name_and_host_before_the_built_in_one() -> None:
    mine = Profile(name="mine", hosts=("api.openai.com",), max_tokens_field="tokens")
    register_profile(mine)
    assert profile_for("mine") is mine
    assert profile_for(None, "https://api.openai.com/v1") is mine


def test_a_profile_refuses_a_fact_that_it_does_not_know() -> None:
    with pytest.raises(InvalidInput, match="think_tag"):
        Profile(name="x", think_tag=True)  # type: ignore[call-arg]
