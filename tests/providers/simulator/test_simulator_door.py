"""A server that goes away and comes back, as clients meet it."""

import http.client
import socket
import threading
from collections.abc import Callable
from typing import Literal

import pytest
from simulator_client import ask, chat, dial, raw_request, read_all, read_until, send

from greenroom.messages.invalid import InvalidInput
from greenroom.providers.simulator import Cut, Outage, Script, Simulator, SimulatorRules


def answers(simulator: Simulator) -> bool:
    try:
        return ask(simulator, chat()).status == 200
    except OSError:
        return False


def test_a_crash_resets_every_connection_and_closes_the_port(simulator: Simulator) -> None:
    simulator.enqueue(Script(text="a b", delta_interval_s=60))
    with dial(simulator) as idle, dial(simulator) as busy:
        busy.sendall(raw_request(chat()))
        read_until(busy, b'"content":"a"')
        simulator.wait_for(lambda s: s.open_connections == 2)
        simulator.crash()
        for sock in (idle, busy):
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
        with pytest.raises(ConnectionRefusedError):
            dial(simulator)
    assert simulator.requests[0].ended == "crashed"
    assert (simulator.open_connections, simulator.statistics().crashed) == (0, 1)
    port = simulator.port
    simulator.restart()
    assert simulator.port == port
    assert ask(simulator, chat()).text == "Hello there, dear client"


def test_a_crash_for_a_time(simulator: Simulator) -> None:
    simulator.crash(for_s=0.1)
    assert not answers(simulator)
    simulator.wait_for(answers)


def first_byte(simulator: Simulator) -> bytes | None:
    """b"" after a FIN, None after a reset."""
    try:
        with dial(simulator) as sock:
            return sock.recv(1)
    except ConnectionResetError:
        return None


@pytest.mark.parametrize(("how", "seen"), [("close", b""), ("reset", None)])
def test_connections_are_taken_and_ended_at_once(
    simulator: Simulator, how: Literal["close", "reset"], seen: bytes | None
) -> None:
    simulator.refuse(how)
    assert first_byte(simulator) == seen
    assert simulator.statistics().connections_refused == 1
    simulator.restart()
    assert answers(simulator)


def test_a_connection_that_was_open_before_lives_on_while_others_are_refused(simulator: Simulator) -> None:
    with dial(simulator) as sock:
        simulator.wait_for(lambda s: s.open_connections == 1)
        simulator.refuse("close")
        sock.sendall(raw_request(chat(), "connection: close"))
        assert read_all(sock).startswith(b"HTTP/1.1 200 ")


def test_a_full_queue_lets_nobody_connect(simulator: Simulator) -> None:
    simulator.refuse("backlog")
    with pytest.raises(TimeoutError):
        socket.create_connection((simulator.host, simulator.port), timeout=0.3)
    simulator.restart()
    assert answers(simulator)


def test_the_server_crashes_in_the_middle_of_an_answer(simulator: Simulator) -> None:
    cut = Cut(after_deltas=1, how="crash_server", down_s=0.1)
    simulator.enqueue(Script(text="a b c", cut=cut))
    with dial(simulator) as other, dial(simulator) as sock:
        sock.sendall(raw_request(chat()))
        got = read_all(sock)
        assert b'"content":"a"' in got
        assert b'"content":" b"' not in got
        with pytest.raises(ConnectionResetError):
            other.recv(1)
    assert simulator.requests[0].ended == "crashed"
    simulator.wait_for(answers)


def test_an_outage_after_so_many_requests() -> None:
    rules = SimulatorRules(default=Script(text="ok"), outages=[{"after_requests": 3, "for_s": 0.1}])
    with Simulator(rules) as simulator:
        assert [ask(simulator, chat()).text for _ in range(3)] == ["ok"] * 3
        simulator.wait_for(lambda s: not answers(s))
        simulator.wait_for(answers)
        assert simulator.statistics().completed == 4


def test_an_idle_keep_alive_connection_dies_in_an_outage() -> None:
    rules = SimulatorRules(default=Script(text="ok"), outages=(Outage(after_requests=1, for_s=0.05),))
    with Simulator(rules) as simulator:
        link = http.client.HTTPConnection(simulator.host, simulator.port, timeout=10)
        assert send(link, chat()).text == "ok"
        simulator.wait_for(lambda s: s.open_connections == 0)
        assert link.sock is not None
        with pytest.raises(ConnectionResetError):
            link.sock.recv(1)
        link.close()


def test_stopping_while_away_leaves_nothing() -> None:
    with Simulator(Script(text="ok")) as simulator:
        simulator.refuse("backlog", for_s=60)
    with Simulator(Script(text="ok"), port=simulator.port) as again:
        again.crash(for_s=60)
    with pytest.raises(RuntimeError, match="not running"):
        again.crash()


def test_the_port_may_be_gone_on_return(simulator: Simulator) -> None:
    simulator.crash()
    with Simulator(port=simulator.port), pytest.raises(OSError, match="in use"):
        simulator.restart()
    simulator.restart()
    assert answers(simulator)


def test_the_simulators_own_thread_may_not_wait_for_itself() -> None:
    said: list[str] = []

    def crash(_record: object) -> None:
        try:
            simulator.crash()
        except RuntimeError as error:
            said.append(str(error))

    simulator = Simulator(Script(text="ok"))
    simulator.on_request_finished(crash)
    with simulator:
        ask(simulator, chat())
    assert said == ["not on the simulator's own thread: it would wait for itself"]


def test_outages_that_cannot_be() -> None:
    with pytest.raises(InvalidInput, match="after_requests"):
        Outage(after_requests=0)
    with pytest.raises(InvalidInput, match="needs how='crash_server'"):
        Cut(after_deltas=1, down_s=2)


def test_changes_at_the_same_time_leave_it_in_the_last_one(simulator: Simulator) -> None:
    def many(how: Callable[[], None]) -> None:
        for _ in range(20):
            how()

    changes: list[Callable[[], None]] = [
        simulator.restart,
        simulator.crash,
        lambda: simulator.crash(for_s=0.001),
        lambda: simulator.refuse("backlog", for_s=0.001),
        lambda: simulator.refuse("close"),
    ]
    threads = [threading.Thread(target=many, args=(change,)) for change in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    simulator.refuse("close")
    assert first_byte(simulator) == b""
    simulator.restart()
    assert answers(simulator)
