"""The other commands, and what all of them share."""

import signal
import tomllib

from command_line import Runner

SECRET = "sk-very-secret-0123456789"


def test_help_and_version_answer(greenroom: Runner) -> None:
    for args in (["--help"], ["chat", "--help"], ["simulate", "--help"], ["config", "--help"]):
        done = greenroom(*args)
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("usage: greenroom")
    done = greenroom("--version")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("greenroom ")


def test_help_loads_nothing_heavy(greenroom: Runner) -> None:
    program = """
import sys
from greenroom.cli import main
try:
    main(["chat", "--help"])
except SystemExit:
    pass
heavy = {"pydantic", "asyncio", "structlog", "requests", "pykka", "uvloop"} & set(sys.modules)
assert not heavy, heavy
"""
    import subprocess
    import sys

    subprocess.run(
        [sys.executable, "-c", program],
        env=greenroom.environ,
        check=True,
        timeout=30,
        stdout=subprocess.DEVNULL,
    )


def test_no_command_shows_the_help_and_fails(greenroom: Runner) -> None:
    done = greenroom()
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("usage: greenroom")


def test_simulate_serves_what_chat_can_ask(greenroom: Runner) -> None:
    with greenroom.start("simulate", "--port", "0") as simulate:
        simulate.until("out", "READY ")
        simulate.until("out", "\n")
        url = simulate.out.split()[1]
        done = greenroom("chat", "--model", "openai/small", "Why?", OPENAI_BASE_URL=url)
        assert (done.code, done.err) == (0, "")
        assert "Why?" in done.out
        simulate.signal(signal.SIGTERM)
        assert simulate.end() == 0


def test_config_shows_each_value_with_its_source_and_no_secret(greenroom: Runner) -> None:
    (greenroom.folder / "greenroom.toml").write_text(f"""
default_model = "mine/m"
[options]
deadline_s = 30
[providers.mine]
base_url = "http://127.0.0.1:1/v1"
headers = {{ "X-Token" = "{SECRET}" }}
[providers.mine.options]
max_reconnect_attempts = 1
[providers.mine.breaker]
probes = 1
""")
    (greenroom.folder / "greenroom.toml").chmod(0o600)
    done = greenroom("config", OPENAI_API_KEY=SECRET, GREENROOM_MAX_PAUSE_S="5")
    assert (done.code, done.err) == (0, "")
    assert SECRET not in done.out
    assert (
        done.out
        == """\
# file: greenroom.toml
default_model = "mine/m"  # greenroom.toml:2

[options]
deadline_s = 30.0  # greenroom.toml:4
max_pause_s = 5.0  # environment variable GREENROOM_MAX_PAUSE_S

[providers.mine]
base_url = "http://127.0.0.1:1/v1"  # greenroom.toml:6
headers = { "X-Token" = "**********" }  # greenroom.toml:7

[providers.mine.options]
max_reconnect_attempts = 1  # greenroom.toml:9

[providers.mine.breaker]
probes = 1  # greenroom.toml:11

[providers.openai]
api_key = "**********"  # environment variable OPENAI_API_KEY
"""
    )
    assert tomllib.loads(done.out)["providers"]["mine"]["options"] == {"max_reconnect_attempts": 1}
    everything = greenroom("config", "--all").out
    assert "max_streams = 10000  # default" in everything
    assert tomllib.loads(everything)


def test_config_tells_what_is_wrong(greenroom: Runner) -> None:
    done = greenroom("config", OPENAI_BASE_URL="x")
    assert (done.code, done.out) == (2, "")
    assert "(environment variable OPENAI_BASE_URL): must be an http:// or https:// URL" in done.err
