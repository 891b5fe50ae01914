"""What real kernels do to a stream: resets, black holes, silence, slowness. In namespaces of the test's own."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from network_rig import Cable

TEXT = " ".join(f"word{number}" for number in range(24))
PACED: dict[str, Any] = {"text": TEXT, "delta_interval_s": 0.05, "dialect": "vllm"}
SHORT: dict[str, Any] = {
    "connect_timeout_s": 1.0, "content_gap_timeout_s": 1.0, "local_first_content_timeout_s": 1.5,
    "backoff_initial_s": 0.05, "backoff_max_s": 0.2, "deadline_s": 30.0, "max_reconnect_attempts": 10,
}  # fmt: skip
PATIENT = SHORT | {"content_gap_timeout_s": 20.0, "local_first_content_timeout_s": 20.0}


@pytest.fixture
def cable() -> Iterator[Cable]:
    with Cable() as cable:
        yield cable


def exact(end: dict[str, Any]) -> None:
    assert (end["outcome"], end["text"]) == ("completed", TEXT), end


def test_a_reset_is_gone_on_behind(cable: Cable, tmp_path: Path) -> None:
    with cable.server(PACED, tmp_path), cable.client("vllm", **SHORT) as client:
        client.told()
        client.told()
        cable.reset()
        end = client.told()
    exact(end)
    assert (end["modes"], end["failures"]) == (["fresh", "prefix"], ["transient", None])


def test_a_black_hole_is_noticed_and_gone_round(cable: Cable, tmp_path: Path) -> None:
    with cable.server(PACED, tmp_path), cable.client("vllm", **SHORT) as client:
        client.told()
        client.told()
        cable.swallow()
        # Silence, then a connection that hangs.
        client.wait_for_retries(2)
        cable.heal()
        end = client.told()
    exact(end)
    assert end["failures"][:2] == ["timeout", "timeout"]
    assert len(end["failures"]) >= 3
    assert set(end["failures"][1:-1]) <= {"timeout", "transient"}


def test_a_connection_that_hangs_is_given_up_in_time(cable: Cable, tmp_path: Path) -> None:
    with cable.server(PACED, tmp_path):
        cable.swallow()
        with cable.client("vllm", **SHORT | {"max_reconnect_attempts": 1}) as client:
            client.told()
            end = client.told()
    assert (end["outcome"], end["text"], len(end["modes"])) == ("failed", "", 2)
    assert (end["error_class"], "within 1 s" in end["error"]) == ("timeout", True)
    assert 2.0 <= end["took_s"] < 12.0


def test_a_slow_line_is_no_fault(cable: Cable, tmp_path: Path) -> None:
    with cable.server(PACED, tmp_path):
        cable.slow(kbit_s=24)
        with cable.client("vllm", **PATIENT) as client:
            client.told()
            client.told()
            end = client.told()
    exact(end)
    assert end["modes"] == ["fresh"]
    assert end["took_s"] > 1.5, "the line was not slow"


def test_a_cable_that_was_out_for_a_moment_is_no_fault(cable: Cable, tmp_path: Path) -> None:
    with cable.server(PACED, tmp_path), cable.client("vllm", **PATIENT) as client:
        client.told()
        client.told()
        cable.pull()
        time.sleep(0.7)
        cable.plug()
        end = client.told()
    exact(end)
    assert end["modes"] == ["fresh"]


def test_a_server_that_freezes_is_left_and_found_again(cable: Cable, tmp_path: Path) -> None:
    with cable.server(PACED, tmp_path) as server, cable.client("vllm", **SHORT) as client:
        client.told()
        client.told()
        server.send_signal(signal.SIGSTOP)
        # Its kernel still takes connections: the second attempt waits for content that does not come.
        client.wait_for_retries(2)
        server.send_signal(signal.SIGCONT)
        end = client.told()
    exact(end)
    assert end["failures"][:2] == ["timeout", "timeout"]
    assert end["modes"][1:] == ["prefix"] * (len(end["modes"]) - 1)
