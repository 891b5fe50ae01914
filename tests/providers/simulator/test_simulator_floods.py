"""Far more than a client should take: it goes out, and neither side of this process keeps it."""

import gzip
import json
import resource
import zlib
from typing import Any

import pytest
from simulator_client import chat, dial, raw_request, read_all, read_until

from greenroom.messages.invalid import InvalidInput
from greenroom.providers.simulator import Flood, Script, Simulator

MIB = 1024 * 1024
EVERYTHING = 2**60


def swallow(simulator: Simulator, script: Script, most: int = EVERYTHING) -> tuple[bytes, int]:
    """(the first bytes, how many came in all) of an answer; nothing else of it is kept."""
    simulator.enqueue(script)
    with dial(simulator) as sock:
        sock.sendall(raw_request(chat(), "connection: close"))
        first = b""
        count = 0
        while count < most and (data := sock.recv(MIB)):
            first = first or data
            count += len(data)
    return first, count


def whole(simulator: Simulator, script: Script) -> bytes:
    simulator.enqueue(script)
    with dial(simulator) as sock:
        sock.sendall(raw_request(chat(), "connection: close"))
        return read_all(sock)


def body_of(raw: bytes) -> bytes:
    parts, rest = [], raw.partition(b"\r\n\r\n")[2]
    while True:
        size, _, rest = rest.partition(b"\r\n")
        if not int(size, 16):
            return b"".join(parts)
        parts.append(rest[: int(size, 16)])
        rest = rest[int(size, 16) + 2 :]


@pytest.mark.parametrize("kind", ["event", "line", "deep_json", "header"])
def test_fifty_megabytes_are_sent_and_not_kept(simulator: Simulator, kind: Any) -> None:
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, count = swallow(simulator, Script(text="a b", flood=Flood(kind=kind, size=50 * MIB)))
    assert count > 50 * MIB
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    assert grown_kib < 20 * 1024
    simulator.wait_for_requests()
    assert simulator.requests[0].ended == "completed"


def test_an_event_of_any_size_is_an_event(simulator: Simulator) -> None:
    raw = whole(simulator, Script(text="a b", flood=Flood(kind="event", size=200_000, after_deltas=1)))
    data = [line[6:] for line in body_of(raw).split(b"\n") if line.startswith(b"data: {")]
    texts = [chunk["choices"][0]["delta"].get("content") for chunk in map(json.loads, data)]
    assert texts == ["", "a", "0" * 200_000, " b", None]


def test_deep_json(simulator: Simulator) -> None:
    raw = whole(simulator, Script(text="a", flood=Flood(kind="deep_json", size=100_000)))
    deep = next(line for line in body_of(raw).split(b"\n") if line.startswith(b'data: {"choices":['))
    assert deep == b'data: {"choices":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(RecursionError):
        json.loads(deep[6:])


def test_a_stream_without_end(simulator: Simulator) -> None:
    _, count = swallow(simulator, Script(text="a", flood=Flood(kind="stream", size=0)), most=5 * MIB)
    assert count >= 5 * MIB
    (record,) = simulator.wait_for_disconnects()
    assert record.deltas_sent > 10_000


def test_many_headers_and_one_long_one(simulator: Simulator) -> None:
    head = whole(simulator, Script(text="a", flood=Flood(kind="headers", size=3000))).partition(b"\r\n\r\n")[
        0
    ]
    assert sum(line.startswith(b"x-flood-") for line in head.split(b"\r\n")) == 3000
    head = whole(simulator, Script(text="a", flood=Flood(kind="header", size=100_000))).partition(
        b"\r\n\r\n"
    )[0]
    assert b"\r\nx-flood: " + b"h" * 100_000 in head


@pytest.mark.parametrize("kind", ["gzip", "deflate"])
def test_a_bomb_is_a_valid_body(simulator: Simulator, kind: Any) -> None:
    raw = whole(simulator, Script(text="a", flood=Flood(kind=kind, size=3 * MIB)))
    assert b"\r\ncontent-encoding: %b" % kind.encode() in raw.partition(b"\r\n\r\n")[0]
    packed = body_of(raw)
    assert len(packed) < 30_000
    plain = gzip.decompress(packed) if kind == "gzip" else zlib.decompress(packed)  # both check their sums
    event = json.loads(plain.removeprefix(b"data: "))
    assert event["choices"][0]["delta"]["content"] == "0" * 3 * MIB


def test_a_bomb_of_ten_gigabytes_begins_at_once(simulator: Simulator) -> None:
    simulator.enqueue(Script(text="a", flood=Flood(kind="gzip", size=10_000 * MIB)))
    with dial(simulator) as sock:
        sock.sendall(raw_request(chat()))
        rest = read_until(sock, b"\r\n\r\n")
        while len(rest) < 100_000:
            rest += sock.recv(65_536)
    simulator.wait_for_disconnects()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"flood": {"kind": "event", "size": 0}}, "size 0 is only for kind 'stream'"),
        ({"flood": {"kind": "gzip"}, "http": {"encoding": "gzip"}}, "leave http.encoding out"),
        ({"flood": {"kind": "event"}, "http": {"framing": "length"}}, "cannot announce its size"),
        ({"flood": {"kind": "tsunami"}}, "flood.kind"),
    ],
)
def test_floods_that_cannot_be(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Script(**fields)
    assert said in str(caught.value)
