"""The server on real sockets, healthy."""

import http.client
import json
import re
import socket
import threading

import pytest
from simulator_client import LIMIT_S, ask, chat, dial, raw_request, read_all, read_until, send, text_of

from greenroom.providers.simulator import Script, Simulator, SimulatorLimits, SimulatorRules


def test_a_stream_and_what_was_seen_of_it(simulator: Simulator) -> None:
    answer = ask(
        simulator, chat("Hi", stream_options={"include_usage": True}), authorization="Bearer sk-secret"
    )
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.text == "Hello there, dear client"
    assert answer.data[-1] == "[DONE]"
    simulator.wait_for(lambda s: s.open_connections == 0)
    (record,) = simulator.requests
    assert (record.method, record.path, record.status, record.ended) == (
        "POST",
        "/v1/chat/completions",
        200,
        "completed",
    )
    assert (record.model, record.deltas_sent, record.bytes_sent) == ("m", 4, len(answer.body))
    assert record.body is not None
    assert record.body["messages"][0]["content"] == "Hi"
    assert record.headers["Authorization"] == "Bearer sk-secret"
    assert "sk-secret" not in repr(record)
    assert record.ended_s is not None
    assert record.first_delta_s is not None
    assert record.started_s <= record.first_delta_s <= record.ended_s
    assert (simulator.statistics().completed, simulator.statistics().deltas_sent) == (1, 4)


def test_a_whole_answer(simulator: Simulator) -> None:
    answer = ask(simulator, chat(stream=False))
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.json["choices"][0]["message"]["content"] == "Hello there, dear client"


def test_two_answers_differ_in_id_only(simulator: Simulator) -> None:
    bodies = [ask(simulator, chat()).body for _ in range(2)]
    same = {re.sub(rb'"(created|id)":[^,]+', b"", body) for body in bodies}
    assert len(same) == 1
    assert bodies[0] != bodies[1]


def test_the_made_up_answer_comes_at_a_pace() -> None:
    with Simulator(SimulatorRules(default_interval_s=0.001)) as simulator:
        answer = ask(simulator, chat("Count to five"))
        assert answer.text.startswith('[greenroom simulator] You said: "Count to five".')
        (record,) = simulator.requests
        assert record.ended_s is not None
        assert record.first_delta_s is not None
        assert record.ended_s - record.first_delta_s >= 0.001 * (record.deltas_sent - 1)


def test_queue_and_model(simulator: Simulator) -> None:
    simulator.enqueue(Script(text="one"), Script(text="two"))
    simulator.enqueue(Script(text="big"), model="gpt-4*", times=2)
    assert [ask(simulator, chat()).text for _ in range(2)] == ["one", "two"]
    assert ask(simulator, chat()).text == "Hello there, dear client"
    assert [ask(simulator, chat(model="gpt-4o")).text for _ in range(2)] == ["big", "big"]
    simulator.set_default(Script(text="new"))
    assert ask(simulator, chat()).text == "new"
    assert simulator.requests[0].script == Script(text="one")


def test_other_paths(simulator: Simulator) -> None:
    assert ask(simulator, method="GET", path="/health").json == {"status": "ok"}
    head = ask(simulator, method="HEAD", path="/health")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "15")
    assert ask(simulator, method="GET", path="/v1/models").json["data"][0]["id"] == "simulator"
    assert ask(simulator, method="GET", path="/v1/models/simulator").json["object"] == "model"
    for method, path, status, message in (
        ("GET", "/v1/nothing?x=1", 404, "Invalid URL (GET /v1/nothing)"),
        ("GET", "/v1/chat/completions", 405, "Not allowed to GET on /v1/chat/completions."),
        ("DELETE", "/v1/models/simulator", 405, "Not allowed to DELETE"),
        ("GET", "/v1/models/gpt", 404, "The model `gpt` does not exist"),
    ):
        answer = ask(simulator, method=method, path=path)
        assert (answer.status, answer.json["error"]["type"]) == (status, "invalid_request_error")
        assert message in answer.json["error"]["message"]
    assert ask(simulator, {"model": "m"}).json["error"]["code"] == "missing_required_parameter"
    assert ask(simulator, b"{").status == 400
    assert simulator.requests[-1].raw_body == b"{"
    assert simulator.requests[-1].body is None


def test_keys_and_models() -> None:
    with Simulator(Script(text="ok"), api_key="sk-right", models=["m", "n"]) as simulator:
        missing = ask(simulator, chat())
        assert (missing.status, missing.headers["www-authenticate"]) == (401, 'Bearer realm="OpenAI API"')
        wrong = ask(simulator, chat(), authorization="Bearer sk-wrong-key-of-some-length")
        assert (wrong.status, wrong.json["error"]["code"]) == (401, "invalid_api_key")
        assert "wrong-key-of-some" not in wrong.body.decode()
        assert ask(simulator, chat(), authorization="bearer sk-right").text == "ok"
        other = ask(simulator, chat(model="o"), authorization="Bearer sk-right")
        assert (other.status, other.json["error"]["code"]) == (404, "model_not_found")
        assert ask(simulator, method="GET", path="/health").status == 200
        listed = ask(simulator, method="GET", path="/v1/models", authorization="Bearer sk-right").json["data"]
        assert [model["id"] for model in listed] == ["m", "n"]


def test_connections_are_kept_alive(simulator: Simulator) -> None:
    connection = http.client.HTTPConnection(simulator.host, simulator.port, timeout=LIMIT_S)
    for stream in (True, False, True):
        assert send(connection, chat(stream=stream)).status == 200
    assert send(connection, b"{").status == 400
    assert simulator.open_connections == 1
    assert {record.connection for record in simulator.requests} == {1}
    assert send(connection, chat(), connection="close").headers["connection"] == "close"
    simulator.wait_for(lambda s: s.open_connections == 0)
    connection.close()


def test_a_script_may_close_the_connection(simulator: Simulator) -> None:
    simulator.enqueue(
        Script(text="bye", close_connection=True, headers={"x-ratelimit-remaining-requests": "0"})
    )
    with dial(simulator) as sock:
        sock.sendall(raw_request(chat()))
        answer = read_all(sock)
    assert b"connection: close\r\n" in answer
    assert b"x-ratelimit-remaining-requests: 0\r\n" in answer
    assert answer.endswith(b"0\r\n\r\n")


def test_pipelined_requests_are_answered_in_order(simulator: Simulator) -> None:
    count = 100
    simulator.enqueue(*(Script(text=f"<{i}>", delta_interval_s=0.0001) for i in range(count)))
    data = raw_request(chat()) * (count - 1) + raw_request(chat(), "connection: close")
    with dial(simulator) as sock:
        sender = threading.Thread(target=sock.sendall, args=(data,))
        sender.start()
        answers = read_all(sock).decode()
        sender.join()
    assert re.findall(r"<(\d+)>", answers) == [str(i) for i in range(count)]
    assert simulator.statistics().completed == count


def test_request_bodies_in_chunks_and_after_a_hundred(simulator: Simulator) -> None:
    payload = json.dumps(chat()).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
    with dial(simulator) as sock:
        sock.sendall(head + b"transfer-encoding: chunked\r\nexpect: 100-continue\r\n\r\n")
        assert read_until(sock, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        for byte in payload:
            sock.sendall(b"1\r\n%c\r\n" % byte)
        sock.sendall(b"0\r\n\r\n")
        assert b"HTTP/1.1 200 OK" in read_all(sock)


def test_http_1_0_gets_a_body_that_ends_with_the_connection(simulator: Simulator) -> None:
    with dial(simulator) as sock:
        sock.sendall(raw_request(chat()).replace(b"HTTP/1.1", b"HTTP/1.0"))
        head, _, body = read_all(sock).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert body.startswith(b"data: {")
    assert body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2000\r\n\r\n" + b"x" * 2000, 413),
        (b"POST / HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 8000 + b"\r\n\r\n", 431),
    ],
)
def test_limits_are_answered_then_the_connection_ends(data: bytes, status: int) -> None:
    limits = SimulatorLimits(max_head_bytes=1024, max_body_bytes=1024)
    with Simulator(Script(text="ok"), limits=limits) as simulator:
        with dial(simulator) as sock:
            sock.sendall(raw_request(chat()) + data)
            answers = read_all(sock)
        assert answers.startswith(b"HTTP/1.1 200 ")
        assert b"HTTP/1.1 %d " % status in answers
        assert b'"type":"invalid_request_error"' in answers
        simulator.wait_for(lambda s: s.open_connections == 0)
        assert simulator.statistics().bad_requests == 1
        assert len(simulator.requests) == 1


def test_a_refusal_reaches_a_client_that_is_still_sending() -> None:
    limits = SimulatorLimits(max_body_bytes=1024)
    size = 8_000_000
    with Simulator(Script(text="ok"), limits=limits) as simulator, dial(simulator) as sock:
        sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % size)
        read_until(sock, b"at most 1024 are taken")
        sock.sendall(b"x" * size)
        assert read_all(sock) == b""


def test_idle_connections_are_closed() -> None:
    with Simulator(Script(text="ok"), limits=SimulatorLimits(idle_s=0.05)) as simulator:
        with dial(simulator) as sock:
            assert sock.recv(1) == b""
        with dial(simulator) as sock:
            sock.sendall(raw_request(chat()))
            assert read_all(sock).endswith(b"0\r\n\r\n")


def test_too_many_connections_get_a_503() -> None:
    with (
        Simulator(Script(text="ok"), limits=SimulatorLimits(max_connections=1)) as simulator,
        dial(simulator),
    ):
        simulator.wait_for(lambda s: s.open_connections == 1)
        with dial(simulator) as second:
            assert read_all(second).startswith(b"HTTP/1.1 503 ")


def test_the_history_is_bounded() -> None:
    limits = SimulatorLimits(max_records=3, max_recorded_bytes=1000)
    with Simulator(Script(text="ok"), limits=limits) as simulator:
        for _ in range(5):
            ask(simulator, chat())
        assert [record.number for record in simulator.requests] == [3, 4, 5]
        ask(simulator, chat("x" * 2000))
        assert [record.number for record in simulator.requests] == [6]
        assert simulator.statistics().requests == 6


def test_a_slow_reader_loses_nothing() -> None:
    text = "word " * 100_000
    with Simulator(Script(text=text)) as simulator, socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(LIMIT_S)
        sock.connect((simulator.host, simulator.port))
        sock.sendall(raw_request(chat(), "connection: close"))
        simulator.wait_for(lambda s: bool(s.requests) and s.requests[0].deltas_sent > 0)
        with pytest.raises(TimeoutError):  # the socket takes some, then no more
            simulator.wait_for(lambda s: s.requests[0].ended is not None, timeout_s=0.3)
        assert 0 < simulator.requests[0].deltas_sent < 100_000
        answer = read_all(sock)
        assert simulator.requests[0].ended == "completed"
    contents = re.findall(rb'"content":"(word |word)"', answer)
    assert len(contents) + answer.count(b'"content":" word"') + answer.count(b'"content":" word "') == 100_000


def test_start_stop_and_bad_addresses() -> None:
    simulator = Simulator(Script(text="ok"))
    assert "not started" in repr(simulator)
    simulator.stop()
    with pytest.raises(RuntimeError, match="starts once"):
        simulator.start()
    with Simulator() as first:
        assert first.base_url == f"http://127.0.0.1:{first.port}/v1"
        assert "running" in repr(first)
        with pytest.raises(RuntimeError, match="before the start"):
            first.on_request_finished(print)
        with pytest.raises(OSError, match="in use"):
            Simulator(port=first.port).start()
    first.stop()
    assert "stopped" in repr(first)
    with Simulator(port=first.port) as again:
        assert again.port == first.port


def test_ipv6() -> None:
    try:
        simulator = Simulator(Script(text="ok"), host="::1").start()
    except OSError:
        pytest.skip("no IPv6 on this machine")
    with simulator.__class__(Script(text="ok"), host="::1") as other:
        assert other.base_url.startswith("http://[::1]:")
        assert ask(other, chat()).text == "ok"
    simulator.stop()


def test_stop_ends_what_is_under_way() -> None:
    with (
        Simulator(Script(text="a b c", delta_interval_s=60)) as simulator,
        dial(simulator) as sock,
        dial(simulator),
    ):
        sock.sendall(raw_request(chat()))
        read_until(sock, b'"content":"a"')
        simulator.stop()
        read_all(sock)
    (record,) = simulator.requests
    assert (record.ended, record.deltas_sent) == ("server_stopped", 1)
    assert simulator.open_connections == 0


def test_wait_for_says_what_it_saw(simulator: Simulator) -> None:
    with pytest.raises(TimeoutError, match="requests=0"):
        simulator.wait_for(lambda s: len(s.requests) > 0, timeout_s=0.01)


def test_a_bug_in_the_simulator_ends_one_connection_only(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(simulator._service, "answer", lambda *_: 1 / 0)
    with pytest.raises(ConnectionResetError):
        ask(simulator, chat())
    monkeypatch.undo()
    assert ask(simulator, chat()).text == "Hello there, dear client"
    assert [record.ended for record in simulator.requests] == ["server_error", "completed"]
    assert "this is a bug in it" in caplog.text


def test_exact_pieces_arrive(simulator: Simulator) -> None:
    simulator.set_default(Script(text=("", "é", "\n\n", "data: [DONE]\n\n")))
    chunks = ask(simulator, chat()).chunks
    assert text_of(chunks) == "é\n\ndata: [DONE]\n\n"
    assert [c["choices"][0]["delta"]["content"] for c in chunks[1:-1]] == [
        "",
        "é",
        "\n\n",
        "data: [DONE]\n\n",
    ]
