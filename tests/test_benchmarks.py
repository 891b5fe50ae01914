"""The stream benchmarks count what they say they count. No test here looks at a speed."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from socket import create_server, socket

import pytest

from benchmarks.gates import GATES, OURS, judge
from benchmarks.load import Load
from benchmarks.meter import Meter
from benchmarks.results import Figure, Results
from benchmarks.scenarios import SCENARIOS, Size, behind, for_peer
from benchmarks.streams import CaseError, run_case
from benchmarks.table import figure_lines, gate_lines
from benchmarks.work import WARM_EVENTS, Work, words

ROOT = Path(__file__).parents[1]
PEERS = ("epoll", "httptools", "greenroom")
MEASURED = ("flat-out", "200x50", "memory", "latency", "cancel")
linux = pytest.mark.skipif(sys.platform != "linux", reason="the load servers and a peer need epoll")


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.streams", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=55, check=False,
    )  # fmt: skip


@linux
def test_the_command_measures_and_prints_a_row_for_every_scenario() -> None:
    small = ("--quick", "--streams", "0.02", "--seconds", "0.2", "--own-server", "--markdown")
    done = command(*small, "--only", ",".join(MEASURED), "--peers", ",".join(PEERS))
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")]
    by_name = {row[0].removeprefix("| "): row for row in rows}
    assert rows[0][2:] == [*PEERS[:-1], "greenroom |"]
    for scenario in SCENARIOS:
        if scenario.name in MEASURED:
            (first, *_) = [row for name, row in by_name.items() if name.startswith(scenario.what)]
            cells = dict(zip(PEERS, first[2:], strict=True))
            assert all(cells[peer].strip(" |") for peer in PEERS if peer in scenario.peers), first
    assert "FAILED" not in done.stdout


@linux
def test_over_tls_the_same_deltas_arrive() -> None:
    work = next(scenario for scenario in SCENARIOS if scenario.name == "tls").work(
        Size(seconds=0.1, streams=0.01)
    )
    with Load() as load:
        server, ca_file = load.tls()
        for peer in ("httptools", "greenroom"):
            asked = Work(
                "stream", peer, server.host, work.streams, work.events, work.interval_us, ca_file=ca_file
            )
            assert run_case(Path(sys.executable), asked)["deltas"] == work.streams * work.events


def chunked(event: str) -> bytes:
    return f"{len(event):x}\r\n{event}\r\n".encode()


@pytest.fixture
def lossy() -> Iterator[str]:
    """A server that loses the last delta of every answer but the warm-up's."""

    def answer(opened: socket) -> None:
        with opened:
            asked = opened.recv(65536)
            events = WARM_EVENTS if b"/s/20/" in asked else 2
            opened.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            for word in words(events):
                event = {"choices": [{"delta": {"content": word}}]}
                opened.sendall(chunked(f"data: {json.dumps(event)}\n\n"))
            opened.sendall(chunked("data: [DONE]\n\n") + b"0\r\n\r\n")

    def serve() -> None:
        for _ in range(2):
            answer(listener.accept()[0])

    with create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)


@linux
def test_a_case_that_lost_a_delta_has_no_figures(lossy: str) -> None:
    with pytest.raises(CaseError, match="bench-0: 2 of 3 deltas"):
        run_case(Path(sys.executable), Work("stream", "epoll", lossy, events=3))


def test_a_name_that_is_not_known_is_answered_with_those_that_are() -> None:
    done = command("--only", "2000x20")
    assert done.returncode == 1
    assert "no such scenario: '2000x20'; there are flat-out, " in done.stderr


def test_the_steady_window_is_from_the_last_first_delta_to_the_first_end() -> None:
    meter = Meter(2)
    early, late = meter.reader("u"), meter.reader("u")
    early.append(" word0")
    early.append(" word1")
    late.append(" word0")
    early.append(" word2 word3")  # merged by the client: two deltas of the wire
    late.append(" word1")
    early.ended()
    late.append(" word2")
    late.append(" word3")
    late.ended()
    figures = meter.finish(words(4))
    assert figures["wrong"] is None
    assert (figures["deltas"], figures["items"], figures["steady_deltas"]) == (8, 7, 3)


def test_a_text_out_of_order_is_wrong() -> None:
    meter = Meter(1)
    reader = meter.reader("u")
    reader.append(" word1")
    reader.append(" word0")
    reader.ended()
    assert "another text" in meter.finish(words(2))["wrong"]


def test_a_case_behind_its_pace_says_so() -> None:
    work = Work("stream", "epoll", events=10, interval_us=100_000, ramp_s=1.0)
    assert behind(work, 2.1) == ""
    assert behind(work, 4.0) == "behind 2.0 x"


def results(**rows: dict[str, list[float]]) -> Results:
    told = Results()
    for row, peers in rows.items():
        for peer, values in peers.items():
            for repeat, value in enumerate(values):
                told.add(peer, repeat, [Figure(row.replace("_", " "), "ms", value)])
    return told


def test_a_ratio_is_taken_within_a_repeat_and_against_the_one_figure_of_a_slow_peer() -> None:
    told = results(row={OURS: [10.0, 20.0, 30.0], "epoll": [5.0, 5.0, 10.0], "openai": [200.0]})
    assert told.ratios("row", OURS, "epoll") == [2.0, 4.0, 3.0]
    assert told.ratios("row", "openai", OURS) == [20.0, 10.0, 200 / 30]
    assert told.ratios("row", OURS, "litellm") == []


def test_a_gate_is_judged_by_its_median_and_left_out_without_figures() -> None:
    (verdict,) = judge(results(**{"import": {OURS: [90.0, 110.0, 400.0]}}))
    assert (verdict.value, verdict.low, verdict.high, verdict.met) == (110.0, 90.0, 400.0, True)
    (verdict,) = judge(results(**{"import": {OURS: [151.0]}}))
    assert not verdict.met
    assert gate_lines([verdict], markdown=True)[-1] == (
        "| import greenroom | 151 ms | 151-151 | ≤ 150 | 100 | MISS |"
    )


def test_a_gate_without_a_steady_window_is_missed() -> None:
    (verdict,) = judge(results(**{"1,000 streams x 20/s, whole work": {OURS: [50.0]}}))
    assert not verdict.met
    assert "| no steady window |" in gate_lines([verdict], markdown=True)[-1]


def test_every_gate_reads_a_row_that_a_scenario_writes() -> None:
    """A renamed row would switch its gate off without a word."""
    case = {
        "wall_s": 1.0, "cpu_s": 1.0, "deltas": 10, "steady_deltas": 10, "steady_cpu_s": 0.5, "one_us": 1.0,
        "thousand_us": 1.0, "kib": 1.0, "p50_ms": 1.0, "p99_ms": 1.0,
    }  # fmt: skip
    told = Results()
    for scenario in SCENARIOS:
        for peer in scenario.peers:
            figures = {"import_ms": 1.0} if scenario.server == "none" else case
            told.add(peer, 0, scenario.figures(scenario.what, for_peer(scenario, peer, Size()), figures))
    assert [verdict.gate for verdict in judge(told)] == GATES


def test_the_table_shows_median_spread_and_note() -> None:
    told = results(some_row={"epoll": [1.0, 2.0, 30.0], OURS: [1234.5]})
    told.notes["some row", OURS] = "behind 1.6 x"
    assert figure_lines(told, markdown=False) == [
        "          unit  epoll             greenroom",
        "some row  ms    2.00 (1.00-30.0)  1,234 behind 1.6 x",
    ]


@linux
def test_durabilities_are_measured() -> None:
    small = ("--streams", "4", "--seconds", "0.2", "--warm", "0.1", "--repeat", "1")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.durability", *small],
        cwd=ROOT, capture_output=True, text=True, timeout=55, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = [line.split()[0] for line in done.stdout.splitlines()[2:]]
    assert told == ["memory", "interval", "before_deliver", "checkpoint"]
