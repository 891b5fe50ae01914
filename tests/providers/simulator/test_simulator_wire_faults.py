"""Faults of HTTP and of the events inside it, judged by the bytes on a raw socket."""

import email.utils
import gzip
import json
import socket
import time
import zlib
from typing import Any

import pytest
from simulator_client import ask, chat, dial, raw_request, read_all, sse_data, text_of

from greenroom.providers.simulator import (
    Cut,
    Drip,
    Garbage,
    HttpForm,
    Script,
    Simulator,
    Stall,
    StreamError,
)

WORDS = "a b c d e f"


def answer_to(simulator: Simulator, script: Script, body: Any = None, *lines: str) -> tuple[bytes, bytes]:
    """(head, body) as they came on the socket, to its end."""
    simulator.enqueue(script)
    with dial(simulator) as sock:
        sock.sendall(raw_request(body or chat(), *(lines or ("connection: close",))))
        head, _, rest = read_all(sock).partition(b"\r\n\r\n")
    return head, rest


def unchunked(body: bytes) -> tuple[bytes, bytes]:
    """The chunks joined, and what stands after the last of them."""
    parts = []
    while True:
        size, _, body = body.partition(b"\r\n")
        if int(size, 16) == 0:
            return b"".join(parts), body
        parts.append(body[: int(size, 16)])
        body = body[int(size, 16) + 2 :]


def events(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(data) for data in sse_data(body) if data.startswith("{")]


def test_a_cut_inside_an_event(simulator: Simulator) -> None:
    _, body = answer_to(simulator, Script(text=WORDS, cut=Cut(after_deltas=2, inside="event")))
    assert not body.endswith(b"\n\n\r\n")
    whole, _, torn = body.rpartition(b"data: ")
    assert text_of(events(whole)) == "a b"
    assert torn.startswith(b'{"id"')
    assert b'"content"' not in torn or b'" c"' not in torn
    assert simulator.requests[0].ended == "cut"


def test_a_cut_inside_a_character(simulator: Simulator) -> None:
    script = Script(text="plain Grüße", cut=Cut(after_deltas=0, inside="character"))
    _, body = answer_to(simulator, script)
    assert body.rstrip(b"\r\n").endswith(b"Gr\xc3")
    with pytest.raises(UnicodeDecodeError):
        body.decode()


def test_a_cut_inside_http_framing(simulator: Simulator) -> None:
    _, body = answer_to(simulator, Script(text=WORDS, cut=Cut(after_deltas=3, inside="framing")))
    last = body.rpartition(b"\r\n")[2]
    assert int(last, 16) > 100


@pytest.mark.parametrize("size", [1, 12, 40])
def test_a_cut_inside_the_head(simulator: Simulator, size: int) -> None:
    simulator.enqueue(Script(text=WORDS, cut=Cut(after_head_bytes=size)))
    with dial(simulator) as sock:
        sock.sendall(raw_request(chat()))
        got = read_all(sock)
    start = b"HTTP/1.1 200 OK\r\ndate: "
    assert (got[:23], len(got)) == (start[:size], size)
    assert simulator.requests[0].ended == "cut"


def test_a_half_close_leaves_the_other_half_open(simulator: Simulator) -> None:
    simulator.enqueue(Script(text=WORDS, cut=Cut(after_deltas=1, how="half_close")))
    with dial(simulator) as sock:
        sock.sendall(raw_request(chat()))
        assert b'"a"' in read_all(sock)
        sock.sendall(b"still taken")
        time.sleep(0.02)
        sock.sendall(b"still taken")  # after a close this would be answered with a reset
        assert simulator.open_connections == 1
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    simulator.wait_until_idle()
    assert simulator.requests[0].ended == "cut"


def test_garbage_in_the_head(simulator: Simulator) -> None:
    head, _ = answer_to(simulator, Script(text=WORDS, garbage=Garbage(place="head")))
    assert not head.startswith(b"HTTP/")
    assert b"\r\ndate: " in head


def test_garbage_in_the_framing(simulator: Simulator) -> None:
    _, body = answer_to(simulator, Script(text=WORDS, garbage=Garbage(place="framing", after_deltas=2)))
    with pytest.raises(ValueError, match="invalid literal"):
        unchunked(body)


@pytest.mark.parametrize("data", [None, "x{"])
def test_garbage_in_the_stream_is_an_event_of_its_own(simulator: Simulator, data: str | None) -> None:
    garbage = Garbage(place="stream", after_deltas=2, data=data)
    body, rest = unchunked(answer_to(simulator, Script(text=WORDS, garbage=garbage))[1])
    assert rest == b"\r\n"
    stray = [
        event for event in body.split(b"\n\n") if event and not event.startswith((b"data: {", b"data: ["))
    ]
    assert len(stray) == 1
    assert (stray[0] == b"data: x{") == (data is not None)


def test_json_that_breaks_off_in_an_event(simulator: Simulator) -> None:
    script = Script(text=WORDS, garbage=Garbage(place="json", after_deltas=1))
    body, _ = unchunked(answer_to(simulator, script)[1])
    broken = []
    for data in sse_data(body):
        try:
            json.loads(data)
        except ValueError:
            broken.append(data)
    assert [data[:6] for data in broken] == ['{"id":', "[DONE]"]


def test_bytes_that_are_no_utf_8(simulator: Simulator) -> None:
    script = Script(text=WORDS, garbage=Garbage(place="character", after_deltas=1))
    body, _ = unchunked(answer_to(simulator, script)[1])
    assert b"\xc3\x28\xff" in body
    assert body.endswith(b"data: [DONE]\n\n")


def test_garbage_in_a_whole_answer(simulator: Simulator) -> None:
    simulator.enqueue(Script(text=WORDS, garbage=Garbage(place="json")))
    with pytest.raises(ValueError, match="line 1"):
        _ = ask(simulator, chat(stream=False)).json


def test_interim_answers_come_first(simulator: Simulator) -> None:
    simulator.enqueue(Script(text=WORDS, http=HttpForm(interim=(100, 103))))
    with dial(simulator) as sock:
        sock.sendall(raw_request(chat(), "connection: close"))
        first, second, third, _ = read_all(sock).split(b"\r\n\r\n", 3)
    assert first == b"HTTP/1.1 100 Continue"
    assert second == b"HTTP/1.1 103 Early Hints"
    assert third.startswith(b"HTTP/1.1 200 OK\r\n")


def test_trailers(simulator: Simulator) -> None:
    head, body = answer_to(simulator, Script(text=WORDS, http=HttpForm(trailers={"x-cost": "3"})))
    assert b"\r\ntrailer: x-cost" in head
    assert unchunked(body)[1] == b"x-cost: 3\r\n\r\n"


def test_a_stream_with_a_content_length(simulator: Simulator) -> None:
    head, body = answer_to(simulator, Script(text=WORDS, http=HttpForm(framing="length")))
    assert b"transfer-encoding" not in head
    assert b"\r\ncontent-length: %d\r\n" % len(body) in head + b"\r\n"
    assert text_of(events(body)) == WORDS


def test_a_body_that_ends_with_the_connection(simulator: Simulator) -> None:
    close = HttpForm(framing="close")
    head, body = answer_to(simulator, Script(text=WORDS, http=close), chat(), "connection: keep-alive")
    assert b"content-length" not in head
    assert b"transfer-encoding" not in head
    assert b"\r\nconnection: close" in head
    assert text_of(events(body)) == WORDS
    assert simulator.requests[0].ended == "completed"


def test_a_whole_answer_in_chunks(simulator: Simulator) -> None:
    head, body = answer_to(simulator, Script(text="x", http=HttpForm(framing="chunked")), chat(stream=False))
    assert b"transfer-encoding: chunked" in head
    assert json.loads(unchunked(body)[0])["choices"][0]["message"]["content"] == "x"


@pytest.mark.parametrize("off_by", [7, -7])
@pytest.mark.parametrize("stream", [True, False])
def test_a_wrong_content_length(simulator: Simulator, stream: bool, off_by: int) -> None:
    script = Script(text=WORDS, http=HttpForm(framing="length", length_off_by=off_by))
    head, body = answer_to(simulator, script, chat(stream=stream))
    assert b"\r\ncontent-length: %d\r\n" % (len(body) + off_by) in head + b"\r\n"


def test_http_1_0(simulator: Simulator) -> None:
    head, body = answer_to(simulator, Script(text=WORDS, http=HttpForm(http_1_0=True)))
    assert head.startswith(b"HTTP/1.0 200 OK\r\n")
    assert b"transfer-encoding" not in head
    assert text_of(events(body)) == WORDS


@pytest.mark.parametrize(
    ("encoding", "wbits", "named"),
    [("gzip", 31, b"gzip"), ("deflate", 15, b"deflate"), ("raw_deflate", -15, b"deflate")],
)
@pytest.mark.parametrize("stream", [True, False])
def test_compressed_bodies(
    simulator: Simulator, encoding: Any, wbits: int, named: bytes, stream: bool
) -> None:
    script = Script(text=WORDS, http=HttpForm(encoding=encoding))
    head, body = answer_to(simulator, script, chat(stream=stream))
    assert b"\r\ncontent-encoding: %b" % named in head
    unpacker = zlib.decompressobj(wbits)
    plain = unpacker.decompress(unchunked(body)[0])
    assert unpacker.eof
    if stream:
        assert text_of(events(plain)) == WORDS
    else:
        assert json.loads(plain)["choices"][0]["message"]["content"] == WORDS


def test_a_compressed_stream_can_be_read_event_by_event(simulator: Simulator) -> None:
    script = Script(text=WORDS, http=HttpForm(encoding="gzip"), cut=Cut(after_deltas=2))
    _, body = answer_to(simulator, script)
    parts = []
    while body:
        size, _, body = body.partition(b"\r\n")
        parts.append(body[: int(size, 16)])
        body = body[int(size, 16) + 2 :]
    assert text_of(events(zlib.decompressobj(31).decompress(b"".join(parts)))) == "a b"
    with pytest.raises(EOFError):
        gzip.decompress(b"".join(parts))


@pytest.mark.parametrize("head", [True, False])
def test_a_drip_sends_few_bytes_at_a_time(simulator: Simulator, head: bool) -> None:
    simulator.enqueue(Script(text="a b", drip=Drip(size_bytes=50, every_s=0.002, head=head)))
    with dial(simulator) as sock:
        sock.sendall(raw_request(chat(), "connection: close"))
        first = sock.recv(65_536)
        rest = read_all(sock)
    assert (len(first) == 50) == head
    record = simulator.wait_for_requests()[0]
    assert record.ended_s is not None
    assert record.ended_s - record.started_s >= 0.02
    body = unchunked((first + rest).partition(b"\r\n\r\n")[2])[0]
    assert (text_of(events(body)), record.bytes_sent, record.deltas_sent) == ("a b", len(body), 2)


def test_an_event_after_the_end_marker(simulator: Simulator) -> None:
    simulator.enqueue(Script(text="a", late_text=" too late"))
    data = ask(simulator, chat()).data
    assert data[-2] == "[DONE]"
    assert json.loads(data[-1])["choices"][0]["delta"] == {"content": " too late"}


def test_the_end_marker_after_an_error(simulator: Simulator) -> None:
    simulator.enqueue(Script(text=WORDS, stream_error=StreamError(after_deltas=1, send_done=True)))
    data = ask(simulator, chat()).data
    assert "error" in json.loads(data[-2])
    assert data[-1] == "[DONE]"


@pytest.mark.parametrize(
    ("ping", "seen"),
    [
        ("comment", b": ping\n\n"),
        ("empty_delta", b'"delta":{"content":""}'),
        ("empty_chunk", b'"choices":[]'),
        ("progress", b'"prompt_progress":{"total":4096,'),
        ("blank", b"1\r\n\n\r\n"),
    ],
)
def test_a_stall_with_signs_of_life(simulator: Simulator, ping: Any, seen: bytes) -> None:
    stall = Stall(after_deltas=2, for_s=0.05, ping=ping, ping_every_s=0.01)
    _, body = answer_to(simulator, Script(text=WORDS, stall=stall))
    assert body.count(seen) == 5
    assert text_of(events(unchunked(body)[0])) == WORDS


def test_signs_of_life_for_ever(simulator: Simulator) -> None:
    simulator.enqueue(
        Script(text=WORDS, stall=Stall(ping="comment", ping_every_s=0.002), dialect="openrouter")
    )
    with dial(simulator) as sock:
        sock.sendall(raw_request(chat()))
        got = b""
        while got.count(b": OPENROUTER PROCESSING\n\n") < 10:
            got += sock.recv(65_536)
        assert b'"content":"a"' not in got
    assert simulator.wait_for_disconnects()[0].deltas_sent == 0


def test_white_space_before_a_whole_answer(simulator: Simulator) -> None:
    simulator.enqueue(Script(text="x", stall=Stall(for_s=0.03, ping="blank", ping_every_s=0.01)))
    answer = ask(simulator, chat(stream=False))
    assert answer.body.startswith(b"\n\n\n{")
    assert answer.json["choices"][0]["message"]["content"] == "x"


def test_retry_after_in_all_forms(simulator: Simulator) -> None:
    forms = ("seconds", "date", "ms", "azure_ms", "both", "litellm")
    simulator.enqueue(*(Script.failing(429, retry_after_s=2, retry_after_form=form) for form in forms))
    seen = [ask(simulator, chat()).headers for _ in forms]
    assert seen[0]["retry-after"] == "2"
    told, now = (email.utils.parsedate_to_datetime(seen[1][name]) for name in ("retry-after", "date"))
    assert 1 <= (told - now).total_seconds() <= 3
    assert (seen[2]["retry-after-ms"], seen[3]["x-ms-retry-after-ms"]) == ("2000", "2000")
    assert (seen[4]["retry-after"], seen[4]["retry-after-ms"]) == ("2", "2000")
    assert seen[5]["llm_provider-retry-after"] == "2"
    assert "retry-after" not in seen[5]
