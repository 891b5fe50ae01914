"""`greenroom models` against real servers: as a process, and where only its words are judged, in this one."""

import json
import signal
import socket
from collections.abc import Iterator

import pytest
from command_line import Done, Here, Runner

from greenroom.providers.simulator import Simulator

from list_of_models import HeldList

KEY = "sk-test-0123456789abcdef"


def told(done: Done, code: int) -> str:
    """The one line on stderr, where nothing is on stdout."""
    assert (done.code, done.out) == (code, ""), done
    (line,) = done.err_lines
    assert "Traceback" not in line
    assert KEY not in line
    return line.removeprefix("greenroom: ")


def with_file(greenroom: Runner | Here, simulator: Simulator, more: str = "") -> None:
    file = greenroom.folder / "greenroom.toml"
    file.write_text(f"""
[providers.studio]
profile = "lmstudio"
base_url = "{simulator.base_url}"
api_key_env = "MY_KEY"
[providers.plain]
base_url = "{simulator.base_url}"
api_key_env = "MY_KEY"
{more}""")
    file.chmod(0o600)
    greenroom.environ["MY_KEY"] = KEY


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(api_key=KEY, models=["qwen3-4b", "gemma-3"]) as running:
        yield running


def test_the_models_of_all_providers(greenroom: Runner, simulator: Simulator) -> None:
    with_file(greenroom, simulator)
    done = greenroom("models")
    assert (done.code, done.err) == (0, "")
    assert (
        done.out
        == """\
MODEL            CONTEXT  STATE       KIND
studio/qwen3-4b  8192     loaded      llm
studio/gemma-3   32768    not-loaded  llm
plain/qwen3-4b   -        -           -
plain/gemma-3    -        -           -
"""
    )


def test_one_providers_models_without_empty_columns(here: Here, simulator: Simulator) -> None:
    with_file(here, simulator)
    done = here("models", "plain", "--refresh")
    assert (done.code, done.err, done.out) == (0, "", "MODEL\nplain/qwen3-4b\nplain/gemma-3\n")


ROUTES = """
[routes]
smart = ["studio/qwen3-4b", { model = "plain/gemma-3", after = ["context_length"] }]
[routes.all]
order = "weighted"
hops = [{ model = "smart", weight = 3 }, "studio/gemma-3"]
"""


def test_the_routes_stand_behind_the_models(here: Here, simulator: Simulator) -> None:
    with_file(here, simulator, ROUTES)
    done = here("models")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith(
        """
plain/gemma-3    -        -           -

ROUTE  HOPS
all    smart=3, studio/gemma-3=1
smart  studio/qwen3-4b, plain/gemma-3 (after context_length)
"""
    )
    assert "ROUTE" not in here("models", "plain").out
    line = told(here("models", "all"), 2)
    assert (
        line == "PROVIDER = 'all': is a route (smart=3, studio/gemma-3=1); name a provider, or none for all"
    )


def test_routes_are_shown_though_nobody_can_be_asked(here: Here, simulator: Simulator) -> None:
    with_file(here, simulator, ROUTES)
    simulator.stop()
    done = here("models")
    assert done.code == 1
    assert done.out.startswith("ROUTE  HOPS\n")


def test_json_has_all_that_is_known(here: Here, simulator: Simulator) -> None:
    with_file(here, simulator)
    done = here("models", "studio", "--json")
    assert (done.code, done.err) == (0, "")
    (listed,) = json.loads(done.out)
    assert (listed["provider"], listed["stale"], len(listed["models"])) == ("studio", False, 2)
    first = listed["models"][0]
    assert (first["id"], first["state"], first["quantization"]) == ("qwen3-4b", "loaded", "Q4_K_M")
    assert first["metadata"]["max_context_length"] == 32768


def test_one_that_is_down_hides_no_other(greenroom: Runner, simulator: Simulator) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with_file(
        greenroom, simulator, f'[providers.down]\nbase_url = "http://127.0.0.1:{port}/v1"\n[providers.groq]'
    )
    done = greenroom("models")
    assert (done.code, len(done.out.splitlines())) == (0, 5)
    missing, down = done.err_lines
    assert missing.startswith("greenroom: providers.groq.api_key")
    assert "set GROQ_API_KEY" in missing
    assert down == (
        f"greenroom: the models of down cannot be listed: cannot connect to 127.0.0.1:{port}: connection refused; "
        "is the server running? (base_url stands in: greenroom.toml:10)"
    )


def test_nothing_configured(here: Here) -> None:
    assert "set a key such as OPENAI_API_KEY" in told(here("models"), 2)


def test_an_unknown_provider(here: Here, simulator: Simulator) -> None:
    with_file(here, simulator)
    line = told(here("models", "plian"), 2)
    assert line == "PROVIDER = 'plian': is not configured; did you mean 'plain'? configured: plain, studio"


def test_no_key(here: Here) -> None:
    (here.folder / "greenroom.toml").write_text("[providers.groq]\n")
    assert "providers.groq.api_key (greenroom.toml:1): is missing; set GROQ_API_KEY" in told(
        here("models"), 2
    )


def test_a_wrong_key(here: Here, simulator: Simulator) -> None:
    line = told(here("models", "openai", OPENAI_BASE_URL=simulator.base_url, OPENAI_API_KEY="sk-wrong-1"), 1)
    assert line.startswith(
        "the models of openai cannot be listed: openai answered HTTP 401: Incorrect API key"
    )
    assert line.endswith("(api_key stands in: environment variable OPENAI_API_KEY)")


def test_nobody_there(here: Here) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    line = told(here("models", OPENAI_BASE_URL=f"http://127.0.0.1:{port}/v1", OPENAI_API_KEY="sk-1"), 1)
    assert "connection refused; is the server running?" in line
    assert line.endswith("(base_url stands in: environment variable OPENAI_BASE_URL)")


def test_a_web_page(here: Here) -> None:
    with HeldList([]) as server:
        server.body = b"<html><title>Router login</title></html>"
        line = told(here("models", OPENAI_BASE_URL=server.url, OPENAI_API_KEY="sk-1"), 1)
    assert "got HTML (Router login), not a list of models: is base_url right?" in line
    assert line.endswith("(base_url stands in: environment variable OPENAI_BASE_URL)")


def test_a_server_without_a_list(here: Here) -> None:
    with HeldList([]) as server:
        server.status = 404
        line = told(here("models", OPENAI_BASE_URL=server.url, OPENAI_API_KEY="sk-1"), 1)
    assert "openai has no list of models at this base_url (HTTP 404)" in line


def test_a_server_with_no_models_and_one_with_tricks(here: Here) -> None:
    with HeldList([]) as server:
        done = here("models", OPENAI_BASE_URL=server.url, OPENAI_API_KEY="sk-1")
        assert (done.code, done.out) == (0, "")
        assert done.err == "greenroom: openai says that it has no models\n"
        server.names = ["good", "bad\x1b[31m"]
        done = here("models", OPENAI_BASE_URL=server.url, OPENAI_API_KEY="sk-1")
        assert (done.out, done.err) == ("MODEL\nopenai/good\n", "")


def test_ctrl_c_ends_it_while_a_server_hangs(greenroom: Runner) -> None:
    with HeldList(["m"], held=True) as server:
        with greenroom.start("models", OPENAI_BASE_URL=server.url, OPENAI_API_KEY="sk-1") as running:
            assert server.asked.wait(30)
            running.signal(signal.SIGINT)
            assert running.end() == 130
        assert (running.out, running.err) == ("", "greenroom: cancelled\n")
