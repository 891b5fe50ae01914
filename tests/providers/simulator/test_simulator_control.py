"""What the simulator tells over HTTP and in Python about what it saw."""

import json
from typing import Any

import pytest
from simulator_client import ask, chat, dial, raw_request, read_until

from greenroom.providers.simulator import Cut, Script, Simulator


def get(simulator: Simulator, path: str, **headers: str) -> Any:
    return ask(simulator, method="GET", path=f"/_simulator/{path}", **headers)


def test_requests_over_http(simulator: Simulator) -> None:
    simulator.enqueue(Script(text="a b", cut=Cut(after_deltas=1)))
    ask(simulator, chat("Hi"), authorization="Bearer sk-secret", **{"x-request-id": "r-1"})
    ask(simulator, chat("again"), **{"x-request-id": "r-1"})
    ask(simulator, chat("other"), **{"x-client-request-id": "r-2"})
    answer = get(simulator, "requests")
    assert b"sk-secret" not in answer.body
    first, second, third = answer.json["requests"]
    assert (first["ended"], first["deltas_sent"], first["faults"]) == ("cut", 1, ['cut {"after_deltas":1}'])
    assert (first["client_request_id"], first["dialect"], first["status"]) == ("r-1", "openai", 200)
    assert first["headers"]["authorization"] == "(hidden)"
    assert first["body"]["messages"][0]["content"] == "Hi"
    assert 0 <= first["first_delta_after_s"] <= first["ended_after_s"]
    assert (second["ended"], second["faults"], third["number"]) == ("completed", [], 3)
    of_one = get(simulator, "requests?request_id=r-1").json["requests"]
    assert [record["number"] for record in of_one] == [1, 2]
    assert [r["number"] for r in get(simulator, "requests?since=2").json["requests"]] == [3]
    assert [record.number for record in simulator.attempts("r-1")] == [1, 2]
    assert len(simulator.requests) == 3  # reports are no requests


def test_statistics_over_http(simulator: Simulator) -> None:
    ask(simulator, chat())
    seen = get(simulator, "statistics").json
    assert (seen["requests"], seen["completed"], seen["open_connections"]) == (1, 1, 1)


def test_scripts_over_http(simulator: Simulator) -> None:
    one, big = {"text": "one"}, {"text": "big", "dialect": "groq"}
    assert ask(simulator, [one, {"text": "two"}], path="/_simulator/scripts").json == {"queued": 2}
    ask(simulator, big, path="/_simulator/scripts?model=gpt-4*")
    assert [ask(simulator, chat()).text for _ in range(2)] == ["one", "two"]
    assert ask(simulator, chat(model="gpt-4o")).text == "big"
    assert simulator.requests[-1].dialect == "groq"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"txt": "x"}, "did you mean 'text'"),
        ([{"text": "x"}, {"cut": {}}], "scripts.1.cut"),
        ([3], "scripts.0 = 3: must be an object"),
        (b"{", "could not parse"),
    ],
)
def test_a_wrong_script_is_refused_with_what_is_wrong(simulator: Simulator, body: Any, said: str) -> None:
    answer = ask(simulator, body, path="/_simulator/scripts")
    assert answer.status == 400
    assert said in answer.json["error"]["message"]
    assert simulator.queued == 0


def test_what_control_does_not_know(simulator: Simulator) -> None:
    answer = get(simulator, "nothing")
    assert answer.status == 404
    assert "GET requests, GET statistics, POST scripts" in answer.json["error"]["message"]
    assert get(simulator, "requests?since=x").status == 400


def test_reports_need_the_key_where_there_is_one() -> None:
    with Simulator(Script(text="x"), api_key="k") as simulator:
        assert get(simulator, "requests").status == 401
        assert get(simulator, "requests", authorization="Bearer k").json == {"requests": []}


def test_a_report_and_a_request_share_a_connection(simulator: Simulator) -> None:
    with dial(simulator) as sock:
        for _ in range(2):
            sock.sendall(b"GET /_simulator/statistics HTTP/1.1\r\nhost: x\r\n\r\n")
            head = read_until(sock, b'"open_connections":1}')
            assert b"200 OK" in head
        sock.sendall(raw_request(chat()))
        read_until(sock, b"[DONE]\n\n\r\n0\r\n\r\n")
        sock.sendall(raw_request(chat()))
        read_until(sock, b"[DONE]\n\n\r\n0\r\n\r\n")
    assert [record.reused_connection for record in simulator.requests] == [False, True]
    assert simulator.statistics().connections_reused == 1


def test_waiting_without_sleeping(simulator: Simulator) -> None:
    simulator.enqueue(Script(text="a b", delta_interval_s=60))
    with dial(simulator) as sock:
        sock.sendall(raw_request(chat()))
        read_until(sock, b'"content":"a"')
        with pytest.raises(TimeoutError):
            simulator.wait_for_requests(1, timeout_s=0.01)
        with pytest.raises(TimeoutError):
            simulator.wait_until_idle(timeout_s=0.01)
    (left,) = simulator.wait_for_disconnects()
    assert left.disconnect_noticed_after_s is not None
    assert simulator.wait_for_requests() == (left,)
    simulator.wait_until_idle()
    assert (
        json.loads(json.dumps(get(simulator, "requests").json))["requests"][0]["ended"]
        == "client_disconnected"
    )
