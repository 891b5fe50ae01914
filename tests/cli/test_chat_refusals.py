"""What `greenroom chat` says when it cannot: one line (what, where, what to do) and an exit code not 0."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from command_line import Done, Runner

from greenroom.providers.simulator import HttpAnswer, Script, Simulator

SECRET = "sk-very-secret-0123456789"


def told(done: Done, code: int) -> str:
    """The one line on stderr."""
    assert (done.code, done.out) == (code, ""), done
    (line,) = done.err_lines
    assert line.startswith("greenroom: ")
    assert "Traceback" not in line
    assert SECRET not in line
    return line.removeprefix("greenroom: ")


@contextmanager
def server_that_says(answer: bytes) -> Iterator[int]:
    """A port where every connection gets these bytes, after its request."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


# ---- bad input: exit code 2, nothing was sent


def test_an_unknown_provider_lists_the_configured_and_the_variable_that_would_do(chat: Runner) -> None:
    assert told(chat("chat", "--model", "groq/llama", "x"), 2) == (
        "--model = 'groq/llama': no provider 'groq' is configured; set GROQ_API_KEY, or write "
        "[providers.groq] in greenroom.toml; configured: openai; did you mean openai/groq/llama?"
    )


def test_what_is_said_to_set_would_configure_it(greenroom: Runner) -> None:
    line = told(greenroom("chat", "--model", "cloudflare/m", "x"), 2)
    assert "set CLOUDFLARE_AI_BASE_URL and CLOUDFLARE_API_TOKEN, or write [providers.cloudflare]" in line
    line = told(greenroom("chat", "--model", "openai-responses/m", "x"), 2)
    assert "is configured; write [providers.openai-responses] in greenroom.toml; configured: none" in line
    line = told(greenroom("chat", "--model", "antropic/m", "x"), 2)
    assert "in greenroom.toml; did you mean 'anthropic'; configured: none" in line


def test_an_address_without_its_path_is_told(greenroom: Runner) -> None:
    with Simulator() as simulator:
        line = told(greenroom("chat", "--model", "openai/m", "x", OPENAI_BASE_URL=simulator.url), 1)
    assert "(base_url stands in: environment variable OPENAI_BASE_URL; it has no path, and most" in line


def test_a_model_without_provider_needs_one_where_there_are_several(greenroom: Runner) -> None:
    keys = {"OPENAI_API_KEY": SECRET, "GROQ_API_KEY": SECRET}
    line = told(greenroom("chat", "--model", "gpt", "x", **keys), 2)
    assert (
        line == "--model = 'gpt': must be PROVIDER/MODEL, such as openai/gpt-5-mini; configured: groq, openai"
    )
    line = told(greenroom("chat", "--model", "groq", "x", **keys), 2)
    assert line == "--model = 'groq': names no model, and groq has no default_model; write groq/MODEL"


def test_a_missing_key_is_told_before_anything_is_sent(greenroom: Runner) -> None:
    (greenroom.folder / "greenroom.toml").write_text("[providers.groq]\n[providers.xai]\n")
    assert told(greenroom("chat", "--model", "groq/llama", "x"), 2) == (
        "configuration: providers.groq.api_key (greenroom.toml:1): is missing; set GROQ_API_KEY, "
        "or name a variable of yours with api_key_env"
    )


def test_a_broken_configuration_names_file_and_line(greenroom: Runner) -> None:
    file = greenroom.folder / "greenroom.toml"
    file.write_text('[providers.openai]\nbase_url = "openai.com"\n')
    assert told(greenroom("chat", "x"), 2) == (
        "configuration: providers.openai.base_url = 'openai.com' (greenroom.toml:2): must be an http:// or "
        "https:// URL with a host, such as https://api.openai.com/v1"
    )
    file.write_text("[providers.openai\n")
    assert told(greenroom("chat", "x"), 2).startswith("configuration: TOML syntax (greenroom.toml:1:18): ")
    assert "there is no such file" in told(greenroom("chat", "--config", "no.toml", "x"), 2)


def test_two_faults_are_two_lines(greenroom: Runner) -> None:
    done = greenroom("chat", "x", GREENROOM_DEADLINE_S="-1", GREENROOM_MAX_STREAMS="many")
    assert done.code == 2
    assert done.err_lines[0] == "greenroom: configuration: 2 problems"
    assert len(done.err_lines) == 3


@pytest.mark.parametrize(
    ("args", "stdin", "line"),
    [
        (
            ["--temperature", "9", "x"],
            None,
            "--temperature = 9.0: must be less than or equal to 2",
        ),
        (["--max-tokens", "0", "x"], None, "--max-tokens = 0: must be greater than or equal to 1"),
        (["--timeout", "-1", "x"], None, "--timeout = -1.0: must be greater than 0"),
        (["  "], None, "prompt: is empty; there is nothing to answer"),
        ([], b"", "prompt on stdin: is empty; there is nothing to answer"),
        (["-"], b"caf\xe9", "prompt on stdin: is not UTF-8 (byte 3)"),
    ],
)
def test_bad_input_is_refused(
    chat: Runner, simulator: Simulator, args: list[str], stdin: bytes, line: str
) -> None:
    assert line in told(chat("chat", *args, stdin=stdin), 2)
    assert simulator.requests == ()


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["chat", "--temperature", "hot", "x"], "argument --temperature: invalid float value: 'hot'"),
        (["chat", "--modle", "a/b", "x"], "unrecognized arguments: --modle"),
        (["caht", "x"], "invalid choice: 'caht'"),
    ],
)
def test_bad_arguments_are_one_line(greenroom: Runner, args: list[str], line: str) -> None:
    done = greenroom(*args)
    assert done.code == 2
    assert line in done.err
    assert len(done.err_lines) == 1


# ---- the world's faults: exit code 1


def test_no_server_there(greenroom: Runner) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    line = told(
        greenroom(
            "chat", "--model", "openai/m", "x", OPENAI_BASE_URL=f"http://127.0.0.1:{port}/v1",
            GREENROOM_BACKOFF_INITIAL_S="0.01",
        ), 1,
    )  # fmt: skip
    assert line.startswith(f"cannot connect to 127.0.0.1:{port}: connection refused; is the server running?")
    assert "given up after 3 retries" in line
    assert "provider=openai" in line


def test_an_unknown_host(greenroom: Runner) -> None:
    url = "http://no-such-host.invalid/v1"
    line = told(
        greenroom("chat", "-m", "openai/m", "x", OPENAI_BASE_URL=url, GREENROOM_MAX_RECONNECT_ATTEMPTS="0"), 1
    )
    assert "cannot find the host 'no-such-host.invalid'" in line


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n", "does not speak HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x16", "speaks TLS, not plain HTTP: try https://"),
    ],
)
def test_a_port_that_does_not_speak_http(greenroom: Runner, answer: bytes, line: str) -> None:
    with server_that_says(answer) as port:
        done = greenroom(
            "chat", "-m", "openai/m", "x", OPENAI_BASE_URL=f"http://127.0.0.1:{port}/v1",
            GREENROOM_BACKOFF_INITIAL_S="0.01",
        )  # fmt: skip
    assert line in told(done, 1)


def test_a_wrong_key(chat: Runner, simulator: Simulator) -> None:
    line = told(chat("chat", "x", OPENAI_API_KEY=SECRET), 1)
    assert "openai answered HTTP 401" in line
    assert "check the api_key of provider 'openai'" in line
    assert "environment variable OPENAI_API_KEY" in line
    assert len(simulator.requests) == 1


def test_a_web_page_instead_of_a_stream(chat: Runner, simulator: Simulator) -> None:
    page = "<!doctype html><html><title>Welcome to nginx!</title></html>"
    simulator.set_default(
        Script(answer=HttpAnswer(status=200, headers={"content-type": "text/html"}, body=page))
    )
    assert "HTML" in told(chat("chat", "x"), 1)


def test_a_wrong_path(chat: Runner, simulator: Simulator) -> None:
    line = told(chat("chat", "x", OPENAI_BASE_URL=f"{simulator.url}/nowhere"), 1)
    assert "404" in line
    assert "base_url" in line


def test_a_model_that_the_server_does_not_have(greenroom: Runner) -> None:
    with Simulator(models=["small"]) as simulator:
        line = told(greenroom("chat", "-m", "openai/large", "x", OPENAI_BASE_URL=simulator.base_url), 1)
    assert "check the model's name, 'large'" in line


def test_a_key_that_the_server_echoes_is_hidden(chat: Runner, simulator: Simulator) -> None:
    simulator.enqueue(Script.failing(400, f"Incorrect API key provided: {SECRET}"))
    assert "(hidden)" in told(chat("chat", "x"), 1)


def test_what_a_server_says_is_one_line_that_no_terminal_obeys(chat: Runner, simulator: Simulator) -> None:
    simulator.enqueue(Script.failing(400, "first\nsecond \x1b[2J\x1b]0;owned\x07 third"))
    line = told(chat("chat", "x"), 1)
    assert "first second" in line
    assert "\x1b" not in line


def test_a_traceback_comes_only_where_it_was_asked_for(chat: Runner, simulator: Simulator) -> None:
    simulator.enqueue(Script.failing(400, "no"))
    done = chat("chat", "x", GREENROOM_DEBUG="1")
    assert done.code == 1
    assert "Traceback (most recent call last)" in done.err
    assert done.err_lines[-1].startswith("greenroom: openai answered HTTP 400: no")
