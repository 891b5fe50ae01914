"""The real llama.cpp with the real model: started, asked, stopped, killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from greenroom.messages.invalid import InvalidInput
from greenroom.providers.local_model import LocalModelServer, LocalModelUnavailable

from real_llama import model_cache

WAIT_S = 45
ROOT = Path(__file__).parents[3]

PARENT = """
import json, signal, sys
from pathlib import Path
from greenroom.providers.local_model import LocalModelServer
server = LocalModelServer.start(Path(sys.argv[1]), cache_dir=Path(sys.argv[2]))
try:
    print(json.dumps({"pid": server.pid, "port": int(server.address.rpartition(":")[2])}), flush=True)
    sys.stdin.read()
except KeyboardInterrupt:
    print(json.dumps({"alive": server.alive, "slots": len(server.slots())}), flush=True)
    server.stop()
    print(json.dumps({"alive": server.alive}), flush=True)
"""


def start(path: Path, **options: float) -> LocalModelServer:
    """A server of the test's own: small, and its log beside the session's."""
    return LocalModelServer.start(path, slots=1, context_tokens=512, cache_dir=model_cache(), **options)  # type: ignore[arg-type]


def start_parent(path: Path) -> tuple[subprocess.Popen[str], int, socket.socket]:
    """A process that owns a server; the server's pid; a connection to it, which ends when the server does."""
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(path), str(model_cache())],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    told = json.loads(line_of(process))
    return process, told["pid"], socket.create_connection(("127.0.0.1", told["port"]), WAIT_S)


def line_of(process: subprocess.Popen[str]) -> str:
    """The next line that the process prints."""
    assert process.stdout is not None
    return process.stdout.readline()


def has_ended(connection: socket.socket, pid: int) -> bool:
    """The server's end of the connection is gone, and so is the process (or it waits for init to reap it)."""
    try:
        if connection.recv(1):
            return False
    except ConnectionResetError:
        pass
    return wait_until(lambda: state_of(pid) in {"", "Z"})


def state_of(pid: int) -> str:
    """The first letter of the process's state, "" when there is none."""
    return ps("-o", "stat=", "-p", str(pid))[:1]


def ps(*options: str) -> str:
    """What ps prints."""
    return subprocess.run(["/bin/ps", *options], capture_output=True, text=True, check=False).stdout


def wait_until(holds: Callable[[], bool]) -> bool:
    """True as soon as it holds, False when it does not within the limit."""
    deadline_s, never = time.monotonic() + WAIT_S, threading.Event()
    while not holds():
        if time.monotonic() > deadline_s:
            return False
        never.wait(0.01)
    return True


def ask(server: LocalModelServer, **body: object) -> requests.Response:
    """One chat request."""
    return requests.post(
        f"{server.base_url}/chat/completions",
        json={"model": server.model, "messages": [{"role": "user", "content": "Count to 500."}], **body},
        headers={"Authorization": f"Bearer {server.api_key.get_secret_value()}"},
        stream=bool(body.get("stream")),
        timeout=WAIT_S,
    )


def test_it_answers_with_text_of_a_model(llama_server: LocalModelServer) -> None:
    answer = ask(llama_server, max_tokens=16).json()

    assert answer["model"] == "smollm2-135m"
    assert answer["choices"][0]["message"]["content"].strip()
    assert answer["usage"]["completion_tokens"] > 0


def test_it_streams_and_the_slot_is_free_again_when_we_hang_up(llama_server: LocalModelServer) -> None:
    with ask(llama_server, stream=True, max_tokens=1500, ignore_eos=True) as answer:
        lines = answer.iter_lines()  # kept: requests hangs up when the iterator is dropped
        assert next(lines).startswith(b"data: {")
        assert any(slot.is_processing for slot in llama_server.slots())

    assert wait_until(lambda: not any(slot.is_processing for slot in llama_server.slots()))


def test_nobody_is_answered_without_the_key(llama_server: LocalModelServer) -> None:
    answer = requests.get(f"{llama_server.address}/slots", timeout=WAIT_S)

    assert answer.status_code == 401


def test_the_key_is_in_no_command_line_environment_or_repr(llama_server: LocalModelServer) -> None:
    key = llama_server.api_key.get_secret_value()
    processes = ps("-axww", "-o", "args")
    environment = Path(f"/proc/{llama_server.pid}/environ")

    assert "serve.py" in processes
    assert key not in processes
    assert key not in repr(llama_server)
    assert key not in repr(vars(llama_server))
    if environment.exists():
        assert key.encode() not in environment.read_bytes()


def test_the_context_is_shared_out_over_the_slots(llama_server: LocalModelServer) -> None:
    assert [slot.context_tokens for slot in llama_server.slots()] == [2048] * 4


def test_stop_leaves_no_process_descriptor_or_thread(real_model: Path) -> None:
    descriptors, threads = len(os.listdir("/dev/fd")), threading.active_count()
    with start(real_model) as server:
        server.slots()
    server.stop()

    assert not server.alive
    with pytest.raises(ProcessLookupError):  # reaped, so no zombie either
        os.kill(server.pid, 0)
    assert len(os.listdir("/dev/fd")) == descriptors
    assert threading.active_count() == threads


def test_a_child_that_was_killed_is_not_alive_and_can_be_stopped(real_model: Path) -> None:
    with start(real_model) as server:
        os.kill(server.pid, signal.SIGKILL)

        assert wait_until(lambda: not server.alive)


def test_sigterm_ends_the_child(real_model: Path) -> None:
    with start(real_model) as server:
        os.kill(server.pid, signal.SIGTERM)

        assert wait_until(lambda: not server.alive)


def test_a_child_that_hangs_is_killed(real_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("greenroom.providers.local_model.child._STOP_GRACE_S", 0.1)
    with start(real_model) as server:
        os.kill(server.pid, signal.SIGSTOP)  # neither end of file nor SIGTERM moves it now

    assert not server.alive


def test_a_forked_process_does_not_stop_its_parents_server(
    real_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start(real_model) as server:
        with monkeypatch.context() as forked:
            forked.setattr(os, "getpid", lambda: -1)
            server.stop()

        assert server.alive


def test_kill_9_of_the_parent_ends_the_child(real_model: Path) -> None:
    process, pid, connection = start_parent(real_model)
    with process, connection:
        process.kill()

        assert has_ended(connection, pid)


def test_the_end_of_the_parent_ends_the_child_without_stop(real_model: Path) -> None:
    process, pid, connection = start_parent(real_model)
    with process, connection:
        process.communicate(timeout=WAIT_S)

        assert process.returncode == 0
        assert has_ended(connection, pid)


def test_ctrl_c_leaves_the_order_of_stopping_to_the_parent(real_model: Path) -> None:
    process, pid, connection = start_parent(real_model)
    with process, connection:
        os.killpg(process.pid, signal.SIGINT)  # what a terminal does

        assert json.loads(line_of(process)) == {"alive": True, "slots": 4}
        assert json.loads(line_of(process)) == {"alive": False}
        assert has_ended(connection, pid)


def test_a_proxy_from_the_environment_is_not_asked_for_loopback(
    real_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with start(real_model) as server:
        assert len(server.slots()) == 1


def test_a_broken_model_file_fails_with_llama_cpps_last_words(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp", reason="llama.cpp is not installed")
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + b"\0" * 1000)
    with pytest.raises(LocalModelUnavailable) as caught:
        LocalModelServer.start(tmp_path / "broken.gguf", cache_dir=tmp_path)

    assert caught.value.kind == "start_failed"
    assert "ended with exit code 1" in caught.value.reason
    assert "failed to load model" in caught.value.reason


def test_a_start_that_takes_too_long_fails_and_leaves_no_child(real_model: Path, tmp_path: Path) -> None:
    with pytest.raises(LocalModelUnavailable) as caught:
        LocalModelServer.start(real_model, startup_timeout_s=0.01, cache_dir=tmp_path)

    assert "did not load its model in time" in caught.value.reason
    mine = ps("-axo", "ppid=,stat=")
    assert not [line for line in mine.splitlines() if line.split()[0] == str(os.getpid()) and "Z" in line]


@pytest.mark.parametrize("wrong", [{"slots": 0}, {"context_tokens": -1}, {"startup_timeout_s": float("nan")}])
def test_wrong_numbers_are_refused_by_name(tmp_path: Path, wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(wrong))):
        LocalModelServer.start(tmp_path, **wrong)  # type: ignore[arg-type]
