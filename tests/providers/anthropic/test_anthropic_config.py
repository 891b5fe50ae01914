"""From the environment and from files to this wire, its path and its key."""

from pathlib import Path

import pytest

from greenroom.config import read_config
from greenroom.messages.config import ProviderConfig
from greenroom.providers.anthropic.request import operation_path
from greenroom.providers.profiles import fitting_profile


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, "https://api.anthropic.com/v1"),
        ({"ANTHROPIC_BASE_URL": "https://api.anthropic.com"}, "https://api.anthropic.com"),
        ({"ANTHROPIC_BASE_URL": "https://llm.test/anthropic/"}, "https://llm.test/anthropic"),
        ({"ANTHROPIC_BASE_URL": "http://127.0.0.1:8080"}, "http://127.0.0.1:8080"),
    ],
)
def test_variables_of_the_sdk_configure_the_provider(environ: dict[str, str], url: str) -> None:
    (provider,) = read_config(None, {"ANTHROPIC_API_KEY": "k", **environ}).config.providers.values()
    profile = fitting_profile("anthropic", None, provider.base_url, provider.kind)
    assert (profile.name, profile.kind, profile.auth_header) == ("anthropic", "anthropic", "x-api-key")
    base_url = provider.base_url or profile.base_url or ""
    assert base_url == url
    assert operation_path(base_url, "messages").endswith("/v1/messages")


def test_a_gateway_with_this_wire_takes_the_key_where_this_wire_has_it(tmp_path: Path) -> None:
    file = tmp_path / "greenroom.toml"
    file.write_text('[providers.claude]\nkind = "anthropic"\nbase_url = "https://llm.test"\n')
    (provider,) = read_config(file, {}).config.providers.values()
    assert fitting_profile("claude", None, provider.base_url, provider.kind).auth_header == "x-api-key"


@pytest.mark.parametrize(
    ("kind", "profile"),
    [("anthropic", "anthropic"), ("anthropic-text", "anthropic-text"), ("openai-chat", "generic")],
)
def test_the_wire_that_is_asked_for_wins(kind: str, profile: str) -> None:
    provider = ProviderConfig(kind=kind, base_url="https://llm.test/v1")
    assert fitting_profile("mine", None, provider.base_url, provider.kind).name == profile
    assert fitting_profile("anthropic", None, "https://llm.test/v1", kind).name == profile
