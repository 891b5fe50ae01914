"""Configuration: which source wins, field by field, and which provider takes which key."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from greenroom.config import configuring_variables, load_config, missing_key, read_config
from greenroom.config.toml_lines import lines_of_keys
from greenroom.messages.config import ProviderConfig, SystemConfig
from greenroom.messages.options import LOW_LATENCY, StreamingOptions

from config_files import SECRET, Write, in_an_empty_folder, writer  # noqa: F401  (fixtures)


def key_of(config: SystemConfig, provider: str) -> str | None:
    key = config.providers[provider].api_key
    assert key is None or isinstance(key, SecretStr)
    return key.get_secret_value() if key else None


# ---- which source


def test_nothing_said_is_the_default_configuration() -> None:
    loaded = read_config(environ={})
    assert loaded.config == SystemConfig()
    assert (loaded.file, loaded.warnings) == (None, ())


def test_a_file_configures_everything(write: Write) -> None:
    config = load_config(
        write("""
        default_model = "local/qwen3-4b"
        max_streams = 50
        [options]
        deadline_s = 30
        on_cut = "reset"
        [providers.local]
        profile = "lmstudio"
        base_url = "http://127.0.0.1:1234/v1/"
        headers = { "X-Team" = "search" }
        [providers.local.options]
        connect_timeout_s = 1.5
        [providers."my.gateway"]
        base_url = "https://llm.example.com/v1"
        api_key = ["one", "two"]
        """),
        environ={},
    )
    local = config.providers["local"]
    assert (config.default_model, config.max_streams) == ("local/qwen3-4b", 50)
    assert (config.options.deadline_s, config.options.on_cut) == (30.0, "reset")
    assert (local.base_url, local.profile) == ("http://127.0.0.1:1234/v1", "lmstudio")
    assert local.headers["X-Team"].get_secret_value() == "search"
    assert local.options == StreamingOptions(connect_timeout_s=1.5)
    assert config.providers["my.gateway"].api_key == (SecretStr("one"), SecretStr("two"))


def test_a_key_in_the_environment_configures_its_provider() -> None:
    config = load_config(environ={"OPENAI_API_KEY": SECRET, "XAI_API_KEY": "x", "GROQ_API_KEY": "g\n"})
    assert sorted(config.providers) == ["groq", "openai", "xai"]
    assert key_of(config, "openai") == SECRET
    assert key_of(config, "groq") == "g"


def test_a_base_url_alone_configures_a_server_without_keys() -> None:
    config = load_config(environ={"OPENAI_BASE_URL": "http://127.0.0.1:18080/v1"})
    assert config.providers == {"openai": ProviderConfig(base_url="http://127.0.0.1:18080/v1")}


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("127.0.0.1:11500", "http://127.0.0.1:11500/v1"),
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),  # noqa: S104
        ("gpu-box", "http://gpu-box:11434/v1"),
        ("https://gpu-box:8443", "https://gpu-box:8443/v1"),
        ("http://[::1]:11434", "http://[::1]:11434/v1"),
        (":11500", "http://127.0.0.1:11500/v1"),
    ],
)
def test_ollama_s_own_variable_may_be_an_address(value: str, url: str) -> None:
    assert load_config(environ={"OLLAMA_HOST": value}).providers["ollama"].base_url == url


def test_azure_needs_its_endpoint_and_gets_its_path() -> None:
    key = {"AZURE_OPENAI_API_KEY": SECRET}
    assert load_config(environ=key).providers == {}
    whole = load_config(environ=key | {"AZURE_OPENAI_ENDPOINT": "https://acme.openai.azure.com/"})
    assert whole.providers["azure"].base_url == "https://acme.openai.azure.com/openai/v1"


def test_one_variable_never_configures_two_providers() -> None:
    assert list(load_config(environ={"DEEPSEEK_API_KEY": "k"}).providers) == ["deepseek"]


def test_a_shared_variable_configures_the_one_that_has_an_address() -> None:
    environ = {"OLLAMA_API_KEY": SECRET, "OLLAMA_NATIVE_BASE_URL": "http://gpu-box:11434"}
    config = load_config(environ=environ)
    assert config.providers.keys() == {"ollama-native"}
    assert key_of(config, "ollama-native") == SECRET


@pytest.mark.parametrize(
    ("kind", "variable"),
    [
        ("anthropic", "ANTHROPIC_API_KEY"),
        ("openai-responses", "OPENAI_API_KEY"),
        ("cohere-chat", "CO_API_KEY"),
        ("gemini-interactions", "GOOGLE_API_KEY"),
    ],
)
def test_a_kind_alone_finds_its_providers_place_and_key(write: Write, kind: str, variable: str) -> None:
    file = write(f"[providers.mine]\nkind = '{kind}'")
    loaded = read_config(file, {variable: SECRET})
    assert key_of(loaded.config, "mine") == SECRET
    bare = read_config(file, {})
    problem = missing_key("mine", bare.config.providers["mine"], bare.stood)
    assert problem is not None
    assert problem.path == "providers.mine.api_key"


def test_the_variables_that_configure_a_provider_are_those_that_do() -> None:
    assert configuring_variables("anthropic") == ("ANTHROPIC_API_KEY",)
    assert configuring_variables("cloudflare") == ("CLOUDFLARE_AI_BASE_URL", "CLOUDFLARE_API_TOKEN")
    assert configuring_variables("azure") == ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY")
    assert configuring_variables("openai-responses") == ()  # the key configures `openai`
    assert configuring_variables("nobody") == ()


def test_an_empty_variable_is_not_set() -> None:
    assert load_config(environ={"OPENAI_API_KEY": "", "GREENROOM_DEADLINE_S": ""}) == SystemConfig()


def test_either_of_googles_variables_configures_gemini() -> None:
    loaded = read_config(environ={"GOOGLE_API_KEY": SECRET})
    assert loaded.config.providers.keys() == {"gemini"}
    assert SECRET not in repr(loaded)


@pytest.mark.parametrize(
    ("variable", "value", "read"),
    [
        ("GREENROOM_DEADLINE_S", "12.5", lambda c: c.options.deadline_s == 12.5),
        ("GREENROOM_MAX_RECONNECT_ATTEMPTS", "0", lambda c: c.options.max_reconnect_attempts == 0),
        ("GREENROOM_RETRY_ON_CONNECTION_ERROR", "false", lambda c: not c.options.retry_on_connection_error),
        ("GREENROOM_MAX_STREAMS", "7", lambda c: c.max_streams == 7),
        ("GREENROOM_STREAM_STATE_TTL_S", "60", lambda c: c.options.state_ttl_s == 60),
        ("STEER_STREAMING_STATE_TTL", "61", lambda c: c.options.state_ttl_s == 61),
    ],
)
def test_every_scalar_has_a_variable(variable: str, value: str, read: Callable[[SystemConfig], bool]) -> None:
    assert read(load_config(environ={variable: value}))


def test_the_newer_name_of_the_state_ttl_wins() -> None:
    environ = {"GREENROOM_STREAM_STATE_TTL_S": "60", "STEER_STREAMING_STATE_TTL": "61"}
    assert load_config(environ=environ).options.state_ttl_s == 60


def test_code_wins_over_the_environment_and_that_over_the_file_field_by_field(write: Write) -> None:
    path = write("""
    default_model = "openai/from-file"
    max_streams = 5
    [options]
    deadline_s = 1
    connect_timeout_s = 1
    max_pause_s = 1
    [providers.openai]
    base_url = "http://file.example.com/v1"
    api_key = "file"
    max_connections = 7
    """)
    environ = {
        "OPENAI_API_KEY": "environment", "OPENAI_BASE_URL": "http://from-env.example.com/v1",
        "GREENROOM_DEADLINE_S": "2", "GREENROOM_CONNECT_TIMEOUT_S": "2",
        "GREENROOM_DEFAULT_MODEL": "openai/from-env",
    }  # fmt: skip
    code = SystemConfig(
        options=StreamingOptions(deadline_s=3), providers={"openai": ProviderConfig(api_key="code")}
    )
    loaded = read_config(path, environ, code)
    config, openai = loaded.config, loaded.config.providers["openai"]
    assert (key_of(config, "openai"), openai.base_url) == ("code", "http://from-env.example.com/v1")
    assert (openai.max_connections, config.max_streams) == (7, 5)
    assert (config.options.deadline_s, config.options.connect_timeout_s, config.options.max_pause_s) == (
        3,
        2,
        1,
    )
    assert config.default_model == "openai/from-env"
    assert loaded.stood_at("options.deadline_s") == "code"
    assert loaded.stood_at("options.connect_timeout_s") == "environment variable GREENROOM_CONNECT_TIMEOUT_S"
    assert loaded.stood_at("options.max_pause_s") == f"{path}:7"
    assert loaded.stood_at("providers.openai.max_connections") == f"{path}:11"
    assert loaded.stood_at("drain_s") == ""


def test_code_alone_comes_back_unchanged() -> None:
    def current_key() -> str:
        return SECRET

    code = SystemConfig(
        default_model="a/b", options=LOW_LATENCY,
        providers={"a": ProviderConfig(base_url="http://x/v1", api_key=current_key, options=LOW_LATENCY)},
    )  # fmt: skip
    assert load_config(environ={}, base=code) == code


def test_the_files_are_looked_for_in_order(tmp_path: Path) -> None:
    home, xdg, here = tmp_path / "home", tmp_path / "xdg", Path("greenroom.toml")
    environ = {"HOME": str(home)}
    places = [
        home / ".config/greenroom/config.toml",
        xdg / "greenroom/config.toml",
        here,
        tmp_path / "named.toml",
    ]
    for number, place in enumerate(places, start=1):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"max_streams = {number}")
        if place == places[1]:
            environ["XDG_CONFIG_HOME"] = str(xdg)
        if place == places[3]:
            environ["GREENROOM_CONFIG"] = str(place)
        assert load_config(environ=environ).max_streams == number
    assert load_config(places[0], environ).max_streams == 1


def test_importing_and_the_signature_read_no_environment() -> None:
    program = """
import greenroom.config, os
os.environ["GREENROOM_MAX_STREAMS"] = "9"
print(greenroom.config.load_config().max_streams)
"""
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout == "9\n"


# ---- keys


def test_a_named_variable_holds_the_key_and_the_usual_one_does_not_replace_it(write: Write) -> None:
    path = write('[providers.openai]\napi_key_env = "MY_KEY"\n')
    loaded = read_config(path, {"MY_KEY": "mine", "OPENAI_API_KEY": "usual"})
    assert key_of(loaded.config, "openai") == "mine"
    assert loaded.stood_at("providers.openai.api_key") == f"environment variable MY_KEY, named in {path}:2"


def test_a_provider_of_another_name_takes_its_profile_s_usual_key_at_its_own_address(write: Write) -> None:
    path = write("""
    [providers.fast]
    base_url = "https://api.groq.com/openai/v1"
    [providers.work]
    profile = "openai"
    [providers.elsewhere]
    profile = "openai"
    base_url = "https://llm.example.com/v1"
    """)
    config = load_config(path, {"GROQ_API_KEY": "g", "OPENAI_API_KEY": "o"})
    assert [key_of(config, name) for name in ("fast", "work", "elsewhere")] == ["g", "o", None]


def test_a_key_that_code_sets_to_none_stays_none() -> None:
    code = SystemConfig(providers={"openai": ProviderConfig(api_key=None)})
    assert key_of(load_config(environ={"OPENAI_API_KEY": "o"}, base=code), "openai") is None


def test_a_missing_key_is_known_before_anything_is_sent(write: Write) -> None:
    path = write("""
    [providers.groq]
    [providers.local]
    base_url = "http://127.0.0.1:1/v1"
    """)
    loaded = read_config(path, {})
    providers = loaded.config.providers
    assert str(missing_key("groq", providers["groq"], loaded.stood)) == (
        f"providers.groq.api_key ({path}:2): is missing; set GROQ_API_KEY, or name a variable of yours with "
        "api_key_env"
    )
    assert missing_key("local", providers["local"], loaded.stood) is None


# ---- lines


def test_lines_of_keys_in_every_form_of_toml() -> None:
    text = '''
a = 1
"b c" = 2
d.e = 3

[t]
f = """
g = 9
"""
h = """one"""
i = { j = 1 }
[t."u.v".w]   # comment
'x' = [
  "y = 2",
]
[[z]]
k = 1
[[z]]
k = 2
'''
    assert lines_of_keys(text) == {
        "a": 2, "b c": 3, "d": 4, "d.e": 4, "t": 6, "t.f": 7, "t.h": 10, "t.i": 11, "t.u.v.w": 12,
        "t.u.v.w.x": 13, "z": 16, "z.0": 16, "z.0.k": 17, "z.1": 18, "z.1.k": 19,
    }  # fmt: skip
