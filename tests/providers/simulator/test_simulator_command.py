"""`greenroom simulate` as a process of its own."""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from simulator_client import chat

from greenroom.config import read_config
from greenroom.providers.profiles import fitting_profile
from greenroom.providers.registry import codec_kinds
from greenroom.providers.simulator import Simulator
from greenroom.providers.simulator.command import WIRES, add_arguments, run

MAIN = (
    "import argparse, sys; from greenroom.providers.simulator.command import add_arguments, run;"
    "parser = argparse.ArgumentParser(prog='greenroom simulate'); add_arguments(parser);"
    "sys.exit(run(parser.parse_args()))"
)
ROOT = Path(__file__).parents[3]


@contextmanager
def running(*args: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-c", MAIN, "--port", "0", *args]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    ) as process:
        try:
            assert process.stdout is not None
            ready, environ, curl = (process.stdout.readline() for _ in range(3))
            assert ready.startswith("READY http://127.0.0.1:")
            base_url = ready.split()[1]
            assert f"OPENAI_BASE_URL={base_url}" in environ
            assert f"curl -N {base_url}/chat/completions" in curl
            process.stdout.readline()
            told = [process.stdout.readline().split() for _ in WIRES[1:]]
            assert all(line[:1] == ["export"] for line in told)
            yield process, base_url
        finally:
            process.kill()


def post(base_url: str, content: str, **headers: str) -> str:
    request = urllib.request.Request(  # noqa: S310
        f"{base_url}/chat/completions",
        json.dumps(chat(content)).encode(),
        {"content-type": "application/json", **headers},
    )
    with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310
        body: str = response.read().decode()
        return body


def test_every_wire_is_named_with_the_variable_that_sends_its_provider_here() -> None:
    assert {kind for kinds, _, _ in WIRES for kind in kinds.split(", ")} == set(codec_kinds())
    for kinds, path, variable in WIRES:
        found = read_config(None, {variable: f"http://127.0.0.1:9{path}"}).config.providers
        ((name, provider),) = found.items()
        profile = fitting_profile(name, None, provider.base_url)
        assert profile.kind == kinds.split(", ")[0]


def test_who_is_started_again_says_no_id_again() -> None:
    numbers: list[int] = []
    for _ in range(2):
        with running() as (_, base_url):
            answers = [post(base_url, "hi") for _ in range(3)]
        told = [re.search(r"chatcmpl-sim-(\d+)", answer) for answer in answers]
        numbers += [int(each[1]) for each in told if each is not None]
    assert len(set(numbers)) == 6
    assert numbers == sorted(numbers)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_told_to_stop(number: signal.Signals) -> None:
    with running("--pace", "5000") as (process, base_url):
        assert "greenroom" in post(base_url, "a secret plan")
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    assert re.search(
        r"#1 POST /v1/chat/completions 200 completed in 0\.\d+ s, first after .* deltas, .*, model m\n", out
    )
    assert "1 requests: 1 completed" in out.splitlines()[-1]
    assert "secret plan" not in out


def test_a_script_a_key_and_prompts_in_the_log(tmp_path: Path) -> None:
    script = tmp_path / "script.toml"
    script.write_text('[[queue]]\ntext = "scripted"\n[default]\nstall = { after_deltas = 0 }\n')
    with running("--script", str(script), "--api-key", "sk-k", "--log") as (process, base_url):
        assert "scripted" in post(base_url, "Hello\x1b[2J", authorization="Bearer sk-k")
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    assert r"prompt 'Hello\x1b[2J'" in out
    assert "sk-k" not in out


def test_the_prompt_of_the_older_endpoint_in_the_log() -> None:
    with running("--log") as (process, base_url):
        body = json.dumps({"model": "m", "prompt": "def mean"}).encode()
        asked = urllib.request.Request(f"{base_url}/completions", body)  # noqa: S310
        urllib.request.urlopen(asked, timeout=20).close()  # noqa: S310
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    assert "prompt 'def mean'" in out


def test_a_profile_and_chaos_with_reports_over_http(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text('{"text": "Hello there"}')
    chaos = ("--chaos-seed", "7", "--chaos-rate", "1", "--chaos-faults", "html")
    with running("--script", str(script), "--profile", "groq", *chaos) as (process, base_url):
        with suppress(urllib.error.HTTPError):
            assert "<html>" in post(base_url, "Hello")
        report = f"{base_url.removesuffix('/v1')}/_simulator/requests"
        with urllib.request.urlopen(report, timeout=20) as response:  # noqa: S310
            (record,) = json.load(response)["requests"]
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    assert (record["dialect"], record["chaos"].split()[0]) == ("groq", "html")
    assert ', chaos: html {"answer": {"status": ' in out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--profile", "open-ai"), "--profile = 'open-ai': unknown dialect; known: azure"),
        (("--chaos-rate", "0.5"), "--chaos-rate = 0.5: needs --chaos-seed N"),
        (("--chaos-seed", "1", "--chaos-faults", "quake"), "unknown fault 'quake'; known: rate_limit"),
    ],
)
def test_wrong_options_are_told(args: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(parsed(*args)) == 2
    assert said in capsys.readouterr().err


def test_a_port_in_use_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Simulator() as simulator:
        assert run(parsed("--port", str(simulator.port))) == 2
        wanted = (
            f"greenroom simulate: cannot listen on 127.0.0.1:{simulator.port}: another program listens there; "
            "--port 0 takes a free port\n"
        )
    assert capsys.readouterr().err == wanted


def test_a_bad_script_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s.json"
    assert run(parsed("--script", str(path))) == 2
    path.write_text('{"txt": "x"}')
    assert run(parsed("--script", str(path))) == 2
    missing, wrong = capsys.readouterr().err.splitlines()
    assert "No such file" in missing
    assert "did you mean 'text'" in wrong


@pytest.mark.parametrize(
    "args", [("--port", "70000"), ("--port", "x"), ("--pace", "0"), ("--pace", "nan"), ("--chaos-rate", "2")]
)
def test_bad_arguments(args: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(*args)
    assert repr(args[1]) in capsys.readouterr().err


def parsed(*args: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(args)
