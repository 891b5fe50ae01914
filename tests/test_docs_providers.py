"""What docs/providers.md says of servers, held against the profiles; its snippets, read and run."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from greenroom import ActorSystem, ChatRequest
from greenroom.config import read_config
from greenroom.messages.config import SystemConfig
from greenroom.messages.contracts import Target
from greenroom.messages.options import StreamingOptions
from greenroom.providers.profile import Profile
from greenroom.providers.profiles import fitting_profile, profile_for, profile_names
from greenroom.providers.registry import codec_for

PAGE = (Path(__file__).parents[1] / "docs" / "providers.md").read_text()
TOML = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
CODE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
Row = list[str]


def table(heading: str) -> Iterator[tuple[Profile, Row]]:
    """The rows under this heading: the profile that the first cell names, and the other cells."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    for line in section.splitlines():
        if line.startswith("| `"):
            name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            yield profile_for(name.strip("`")), cells


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]*)`", cell)


def config_of(toml: str, folder: Path) -> SystemConfig:
    file = folder / "greenroom.toml"
    file.write_text(toml)
    file.chmod(0o600)
    environ = {name: f"key-of-{name}" for name in re.findall(r'api_key_env = "(\w+)"', toml)}
    loaded = read_config(file, environ)
    assert loaded.warnings == ()
    return loaded.config


pytestmark = pytest.mark.usefixtures("profiles_as_before")


def names_in_the_tables() -> set[str]:
    """Google's wires have pages of their own: docs/wires/gemini.md tells of their profiles."""
    return {name for name in profile_names() if not profile_for(name).kind.startswith("gemini")}


def test_every_profile_is_told() -> None:
    hosted, own = (
        {p.name for p, _ in table(f"Servers {where}")} for where in ("on the internet", "of your own")
    )
    assert hosted | own == names_in_the_tables() - {"generic"}
    assert own == {name for name in profile_names() if profile_for(name).local}


def test_hosted_servers_have_that_address_key_and_endpoint() -> None:
    for profile, (url, key, completions) in table("Servers on the internet"):
        assert quoted(url) == ([profile.base_url] if profile.base_url else [])
        assert (completions == "yes") is profile.completions
        if key.startswith("name it"):
            assert not read_config(None, {profile.key_env[0]: "k"}).config.providers.keys() & {profile.name}
            continue
        assert quoted(key) == [profile.key_env[0]]
        if profile.base_url:
            found = read_config(None, {profile.key_env[0]: "k"}).config.providers
            assert fitting_profile(profile.name, None, found[profile.name].base_url) is profile


def test_own_servers_have_that_address_and_variable() -> None:
    for profile, (url, variables) in table("Servers of your own"):
        assert quoted(url) == [profile.base_url]
        assert quoted(variables) == list(profile.base_url_env)
        elsewhere = "http://gpu-box:5555/v1"
        assert fitting_profile(profile.name, None, elsewhere) is profile
        found = read_config(None, {quoted(variables)[0]: elsewhere}).config.providers
        assert found[profile.name].base_url == elsewhere


def test_azures_endpoint_variable_is_enough() -> None:
    environ = {"AZURE_OPENAI_ENDPOINT": "https://name.openai.azure.com", "AZURE_OPENAI_API_KEY": "k"}
    (provider,) = read_config(None, environ).config.providers.values()
    assert provider.base_url == "https://name.openai.azure.com/openai/v1"


def test_dialects_are_those_of_the_profiles() -> None:
    told = {}
    for profile, (longest, refused, changed) in table("What a profile changes"):
        told[profile.name] = profile
        assert quoted(longest) == [profile.max_tokens_field]
        assert quoted(refused) == sorted(profile.unsupported)
        renamed = [name for pair in profile.renames.items() for name in pair]
        assert quoted(changed) == renamed + ([] if profile.json_object else ["json_object"])
    assert told.keys() == names_in_the_tables() - {"generic", "deepseek-beta", "gemini-openai"}
    assert [name for name, profile in told.items() if not profile.stream_options] == ["mistral"]
    with_tags = re.search(r"`<think>` tags at the start of an answer for (.*?)\.\n", PAGE, re.DOTALL)
    assert with_tags
    assert quoted(with_tags[1]) == [name for name, profile in told.items() if profile.think_tags]
    ids = {name: profile.request_id_header for name, profile in told.items()}
    assert ids.pop("openai-responses") == ids["openai"]
    assert (ids.pop("openai"), ids.pop("azure")) == ("x-client-request-id", "x-ms-client-request-id")
    assert set(ids.values()) == {"x-request-id"}
    assert profile_for("azure").auth_header == "api-key"
    options = StreamingOptions()
    assert (options.local_first_content_timeout_s, options.first_content_timeout_s) == (300, 120)


@pytest.mark.parametrize("toml", TOML)
def test_configuration_is_taken_and_a_system_starts_with_it(toml: str, tmp_path: Path) -> None:
    config = config_of(toml, tmp_path)
    with ActorSystem.start(config) as system:
        assert {endpoint.provider for endpoint in system.statistics().endpoints} == config.providers.keys()


def test_completions_go_to_the_addresses_that_are_told(tmp_path: Path) -> None:
    (toml,) = (block for block in TOML if "openai-completions" in block)
    providers = config_of(toml, tmp_path).providers
    paths = {}
    for name in re.findall(r"\[providers\.(.*?)\]", toml):
        provider = providers[name]
        assert provider.kind == "openai-completions"
        profile = fitting_profile(name, provider.profile, provider.base_url)
        url = provider.base_url or profile.base_url or ""
        paths[name] = (profile.name, f"{urlsplit(url).hostname}{urlsplit(url).path}/completions")
    assert paths == {
        "code": ("vllm", "127.0.0.1/v1/completions"),
        "codestral": ("mistral", "api.mistral.ai/v1/fim/completions"),
        "deepseek-fim": ("deepseek-beta", "api.deepseek.com/beta/completions"),
    }


def test_code_runs_and_the_completions_request_can_be_sent(tmp_path: Path) -> None:
    names: dict[str, object] = {}
    for code in CODE:
        exec(compile(code, "providers.md", "exec"), names)  # noqa: S102
    assert profile_for("our-vllm").think_tags is False

    request = names["request"]
    assert isinstance(request, ChatRequest)
    target = Target("code", "openai-completions", "m", "vllm", "http://127.0.0.1:8000/v1")
    check: Callable[..., None] = codec_for(target.kind).check
    check(request, target, StreamingOptions())


def test_every_file_that_it_links_to_is_there() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", PAGE):
        assert (Path(__file__).parents[1] / "docs" / target).exists(), target
