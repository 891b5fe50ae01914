"""A Gemini answer that the server pauses at a limit of its own is asked for again, and is one answer."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from greenroom import ActorSystem, ChatRequest, ProviderConfig, SystemConfig

from tests_system import LIMIT_S

USAGE = {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3}


class Pausing(BaseHTTPRequestHandler):
    """Answers in two parts: the second is for who brings the token of the first."""

    seen: list[dict[str, Any]]

    def do_POST(self) -> None:
        self.seen.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        candidate: dict[str, Any] = {
            "content": {"parts": [{"text": "Once "}]},
            "finishReason": "CONTINUATION",
        }
        candidate["continuationToken"] = "dG9r"
        if "continuationToken" in self.seen[-1]:
            candidate = {"content": {"parts": [{"text": "upon"}]}, "finishReason": "STOP"}
        event = (
            b"data: " + json.dumps({"candidates": [candidate], "usageMetadata": USAGE}).encode() + b"\r\n\r\n"
        )
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(event)))
        self.end_headers()
        self.wfile.write(event)

    def log_message(self, *_: Any) -> None:
        """Nothing is said on the console."""


@pytest.fixture
def base_url() -> Iterator[str]:
    Pausing.seen = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Pausing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_paused_answer_goes_on(base_url: str) -> None:
    provider = ProviderConfig(kind="gemini", base_url=base_url)
    with ActorSystem.start(SystemConfig(providers={"g": provider}, drain_s=0)) as system:
        request = ChatRequest(model="g/gemini-2.5-flash", messages="hi")
        completion = system.stream(request).result(timeout=LIMIT_S)
    assert (completion.text, completion.finish_reason, len(completion.attempts)) == ("Once upon", "stop", 2)
    assert [part.type for part in completion.choices[0].parts] == ["text"]
    assert completion.usage.total_tokens == 6
    assert [body.get("continuationToken") for body in Pausing.seen] == [None, "dG9r"]
