"""The pytest plugin in a pytest run of its own, as a user has it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PLUGIN = "greenroom.providers.simulator.pytest_plugin"

USERS_TEST = """
import http.client, json, threading

def ask(simulator):
    connection = http.client.HTTPConnection(simulator.host, simulator.port)
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    connection.request("POST", "/v1/chat/completions", json.dumps(body))
    answer = json.loads(connection.getresponse().read())["choices"][0]["message"]["content"]
    connection.close()
    return answer

def test_one(greenroom_simulator):
    from greenroom.providers.simulator import Script
    greenroom_simulator.enqueue(Script(text="Hello"))
    assert ask(greenroom_simulator) == "Hello"
    assert len(greenroom_simulator.requests) == 1

def test_it_is_fresh(greenroom_simulator):
    assert greenroom_simulator.requests == ()

def test_several(greenroom_simulator_factory):
    from greenroom.providers.simulator import Script
    one, two = (greenroom_simulator_factory(Script(text=t), models=["m"]) for t in ("one", "two"))
    assert (ask(one), ask(two)) == ("one", "two")

def test_all_are_stopped():
    assert threading.active_count() == 1
"""


def run(code: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [sys.executable, *code],
        capture_output=True,
        text=True,
        env=environment,
        cwd=cwd,
        timeout=50,
        check=False,
    )


def test_fixtures(tmp_path: Path) -> None:
    (tmp_path / "test_users.py").write_text(USERS_TEST)
    done = run(["-m", "pytest", "-q", "-W", "error", "-p", PLUGIN, "-p", "no:cacheprovider", "."], tmp_path)
    assert "4 passed" in done.stdout, done.stdout + done.stderr


def test_loading_the_plugin_loads_nothing_heavy(tmp_path: Path) -> None:
    ours = "m.startswith('greenroom.messages')"
    heavy = ("pydantic", "asyncio", "httptools", "uvloop", "pykka", "requests", "structlog")
    code = f"import sys, pytest; before = set(sys.modules); import {PLUGIN}; new = set(sys.modules) - before"
    check = f"print(sorted(m for m in new if m.partition('.')[0] in {heavy} or {ours}))"
    done = run(["-c", f"{code}; {check}"], tmp_path)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_the_packages_names_are_all_there() -> None:
    from greenroom.providers import simulator

    assert simulator.__all__ == sorted(simulator.__all__)
    for name in simulator.__all__:
        assert getattr(simulator, name).__name__ == name
    assert not hasattr(simulator, "nothing")
