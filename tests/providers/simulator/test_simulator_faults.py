"""Every fault on a real socket, as a client meets it, and as the simulator records it."""

import http.client
import time

import pytest
from simulator_client import ask, chat, dial, raw_request, read_all, read_until

from greenroom.providers.simulator import Cut, HttpAnswer, Script, Simulator, Stall, StreamError

WORDS = "a b c d e f"


def ended(simulator: Simulator) -> str | None:
    """At once: a client that has its answer finds the record closed."""
    return simulator.requests[-1].ended


def test_a_status_error_with_headers_and_the_usual_body(simulator: Simulator) -> None:
    simulator.enqueue(Script.failing(429, retry_after_s=2, headers={"x-should-retry": "false"}))
    answer = ask(simulator, chat())
    assert (answer.status, answer.headers["retry-after"], answer.headers["x-should-retry"]) == (
        429,
        "2",
        "false",
    )
    assert answer.json["error"]["code"] == "rate_limit_exceeded"
    assert (simulator.requests[0].status, ended(simulator)) == (429, "completed")


@pytest.mark.parametrize("status", [400, 403, 404, 408, 418, 500, 502, 503, 529, 599])
def test_any_status(simulator: Simulator, status: int) -> None:
    simulator.enqueue(Script.failing(status))
    answer = ask(simulator, chat())
    assert answer.status == status
    assert answer.json["error"].keys() == {"message", "type", "param", "code"}


def test_html_and_json_where_a_stream_was_asked_for(simulator: Simulator) -> None:
    simulator.enqueue(
        Script(answer=HttpAnswer(body="<html>sign in</html>")),
        Script(answer=HttpAnswer(body={"error": "no such plan"})),
        Script(text=WORDS, ignore_stream=True),
    )
    html, error, whole = (ask(simulator, chat()) for _ in range(3))
    assert (html.status, html.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert html.body == b"<html>sign in</html>"
    assert error.json == {"error": "no such plan"}
    assert whole.json["object"] == "chat.completion"


def test_cut_after_deltas_is_a_clean_close_inside_the_body(simulator: Simulator) -> None:
    simulator.enqueue(Script(text=WORDS, cut=Cut(after_deltas=2)))
    answer = ask(simulator, chat())
    assert isinstance(answer.broken, http.client.IncompleteRead)
    assert answer.text == "a b"
    assert (ended(simulator), simulator.requests[0].deltas_sent) == ("cut", 2)


def test_cut_after_bytes(simulator: Simulator) -> None:
    simulator.enqueue(
        Script(text=WORDS, cut=Cut(after_bytes=300)), Script(text=WORDS, cut=Cut(after_bytes=0))
    )
    assert len(ask(simulator, chat()).body) == 300
    assert ended(simulator) == "cut"
    empty = ask(simulator, chat())
    assert (empty.status, empty.body) == (200, b"")
    assert empty.broken is not None


def test_a_whole_answer_is_cut_below_its_content_length(simulator: Simulator) -> None:
    simulator.enqueue(Script(text=WORDS, cut=Cut(after_bytes=10)))
    answer = ask(simulator, chat(stream=False))
    assert isinstance(answer.broken, http.client.IncompleteRead)
    assert len(answer.body) == 10


def test_a_reset_after_what_was_sent(simulator: Simulator) -> None:
    simulator.enqueue(Script(text=WORDS, cut=Cut(after_deltas=2, how="reset")))
    with dial(simulator) as sock:
        sock.sendall(raw_request(chat()))
        got = read_until(sock, b'"content":" b"')
        with pytest.raises(ConnectionResetError):
            sock.recv(65_536)
    assert b'"content":" c"' not in got
    assert ended(simulator) == "reset"


@pytest.mark.parametrize(("how", "recorded"), [("fin", "cut"), ("reset", "reset")])
def test_no_answer_at_all(simulator: Simulator, how: str, recorded: str) -> None:
    simulator.enqueue(Script(text=WORDS, cut=Cut(before_answer=True, how=how)))
    with dial(simulator) as sock:
        sock.sendall(raw_request(chat()))
        assert read_all(sock) == b""
    assert ended(simulator) == recorded
    assert simulator.requests[0].status == 0


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_that_is_not_whole_in_http_that_is(simulator: Simulator, stream: bool) -> None:
    simulator.enqueue(Script(text=WORDS, cut=Cut(after_bytes=400, how="end")))
    answer = ask(simulator, chat(stream=stream))
    assert answer.broken is None
    assert len(answer.body) == 400
    assert ended(simulator) == "completed"


def test_missing_ends(simulator: Simulator) -> None:
    simulator.enqueue(Script(text="a b", send_done=False), Script(text="a b", send_finish=False))
    without_done, without_finish = ask(simulator, chat()), ask(simulator, chat())
    assert without_done.chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert "[DONE]" not in without_done.data
    assert without_finish.data[-1] == "[DONE]"
    assert all(c["choices"][0]["finish_reason"] is None for c in without_finish.chunks)


def test_an_error_inside_the_stream(simulator: Simulator) -> None:
    simulator.enqueue(Script(text=WORDS, stream_error=StreamError(after_deltas=3, event="error")))
    answer = ask(simulator, chat())
    assert answer.text == "a b c"
    assert "event: error\ndata: {" in answer.body.decode()
    assert answer.chunks[-1]["error"]["type"] == "server_error"
    assert answer.broken is None


def test_a_stall_for_ever_leaves_the_connection_open_and_silent(simulator: Simulator) -> None:
    simulator.enqueue(Script(text=WORDS, stall=Stall(after_deltas=2)))
    with dial(simulator) as sock:
        sock.sendall(raw_request(chat()))
        read_until(sock, b'"content":" b"')
        simulator.wait_for(lambda s: s.requests[0].stalled_s is not None)
        sock.settimeout(0.05)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        assert simulator.requests[0].ended is None
        assert simulator.statistics().answering == 1
    simulator.wait_for(lambda s: s.open_connections == 0)
    assert ended(simulator) == "client_disconnected"


@pytest.mark.parametrize("stream", [True, False])
def test_a_stall_for_a_time_goes_on(simulator: Simulator, stream: bool) -> None:
    simulator.enqueue(Script(text=WORDS, stall=Stall(after_deltas=2, for_s=0.05)))
    started_s = time.monotonic()
    answer = ask(simulator, chat(stream=stream))
    assert time.monotonic() - started_s >= 0.05
    assert (answer.text if stream else answer.json["choices"][0]["message"]["content"]) == WORDS


def test_delays_before_the_head_the_first_delta_and_between_deltas(simulator: Simulator) -> None:
    simulator.enqueue(
        Script(
            text=WORDS, headers_delay_s=0.03, first_delta_delay_s=0.03, delta_interval_s=0.01, chunk_size=1
        )
    )
    ask(simulator, chat())
    record = simulator.requests[0]
    assert record.first_delta_s is not None
    assert record.ended_s is not None
    assert record.first_delta_s - record.started_s >= 0.06
    assert record.ended_s - record.started_s >= 0.16


def test_a_delayed_error(simulator: Simulator) -> None:
    simulator.enqueue(Script.failing(503).replace(headers_delay_s=0.03))
    started_s = time.monotonic()
    assert ask(simulator, chat()).status == 503
    assert time.monotonic() - started_s >= 0.03
