"""An outside judge of clients, with `greenroom chat` before it: llmock breaks its answers, and tells how it went.

Its server is no dependency: it is looked for in a venv of its own, and installed there once, or the test is
skipped. Not all that it flags is gated: a broken event is a warning whatever the client does.
"""

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from socket import create_connection, create_server
from typing import Any

import command_line
import pytest
from command_line import Done, Runner

from benchmarks.venvs import Venvs

PINNED = {"llmock": ("llmock==0.2.2",)}
WITHIN_S = 60.0
MODELS = {"openai": "openai/gpt-4o", "anthropic": "anthropic/claude-sonnet-4-6"}
"""Of the second: Claudes before 4.6 go on from a prefix, which is not the whole request again; see the module."""
WELL, TYPED = "well", "typed"


def broken(kind: str, after: int = 3, **more: Any) -> dict[str, Any]:
    return {"type": "stream_fault", "kind": kind, "after_chunks": after, **more}


def failing(status: int, times: int | None = 1, **more: Any) -> dict[str, Any]:
    return {"type": "fail", "status": status, "times": times, **more}


SCENARIOS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "told to wait": (WELL, [failing(429, 2, retry_after=0.6)]),
    "overloaded": (WELL, [failing(529), failing(503)]),
    "server error": (WELL, [failing(500), failing(502)]),
    "bad request": (TYPED, [failing(400)]),
    "wrong key": (TYPED, [failing(401)]),
    "forbidden": (TYPED, [failing(403)]),
    "no such model": (TYPED, [failing(404)]),
    "cannot be processed": (TYPED, [failing(422)]),
    "down": (TYPED, [failing(503, 100)]),
    "dropped": (WELL, [broken("disconnect")]),
    "dropped at once": (WELL, [broken("disconnect", 0)]),
    "truncated": (WELL, [broken("truncate")]),
    "truncated, then limited": (WELL, [broken("truncate", 5), failing(429, retry_after=0.3)]),
    "truncated before its first word": (WELL, [broken("truncate", 0)]),
    "malformed": (WELL, [broken("malformed")]),
    "stalled": (WELL, [broken("stall", stall_seconds=30.0)]),
    "slow": (WELL, [{"type": "slow_first_token", "seconds": 0.5}, {"type": "delay", "seconds": 0.3}]),
}


FEW = {"told to wait", "overloaded", "bad request", "dropped", "truncated, then limited", "malformed"}
if not os.environ.get("GREENROOM_TEST_THOROUGH"):
    SCENARIOS = {name: scenario for name, scenario in SCENARIOS.items() if name in FEW}


class Judge:
    """The running server."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310  (loopback)
            f"{self.url}/_llmock/{path}", data, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=WITHIN_S) as answer:  # noqa: S310
            return json.load(answer)


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    if os.environ.get("GREENROOM_TEST_OFFLINE"):
        pytest.skip("GREENROOM_TEST_OFFLINE is set: llmock is not installed")
    venvs = Venvs(PINNED)
    python = venvs.python("llmock")
    if python is None:
        pytest.skip(f"llmock cannot be installed: {venvs.problem('llmock')}")
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder: Path = tmp_path_factory.mktemp("llmock")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [python.with_name("llmock"), "serve", "--port", str(port)], cwd=folder, stdout=log, stderr=log
        )
    try:
        _wait_for(port, process)
        yield Judge(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(WITHIN_S)


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    give_up_at_s = time.monotonic() + WITHIN_S
    while process.poll() is None and time.monotonic() < give_up_at_s:
        try:
            create_connection(("127.0.0.1", port), timeout=1.0).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"llmock does not listen (exit status {process.poll()})")


@pytest.mark.timeout(400)
@pytest.mark.parametrize("flags", [(), ("--json-events",)], ids=["text", "events"])
@pytest.mark.parametrize("provider", list(MODELS))
def test_the_judge_finds_nothing_to_fail(
    greenroom: Runner, judge: Judge, provider: str, flags: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_line, "WITHIN_S", 3 * WITHIN_S)
    greenroom.environ |= {
        "OPENAI_BASE_URL": f"{judge.url}/v1", "OPENAI_API_KEY": "key",
        "ANTHROPIC_BASE_URL": f"{judge.url}/anthropic", "ANTHROPIC_API_KEY": "key",
        "GREENROOM_BACKOFF_INITIAL_S": "0.2", "GREENROOM_CONTENT_GAP_TIMEOUT_S": "3",
        "GREENROOM_FIRST_CONTENT_TIMEOUT_S": "5",
    }  # fmt: skip
    judge.ask("reset", {})

    def play(name: str) -> Done:
        # A prompt of its own: the judge tells calls apart by their bodies, and faults by models alone.
        model = f"{MODELS[provider]}-{list(SCENARIOS).index(name)}"
        match = {"match": {"model": model.partition("/")[2]}}
        judge.ask("scenario", {"behaviors": [behavior | match for behavior in SCENARIOS[name][1]]})
        return greenroom("chat", *flags, "-m", model, f"Say {name}")

    with ThreadPoolExecutor(3) as pool:
        done = dict(zip(SCENARIOS, pool.map(play, SCENARIOS), strict=True))
    verdict = judge.ask("verdict")
    told = {name: (each.code, each.out, each.err) for name, each in done.items()}
    print(json.dumps(verdict, indent=1))
    assert [each for each in verdict["findings"] if each["severity"] == "error"] == [], told
    for name, (expected, _) in SCENARIOS.items():
        assert (done[name].code == 0) == (expected == WELL), (name, told[name])
        if flags:
            end = json.loads(done[name].out.splitlines()[-1])
            assert end["outcome"] == ("completed" if expected == WELL else "failed"), (name, told[name])
    assert verdict["faults_injected"] >= len(SCENARIOS) - 1
