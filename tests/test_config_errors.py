"""Every error of configuration names the key, where it stood and the remedy; and what is only warned of."""

import logging
import pickle
from pathlib import Path

import pytest

from greenroom.config import LoadedConfig, load_config, read_config
from greenroom.messages.config import ProviderConfig, SystemConfig
from greenroom.messages.failures import ConfigError

from config_files import SECRET, Write, in_an_empty_folder, writer  # noqa: F401  (fixtures)


def refused(path: str | Path | None = None, environ: dict[str, str] | None = None, **more: object) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ or {}, **more)  # type: ignore[arg-type]
    assert SECRET not in repr(caught.value)
    assert SECRET not in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (
            '[providers.a]\nbase_url = "ftp://x"',
            2,
            "providers.a.base_url = 'ftp://x' ({}): must be an http:// or",
        ),
        ('[providers.a]\nbase_url = "http://x:99999"', 2, "its port must be a number from 1 to 65535"),
        ("[options]\n\ndeadline_s = -1", 3, "options.deadline_s = -1 ({}): must be greater than 0"),
        ('[options]\ndeadline_s = "soon"', 2, "options.deadline_s = 'soon' ({}): must be a number"),
        (
            "[options]\ndeadlines = 3",
            2,
            "options.deadlines = 3 ({}): unknown field; did you mean 'deadline_s'?",
        ),
        ("max_stream = 3", 1, "max_stream = 3 ({}): unknown field; did you mean 'max_streams'?"),
        (
            '[providers.a]\nbase_ulr = "http://x"',
            2,
            "providers.a.base_ulr ({}): unknown key; did you mean 'base_url'?",
        ),
        ('[providers.a]\napi_key_evn = "X"', 2, "did you mean 'api_key_env'?"),
        (
            '[providers.a]\nbase_url="http://x"\nkind = "openai-caht"',
            3,
            "unknown kind; did you mean 'openai-chat'?",
        ),
        ('[providers.a]\nprofile = "lmstuido"', 2, "unknown profile; did you mean 'lmstudio'?"),
        ("[providers.somewhere]\nmax_connections = 3", 1, "providers.somewhere.base_url ({}): is required"),
        (
            '[providers.a]\nbase_url = "http://x"\nmax_connections = 0',
            3,
            "must be greater than or equal to 1",
        ),
        ('[providers."Bad Name"]\nbase_url = "http://x"', 1, "must be 1 to 64 of a-z, 0-9"),
        ('providers = "openai"', 1, "providers = 'openai' ({}): must be a dict"),
        ('options = "fast"', 1, "options = 'fast' ({}): must be a dict or a StreamingOptions"),
        (
            'default_model = "openai/gpt"',
            1,
            "default_model = 'openai/gpt' ({}): must name a configured provider (none); set OPENAI_API_KEY",
        ),
        ("default_model = 'gpt'", 1, "default_model = 'gpt' ({}): must be provider/model"),
        ("[options]\nbackoff_initial_s = 50", 2, "backoff_initial_s"),
        (f'[providers.a]\nbase_url = "http://u:{SECRET}@x"', 2, "must not hold a user or password"),
        (
            f'[providers.a]\napi_key = {{ value = "{SECRET}" }}',
            2,
            "providers.a.api_key ({}): must be a string",
        ),
        (f'[providers.a]\napi_key_env = "{SECRET}"', 2, "must be the name of an environment variable"),
        (
            '[providers.a]\napi_key_env = "NOT_SET"',
            2,
            "'NOT_SET' ({}): that variable is not set; run: export NOT_SET=...",
        ),
        ('[providers.a]\napi_key_env = "A"\napi_key = "b"', 2, "stands beside api_key; keep one of them"),
        (f'[providers.a]\napi_key = "{SECRET} "', 2, "must be visible ASCII without spaces"),
        ('[providers.a]\nheaders = { "X-A" = "a\\nb" }', 2, "headers"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_key_line_and_remedy(
    write: Write, text: str, line: int, message: str
) -> None:
    path = write(text)
    told = refused(path, {"A": "a"})
    assert message.format(f"{path}:{line}") in told
    assert f"({path}:{line})" in told
    assert told.startswith("configuration: ")
    assert "\n" not in told


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = \n", ":1:5): Invalid value"),
        ("\n[providers\n", ":2:11): "),
        ('a = "x', ", where the file ends"),
        ("a = 1\na = 2", "Cannot overwrite a value"),
    ],
)
def test_broken_toml_is_told_with_line_and_column(write: Write, text: str, message: str) -> None:
    told = refused(write(text))
    assert told.startswith("configuration: TOML syntax (")
    assert message in told


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        (
            {"OPENAI_BASE_URL": "localhost:8080"},
            "providers.openai.base_url = 'localhost:8080' (environment variable OPENAI_BASE_URL): must be an http://",
        ),
        (
            {"GREENROOM_DEADLINE_S": "1h"},
            "options.deadline_s = '1h' (environment variable GREENROOM_DEADLINE_S): must be",
        ),
        (
            {"STEER_STREAMING_STATE_TTL": "-1"},
            "(environment variable STEER_STREAMING_STATE_TTL): must be greater than 0",
        ),
        (
            {"GREENROOM_DEFAULT_MODEL": "x/y"},
            "(environment variable GREENROOM_DEFAULT_MODEL): must name a configured provider (none)",
        ),
        (
            {"OPENAI_API_KEY": f"{SECRET} {SECRET}"},
            "providers.openai.api_key = (hidden) (environment variable OPENAI_API_KEY)",
        ),
        ({"OLLAMA_HOST": "http://a b"}, "(environment variable OLLAMA_HOST)"),
    ],
)
def test_what_is_wrong_in_the_environment_names_the_variable(environ: dict[str, str], message: str) -> None:
    assert message in refused(environ=environ)


def test_what_is_wrong_with_code_says_so() -> None:
    assert "(code): names" not in refused(base=SystemConfig(providers={"a": ProviderConfig(kind="b")}))
    assert "providers.a.kind = 'b' (code): unknown kind" in refused(
        base=SystemConfig(providers={"a": ProviderConfig(kind="b")})
    )


def test_several_faults_are_told_at_once(write: Write) -> None:
    path = write('[options]\ndeadline_s = 0\n[providers.a]\nbase_url = "x"\nmax_connections = 0\n')
    lines = refused(path).splitlines()
    assert lines[0] == "configuration: 3 problems"
    assert {line.strip().partition(" ")[0] for line in lines[1:]} == {
        "options.deadline_s", "providers.a.base_url", "providers.a.max_connections",
    }  # fmt: skip


def test_a_wrong_table_in_the_file_is_not_hidden_by_the_environment(write: Write) -> None:
    assert "providers = 3" in refused(write("providers = 3"), {"OPENAI_API_KEY": SECRET})


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    assert refused(missing) == (
        f"configuration: file = '{missing}' (the path given): there is no such file; "
        "write it, or name another"
    )
    assert "(environment variable GREENROOM_CONFIG)" in refused(environ={"GREENROOM_CONFIG": str(missing)})


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    assert "is a directory; name the file in it" in refused(tmp_path)
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'default_model = "caf\xe9"')
    assert "is not UTF-8 (byte 20); save it as UTF-8" in refused(latin)
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * 1_100_000)
    assert "is larger than 1 MiB" in refused(large)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "bom.toml"
    path.write_bytes(b"\xef\xbb\xbfmax_streams = 3")
    assert load_config(path, {}).max_streams == 3


# ---- warnings


@pytest.mark.parametrize(("mode", "who"), [(0o644, "everyone"), (0o640, "its group")])
def test_a_readable_file_that_holds_a_key_is_warned_about(write: Write, mode: int, who: str) -> None:
    path = write(f'[providers.a]\nbase_url = "http://x"\napi_key = "{SECRET}"')
    path.chmod(mode)
    (warning,) = read_config(path, {}).warnings
    assert warning.startswith(f"{path}:3: providers.a.api_key can be read by {who}; run: chmod 600 {path}")
    path.chmod(0o600)
    assert read_config(path, {}).warnings == ()


def test_a_readable_file_without_a_secret_is_fine(write: Write) -> None:
    path = write('[providers.a]\nbase_url = "http://x"\napi_key_env = "A"')
    path.chmod(0o644)
    assert read_config(path, {"A": SECRET}).warnings == ()


def test_a_misspelt_variable_is_warned_about_and_a_foreign_one_is_not() -> None:
    environ = {"GREENROOM_DEADLNE_S": "3", "GREENROOM_PORT": "tcp://10.0.0.1:80", "GREENROOM_CACHE_DIR": "/x"}
    (warning,) = read_config(environ=environ).warnings
    assert warning.startswith("environment variable GREENROOM_DEADLNE_S is not one of greenroom's")
    assert warning.endswith("did you mean GREENROOM_DEADLINE_S?")


def diverted(url: str, file: Path, environ: dict[str, str]) -> LoadedConfig:
    file.write_text(f'[providers.openai]\nbase_url = "{url}"')
    return read_config(environ={"OPENAI_API_KEY": SECRET} | environ)


def test_a_file_in_this_folder_that_sends_a_known_key_elsewhere_is_warned_about(tmp_path: Path) -> None:
    here = Path("greenroom.toml")
    (warning,) = diverted("https://elsewhere.example.com/v1", here, {}).warnings
    assert warning.startswith(
        "greenroom.toml:2: the key in OPENAI_API_KEY goes to https://elsewhere.example.com/v1, because "
    )
    assert diverted("http://127.0.0.1:4000/v1", here, {}).warnings == ()
    assert diverted("https://eu.api.openai.com/v1", here, {}).warnings == ()
    named = tmp_path / "named.toml"
    assert (
        diverted("https://elsewhere.example.com/v1", named, {"GREENROOM_CONFIG": str(named)}).warnings == ()
    )


def test_warnings_go_to_the_logger_of_the_library(caplog: pytest.LogCaptureFixture) -> None:
    load_config(environ={"GREENROOM_DEADLNE_S": "3"})
    assert [(r.name, r.levelno) for r in caplog.records] == [("greenroom.config", logging.WARNING)]
