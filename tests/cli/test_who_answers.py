"""Which model answers when none, or an embedded one, is named; and what is said about it."""

import importlib.util
import os
from pathlib import Path

import pytest
from command_line import Runner

from greenroom.providers.local_model import find_model
from greenroom.providers.simulator import Script, Simulator

KEY = "sk-test-0123456789abcdef"


@pytest.fixture
def without_llama(greenroom: Runner) -> Runner:
    """The command on a machine where llama.cpp is not installed."""
    stub = greenroom.folder / "stub"
    stub.mkdir()
    (stub / "sitecustomize.py").write_text('import sys\nsys.modules["xllamacpp"] = None\n')
    greenroom.environ["PYTHONPATH"] += f"{os.pathsep}{stub}"
    return greenroom


@pytest.fixture
def with_llama(greenroom: Runner) -> Runner:
    """The command with the real local model of this machine's user."""
    model = find_model()
    if importlib.util.find_spec("xllamacpp") is None or model is None:
        pytest.skip("xllamacpp or its model is not here; `greenroom chat hello` fetches the model")
    greenroom.environ["GREENROOM_CACHE_DIR"] = str(model.parents[1])
    return greenroom


def test_the_simulator_answers_where_no_model_can_and_says_so(without_llama: Runner) -> None:
    done = without_llama("chat", "Why?")
    assert done.code == 0
    assert 'You said: "Why?". No model is running here' in done.out
    (line,) = done.err_lines
    assert line.startswith("greenroom: Answering with the simulator: made-up text, no model. ")
    assert "llama.cpp is not installed" in line
    assert "Choose another: greenroom chat --model openai/MODEL" in line


def test_the_local_model_answers_and_says_so(with_llama: Runner) -> None:
    done = with_llama("chat", "--max-tokens", "8", "Say hello.")
    assert done.code == 0, done
    assert done.out.strip()
    (line,) = done.err_lines
    assert line.startswith(
        "greenroom: Answering with SmolLM2-135M (llama.cpp, on this machine: small and often wrong)"
    )


def test_the_local_model_is_named_as_any_other(with_llama: Runner) -> None:
    done = with_llama("chat", "--model", "local", "--max-tokens", "4", "Say hello.")
    assert (done.code, done.err) == (0, "")
    assert done.out.strip()


def test_the_local_model_that_was_named_and_cannot_answer_is_an_error(without_llama: Runner) -> None:
    done = without_llama("chat", "--model", "local", "x")
    assert (done.code, done.out) == (1, "")
    (line,) = done.err_lines
    assert line.startswith("greenroom: llama.cpp is not installed (the package xllamacpp). To change it: ")


def test_the_simulator_is_named_as_any_other(greenroom: Runner) -> None:
    done = greenroom("chat", "--model", "simulator", "Why?")
    assert (done.code, done.err) == (0, "")
    assert "[greenroom simulator]" in done.out


def test_a_proxy_of_the_environment_is_not_asked_for_loopback(greenroom: Runner) -> None:
    proxies = {
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
    }
    assert greenroom("chat", "--model", "simulator", "Why?", **proxies).code == 0


def test_a_configured_provider_without_a_model_is_pointed_at(without_llama: Runner) -> None:
    done = without_llama("chat", "x", OPENAI_API_KEY=KEY)
    assert done.code == 0
    assert done.err_lines[:1] == [
        "greenroom: no model is named; to ask openai: greenroom chat --model openai/MODEL",
    ]
    assert KEY not in done.err


def write(folder: Path, simulator: Simulator, more: str = "") -> None:
    (folder / "greenroom.toml").write_text(
        f'{more}\n[providers.mine]\nbase_url = "{simulator.base_url}"\ndefault_model = "small"\n'
        f'api_key_env = "MY_KEY"\n'
    )


def test_the_only_provider_s_default_model_answers(greenroom: Runner, simulator: Simulator) -> None:
    write(greenroom.folder, simulator)
    simulator.enqueue(Script(text="hi"), Script(text="hi"))
    assert greenroom("chat", "x", MY_KEY=KEY).out == "hi\n"
    assert greenroom("chat", "--model", "mine", "x", MY_KEY=KEY).out == "hi\n"
    assert [record.model for record in simulator.requests] == ["small", "small"]


def test_a_model_alone_is_the_only_provider_s(greenroom: Runner, simulator: Simulator) -> None:
    write(greenroom.folder, simulator)
    assert greenroom("chat", "--model", "large", "x", MY_KEY=KEY).code == 0
    assert simulator.requests[0].model == "large"


def test_the_default_model_answers_and_another_provider_s_fault_is_no_concern(
    greenroom: Runner, simulator: Simulator
) -> None:
    write(greenroom.folder, simulator, 'default_model = "mine/other"\n[providers.groq]')
    simulator.enqueue(Script(text="hi"))
    done = greenroom("chat", "x", MY_KEY=KEY)
    assert (done.code, done.out, done.err) == (0, "hi\n", "")
    assert simulator.requests[0].model == "other"


def test_warnings_about_the_file_are_shown(greenroom: Runner, simulator: Simulator) -> None:
    write(greenroom.folder, simulator)
    file = greenroom.folder / "greenroom.toml"
    file.write_text(file.read_text().replace('api_key_env = "MY_KEY"', f'api_key = "{KEY}"'))
    file.chmod(0o644)
    done = greenroom("chat", "x")
    assert done.code == 0
    assert done.err_lines[0].startswith(
        "greenroom: warning: greenroom.toml:5: providers.mine.api_key can be read by everyone; run: chmod 600"
    )
    assert KEY not in done.err
