"""Everything that a provider or a network does wrong: a typed error with what was received, within its clock."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from greenroom import (
    ActorSystem,
    ChatRequest,
    ConnectionFailed,
    ContextLengthExceeded,
    CredentialRefused,
    ModelNotFound,
    OutputLimitExceeded,
    ProtocolViolation,
    ProviderOverloaded,
    RateLimited,
    StreamError,
    StreamingOptions,
    StreamTimedOut,
    UnknownFailure,
)
from greenroom.providers.simulator import Cut, HttpAnswer, Script, Simulator, Stall
from greenroom.providers.simulator import StreamError as ErrorInStream

from tests_system import LIMIT_S, text_of

Start = Callable[..., ActorSystem]
WORDS = "one two three four five"
QUICK = StreamingOptions(
    backoff_initial_s=0.01, backoff_max_s=0.05, first_content_timeout_s=0.3, local_first_content_timeout_s=0.3,
    content_gap_timeout_s=0.3, max_reconnect_attempts=1,
)  # fmt: skip


def failure(system: ActorSystem, kind: type[StreamError]) -> StreamError:
    stream = system.stream(ChatRequest(messages="Count"))
    with pytest.raises(kind) as caught:
        stream.result(timeout=LIMIT_S)
    error = caught.value
    assert type(error) is kind
    assert error.request_id == stream.request_id
    assert stream.request_id in str(error)
    assert error.provider == "sim"
    assert error.partial is not None
    assert "\n" not in str(error)
    return error


@pytest.mark.parametrize(
    ("script", "kind", "attempts"),
    [
        (Script.failing(401, "Incorrect API key provided"), CredentialRefused, 1),
        (Script.failing(404, "no such model", code="model_not_found"), ModelNotFound, 1),
        (Script.failing(400, "too long", code="context_length_exceeded"), ContextLengthExceeded, 1),
        (Script.failing(429), RateLimited, 4),
        (Script.failing(503), ProviderOverloaded, 4),
        (Script(text=WORDS, cut=Cut(before_answer=True, how="reset")), ConnectionFailed, 4),
    ],
)
def test_before_content_it_is_tried_again_where_that_helps(
    system: ActorSystem, simulator: Simulator, script: Script, kind: type[StreamError], attempts: int
) -> None:
    simulator.set_default(script)
    error = failure(system, kind)

    assert error.attempt == attempts
    assert len(simulator.requests) == attempts
    assert error.partial is not None
    assert len(error.partial.attempts) == attempts
    assert error.partial.attempts[-1].decision == "give_up"


def test_a_failure_before_content_is_invisible(system: ActorSystem, simulator: Simulator) -> None:
    simulator.enqueue(Script.failing(503), Script(text=WORDS, cut=Cut(before_answer=True, how="reset")))
    stream = system.stream(ChatRequest(messages="Count"))

    assert text_of(stream) == WORDS
    completion = stream.result(timeout=LIMIT_S)
    assert [record.decision for record in completion.attempts] == ["retry", "retry", "completed"]
    assert [record.error_class for record in completion.attempts] == ["overloaded", "transient", None]


def test_retry_after_is_respected(system: ActorSystem, simulator: Simulator) -> None:
    simulator.enqueue(Script.failing(429, retry_after_s=1))
    completion = system.stream(ChatRequest(messages="Count")).result(timeout=LIMIT_S)

    first, second = simulator.requests
    assert completion.text == WORDS
    assert second.started_s - first.started_s >= 1.0
    assert completion.attempts[0].waited_s >= 1.0


@pytest.mark.parametrize("how", ["fin", "reset"])
def test_a_cut_after_content_carries_what_was_received(
    system: ActorSystem, simulator: Simulator, how: str
) -> None:
    simulator.enqueue(Script(text=WORDS, cut=Cut(after_deltas=3, how=how)))
    stream = system.stream(ChatRequest(messages="Count"))
    received = []
    with pytest.raises(StreamError) as caught:
        received.extend(delta.text for delta in stream)
    error = caught.value

    assert error.partial is not None
    assert error.partial.outcome == "failed"
    assert error.partial.text
    assert WORDS.startswith(error.partial.text)
    assert error.partial.finish_reason is None
    assert len(simulator.requests) == 1
    assert error.error_class in ("transient", "protocol")


def test_a_clean_end_without_a_finish_is_no_success(system: ActorSystem, simulator: Simulator) -> None:
    simulator.enqueue(Script(text=WORDS, cut=Cut(after_deltas=3, how="end")))
    assert failure(system, ProtocolViolation).partial.text  # type: ignore[union-attr]


def test_an_error_inside_the_stream(system: ActorSystem, simulator: Simulator) -> None:
    simulator.enqueue(Script(text=WORDS, stream_error=ErrorInStream(after_deltas=2, send_done=True)))
    error = failure(system, failure_class(system, simulator))
    assert "inside the stream" in str(error)


def failure_class(system: ActorSystem, simulator: Simulator) -> type[StreamError]:
    """The class of the same fault, asked once more: the test is about its words and what was received."""
    simulator.enqueue(Script(text=WORDS, stream_error=ErrorInStream(after_deltas=2, send_done=True)))
    with pytest.raises(StreamError) as caught:
        system.stream(ChatRequest(messages="Count")).result(timeout=LIMIT_S)
    assert caught.value.partial is not None
    assert WORDS.startswith(caught.value.partial.text)
    return type(caught.value)


def test_html_instead_of_events(start: Start, simulator: Simulator) -> None:
    page = HttpAnswer(
        status=200, headers={"content-type": "text/html"}, body="<html><title>Welcome</title></html>"
    )
    simulator.set_default(Script(answer=page))
    error = failure(start(simulator.base_url, QUICK), ProtocolViolation)
    assert "html" in str(error).lower()
    assert "is base_url right?" in str(error)
    assert (error.attempt, len(simulator.requests)) == (1, 1)


def test_a_redirect_names_its_target(system: ActorSystem, simulator: Simulator) -> None:
    moved = HttpAnswer(
        status=308, headers={"location": "https://new.test/v1/chat/completions?key=k"}, body=""
    )
    simulator.set_default(Script(answer=moved))
    error = failure(system, UnknownFailure)
    assert "https://new.test/v1/chat/completions, which is not followed" in str(error)
    assert len(simulator.requests) == 1


@pytest.mark.parametrize("after", [0, 2])
def test_a_stalled_stream_ends_by_its_clock(start: Start, simulator: Simulator, after: int) -> None:
    simulator.set_default(Script(text=WORDS, stall=Stall(after_deltas=after)))
    error = failure(start(simulator.base_url, QUICK), StreamTimedOut)

    clock = "content_gap_timeout_s" if after else "first_content_timeout_s"
    assert clock in str(error)
    assert len(simulator.requests) == (1 if after else 2)
    simulator.wait_for(lambda s: s.open_connections == 0, timeout_s=LIMIT_S)


def test_the_deadline_holds_over_all_attempts(start: Start, simulator: Simulator) -> None:
    simulator.set_default(Script.failing(503))
    options = StreamingOptions(
        deadline_s=0.5, backoff_initial_s=0.2, backoff_max_s=0.2, max_reconnect_attempts=50
    )
    stream = start(simulator.base_url, options).stream(ChatRequest(messages="Count"))
    with pytest.raises(StreamError) as caught:
        stream.result(timeout=LIMIT_S)

    assert "deadline" in str(caught.value)
    assert 1 < len(simulator.requests) < 6


def test_an_answer_over_its_bound(start: Start, simulator: Simulator) -> None:
    simulator.enqueue(Script(text="x" * 100_000, chunk_size=1000, delta_interval_s=0.002))
    system = start(simulator.base_url, StreamingOptions(max_output_bytes=50_000, max_event_bytes=10_000))
    error = failure(system, OutputLimitExceeded)
    assert error.partial is not None
    assert 40_000 < len(error.partial.text) <= 50_000


@contextlib.contextmanager
def listening(answer: bytes | None) -> Iterator[str]:
    """A server that is none: accepts, sends `answer` (None: nothing at all) and closes at the end."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(LIMIT_S)
        kept: list[socket.socket] = []

        def serve() -> None:
            while not done.is_set():
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                kept.append(connection)
                if answer is not None and not done.is_set():
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        finally:
            done.set()
            with contextlib.suppress(OSError):
                socket.create_connection(server.getsockname(), timeout=1).close()
            thread.join(LIMIT_S)
            for connection in kept:
                connection.close()


def test_no_server_at_all(start: Start) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        error = failure(start(f"http://127.0.0.1:{port}/v1", QUICK), ConnectionFailed)
    assert f"127.0.0.1:{port}" in str(error)


def test_a_server_that_does_not_speak_http(start: Start) -> None:
    with listening(b"SSH-2.0-OpenSSH_9.2p1\r\n") as base_url:
        error = failure(start(base_url, QUICK), ProtocolViolation)
    assert "HTTP" in str(error)


def test_a_server_that_says_nothing(start: Start) -> None:
    with listening(None) as base_url:
        error = failure(start(base_url, QUICK), StreamTimedOut)
    assert "0.3 s" in str(error)


def test_a_name_that_does_not_resolve(start: Start) -> None:
    error = failure(start("http://no-such-host.invalid/v1", QUICK), ConnectionFailed)
    assert "no-such-host.invalid" in str(error)


def test_what_was_decided_after_attempts_is_counted(system: ActorSystem, simulator: Simulator) -> None:
    def ask(options: StreamingOptions = QUICK) -> None:
        with contextlib.suppress(StreamError):
            system.stream(ChatRequest(messages="Count", options=options)).result(timeout=LIMIT_S)

    ask()
    assert system.statistics().requests.decided_total == {}
    simulator.enqueue(Script.failing(503), Script(text=WORDS))
    ask()
    simulator.enqueue(Script.failing(503), Script.failing(503), Script.failing(400))
    ask()
    ask()
    simulator.enqueue(Script(text=WORDS, cut=Cut(after_deltas=2)), Script(text=WORDS))
    ask(QUICK.replace(on_cut="reset", continue_prefix=False))
    counts = system.statistics().requests
    assert counts.decided_total == {"retry": 2, "give_up": 2, "reset": 1}
    assert (counts.completed_total, counts.failed_total, counts.attempts_total) == (3, 2, 8)
