"""The simulator sees at once that a client has gone, whatever it was doing for it."""

import time

import pytest
from simulator_client import chat, dial, raw_request, read_until

from greenroom.providers.simulator import Script, Simulator, Stall

SOON_S = 1.0  # a busy machine's scheduler; the figure on a quiet one is 0.1 ms
WORDS = "a b c d"


@pytest.mark.parametrize(
    "script",
    [
        Script(text=WORDS, headers_delay_s=60),
        Script(text=WORDS, first_delta_delay_s=60),
        Script(text=WORDS, delta_interval_s=60),
        Script(text=WORDS, stall=Stall(after_deltas=1)),
        Script(text=WORDS, stall=Stall(after_deltas=1, for_s=60)),
        Script(text="a b c d e f g h" * 1_000_000),
    ],
    ids=[
        "before head",
        "before first delta",
        "between deltas",
        "stalled",
        "stalled for a time",
        "not reading",
    ],
)
@pytest.mark.parametrize("how", ["close", "reset"])
def test_leaving_is_noticed_at_once(simulator: Simulator, script: Script, how: str) -> None:
    simulator.enqueue(script)
    sock = dial(simulator)
    sock.sendall(raw_request(chat()))
    simulator.wait_for(lambda s: len(s.requests) == 1)
    if not script.headers_delay_s:
        read_until(sock, b'"role"')
    left_s = time.monotonic()
    if how == "reset":
        sock.setsockopt(1, 13, b"\x01\0\0\0\0\0\0\0")  # SO_LINGER of 0
    sock.close()
    simulator.wait_for(lambda s: s.open_connections == 0)
    (record,) = simulator.requests
    assert record.ended == "client_disconnected"
    assert record.ended_s is not None
    assert record.ended_s - left_s < SOON_S
    assert record.disconnect_noticed_after_s is not None
    assert simulator.statistics().client_disconnected == 1


def test_leaving_with_requests_in_the_pipe_forgets_them(simulator: Simulator) -> None:
    simulator.set_default(Script(text=WORDS, delta_interval_s=60))
    sock = dial(simulator)
    sock.sendall(raw_request(chat()) * 3)
    read_until(sock, b'"content":"a"')
    sock.close()
    simulator.wait_for(lambda s: s.open_connections == 0)
    assert len(simulator.requests) == 1


def test_leaving_between_requests_is_no_event(simulator: Simulator) -> None:
    with dial(simulator) as sock:
        sock.sendall(raw_request(chat()))
        read_until(sock, b"0\r\n\r\n")
    simulator.wait_for(lambda s: s.open_connections == 0)
    assert [record.ended for record in simulator.requests] == ["completed"]
