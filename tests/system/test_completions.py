"""The completions wire over HTTP: recorded streams in random pieces, cuts, and what a caller asks for."""

import json
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from greenroom import (
    ActorSystem,
    BreakerConfig,
    ChatRequest,
    Completion,
    InvalidInput,
    StreamError,
    StreamingOptions,
    TextDelta,
)

from tests_system import LIMIT_S, text_of

Start = Callable[..., ActorSystem]
KIND = "openai-completions"
ONCE = StreamingOptions(max_reconnect_attempts=0)


class Replay(ThreadingHTTPServer):
    """Answers each POST with `body` in chunks of random sizes; `cut_at` resets the connection there."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ReplayHandler)
        self.body, self.content_type, self.seed = b"", "text/event-stream", 0
        self.cut_at: int | None = None
        self.asked: list[tuple[str, dict[str, Any]]] = []

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class ReplayHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Replay

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["content-length"]))
        self.server.asked.append((self.path, json.loads(sent)))
        self.send_response(200)
        self.send_header("content-type", self.server.content_type)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        chance, data = random.Random(self.server.seed), self.server.body[: self.server.cut_at]
        while data:
            size = chance.choice([1, 3, 50, 400, 3000])
            piece, data = data[:size], data[size:]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        if self.server.cut_at is None:
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def log_message(self, *args: object) -> None:
        """Says nothing: pytest shows what failed."""


@pytest.fixture
def replay() -> Iterator[Replay]:
    with Replay() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def recorded(corpus: Path) -> dict[str, bytes]:
    metas = [json.loads(path.read_text()) for path in sorted((corpus / "streams").glob("compl-*.json"))]
    return {meta["id"]: (corpus / "streams" / f"{meta['id']}.sse").read_bytes() for meta in metas}


def outcome(system: ActorSystem) -> Completion:
    """What the stream came to, whichever way it ended."""
    try:
        return system.stream(ChatRequest(messages="Hello world", options=ONCE)).result(timeout=LIMIT_S)
    except StreamError as error:
        return error.partial or pytest.fail("a failure without what was received")


def test_every_recorded_stream_in_random_pieces(corpus: Path, replay: Replay, start: Start) -> None:
    system = start(replay.base_url, kind=KIND)
    for name, body in recorded(corpus).items():
        want = json.loads((corpus / "expected" / f"{name}.json").read_text())
        replay.body = body
        for seed in range(4):
            replay.seed = seed
            completion = outcome(system)
            assert completion.text == want["text"]
            assert completion.finish_reason_raw == want["finish_reason"]
            assert completion.usage.output_tokens == (want["usage"] or {}).get("output_tokens")
            assert (completion.outcome == "completed") is want["complete"]
            assert (completion.failure is None) is want["complete"]


def test_connection_reset_anywhere_is_a_typed_failure(corpus: Path, replay: Replay, start: Start) -> None:
    system = start(replay.base_url, kind=KIND, breaker=BreakerConfig(enabled=False))
    replay.body = recorded(corpus)["compl-openai-f33449c5"]
    whole = outcome(system).text
    for size in range(0, replay.body.find(b"data: [DONE]"), 37):
        replay.cut_at = size
        cut = outcome(system)
        assert cut.failure is not None
        assert cut.failure.error_class == "transient"
        assert whole.startswith(cut.text)


def test_what_the_caller_asked_is_what_is_sent(replay: Replay, start: Start) -> None:
    system = start(replay.base_url, kind=KIND)
    whole = {"id": "c", "model": "base", "choices": [{"index": 0, "text": " x + 1", "finish_reason": "stop"}]}
    replay.body, replay.content_type = json.dumps(whole).encode(), "application/json"
    request = ChatRequest(
        messages="def f(x):\n    return", max_output_tokens=16, stop="\n", stream=False,
        extra_body={"suffix": "\n\nf(2)", "echo": False},
    )  # fmt: skip
    stream = system.stream(request)
    deltas = list(stream)

    assert text_of(deltas) == stream.result(timeout=LIMIT_S).text == " x + 1"
    assert isinstance(deltas[0], TextDelta)
    assert replay.asked == [
        (
            "/v1/completions",
            {
                "model": "test-model", "prompt": "def f(x):\n    return", "max_tokens": 16, "stop": ["\n"],
                "suffix": "\n\nf(2)", "echo": False,
            },
        )
    ]  # fmt: skip


def test_a_conversation_is_refused_before_anything_is_sent(replay: Replay, start: Start) -> None:
    system = start(replay.base_url, kind=KIND)
    turns = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]
    with pytest.raises(InvalidInput, match=r"messages\.0 = 'system': .* no roles") as caught:
        system.stream(ChatRequest(messages=turns))
    assert "extra_body['prompt']" in str(caught.value)
    assert replay.asked == []
