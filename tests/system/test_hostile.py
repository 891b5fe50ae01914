"""Servers that mean harm: each attack ends typed and bounded, and harms nobody else.

`hostile_server.py` plays the attacks, from a process of its own: what memory grows here is ours.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from greenroom import (
    ActorSystem,
    ChatRequest,
    ConnectionFailed,
    OutputLimitExceeded,
    ProtocolViolation,
    ProviderConfig,
    RateLimited,
    Stream,
    StreamError,
    StreamingOptions,
    StreamTimedOut,
    SystemConfig,
)
from greenroom.providers.simulator import Script, Simulator

from tests_system import LIMIT_S, text_of, wait_until

MIB = 1024 * 1024
MEMORY_BYTES = 40 * MIB
"""More than our bounds come to, and far less than any attack would fill."""
BLOCKED_S = 2.0
"""The dispatcher answers within this, however busy: healthy streams are not held up for long."""
HEALTHY = 20
WORDS = " ".join(f"word{number}" for number in range(20))
OPTIONS = StreamingOptions(
    max_reconnect_attempts=0, connect_timeout_s=0.8, first_content_timeout_s=0.8,
    local_first_content_timeout_s=0.8, content_gap_timeout_s=0.8, max_output_bytes=2 * MIB,
    max_event_bytes=2 * MIB,
)  # fmt: skip
PATIENT = OPTIONS.replace(
    connect_timeout_s=20,
    first_content_timeout_s=20,
    local_first_content_timeout_s=20,
    content_gap_timeout_s=20,
)
"""Of attacks that a bound or the protocol ends: on a busy machine no clock may be quicker."""

EXPECTED: dict[str, tuple[type[StreamError], str]] = {
    "endless-text": (OutputLimitExceeded, "max_output_bytes"),
    "endless-pings": (StreamTimedOut, "first_content_timeout_s"),
    "endless-blank-lines": (OutputLimitExceeded, "max_event_bytes"),
    "endless-empty-deltas": (StreamTimedOut, "first_content_timeout_s"),
    "endless-one-byte-chunks": (OutputLimitExceeded, "max_event_bytes"),
    "endless-tool-calls": (OutputLimitExceeded, "more than 1024 tool calls"),
    "endless-spaces-before-anything": (OutputLimitExceeded, "max_event_bytes"),
    "endless-json-answer": (OutputLimitExceeded, "max_event_bytes"),
    "endless-html": (OutputLimitExceeded, "max_event_bytes"),
    "endless-error-body": (ConnectionFailed, "HTTP 500"),
    "event-of-50-mb": (OutputLimitExceeded, "max_event_bytes"),
    "line-without-end": (OutputLimitExceeded, "max_event_bytes"),
    "event-of-endless-lines": (OutputLimitExceeded, "max_event_bytes"),
    "event-of-endless-fields": (OutputLimitExceeded, "max_event_bytes"),
    "deep-lists": (ProtocolViolation, "no JSON"),
    "deep-objects": (ProtocolViolation, "no JSON"),
    "deep-content": (ProtocolViolation, "no JSON"),
    "deep-json-answer": (ProtocolViolation, "is base_url right?"),
    "number-of-a-million-digits": (ProtocolViolation, "no JSON"),
    "bad-utf-8": (ProtocolViolation, "without a finish reason"),
    "nul-bytes": (ProtocolViolation, "no JSON"),
    "gzip-bomb": (ProtocolViolation, "grows without measure"),
    "deflate-bomb": (ProtocolViolation, "grows without measure"),
    "gzip-bomb-of-events": (ProtocolViolation, "grows without measure"),
    "gzip-bomb-in-a-bomb": (ProtocolViolation, "content coding that was not asked for: 'gzip, gzip'"),
    "gzip-of-empty-members": (ProtocolViolation, "more and more members"),
    "gzip-that-is-none": (ProtocolViolation, "a gzip body that is none"),
    "brotli": (ProtocolViolation, "content coding that was not asked for: 'br'"),
    "slow-head": (StreamTimedOut, "first_content_timeout_s"),
    "slow-header": (StreamTimedOut, "first_content_timeout_s"),
    "head-of-100-mb": (ProtocolViolation, "head of more than 65,536 bytes"),
    "header-without-end": (ProtocolViolation, "head of more than 65,536 bytes"),
    "headers-without-end": (ProtocolViolation, "more than 512 headers"),
    "many-headers": (ProtocolViolation, "more than 512 headers"),
    "reason-without-end": (ProtocolViolation, "head of more than 65,536 bytes"),
    "interim-without-end": (ProtocolViolation, "head of more than 65,536 bytes"),
    "interim-now-and-then": (StreamTimedOut, "first_content_timeout_s"),
    "garbage-status-line": (ProtocolViolation, "breaks the rules (Invalid status code)"),
    "garbage": (ProtocolViolation, "does not speak HTTP"),
    "http-0.9": (ProtocolViolation, "does not speak HTTP: it sent '<html>hello</html>'"),
    "nul-in-a-header": (ProtocolViolation, "breaks the rules (Invalid header value char)"),
    "two-lengths": (ProtocolViolation, "breaks the rules (Duplicate Content-Length)"),
    "length-and-chunks": (ProtocolViolation, "breaks the rules"),
    "negative-length": (ProtocolViolation, "breaks the rules"),
    "length-past-64-bits": (ProtocolViolation, "breaks the rules (Content-Length overflow)"),
    "negative-chunk": (ProtocolViolation, "broke HTTP's rules after 249 body bytes"),
    "chunk-past-64-bits": (ProtocolViolation, "Chunk size overflow"),
    "huge-chunk": (StreamTimedOut, "first_content_timeout_s"),
    "chunk-size-with-junk": (ProtocolViolation, "Invalid character in chunk size"),
    "chunk-extension-without-end": (ProtocolViolation, "chunk extensions or trailers"),
    "trailers-without-end": (ProtocolViolation, "chunk extensions or trailers"),
    "closes-at-once": (ConnectionFailed, "before any answer"),
    "resets-at-once": (ConnectionFailed, "reset"),
    "never-answers": (StreamTimedOut, "first_content_timeout_s"),
    "closes-in-a-chunk": (ConnectionFailed, "after 249 body bytes"),
    "resets-in-a-chunk": (ConnectionFailed, "after 249 body bytes"),
    "resets-in-the-head": (ConnectionFailed, "in the middle of the answer's head"),
    "greets-first": (ProtocolViolation, "is base_url right?"),
    "greets-without-end": (ProtocolViolation, "is base_url right?"),
    "error-then-silence": (RateLimited, "HTTP 429"),
    "tls-garbage": (ConnectionFailed, "TLS with"),
    "tls-flood": (ConnectionFailed, "TLS with"),
    "tls-silence": (StreamTimedOut, "shaking hands (TLS)"),
    "tls-alert": (ConnectionFailed, "TLS with"),
    "tls-closes-at-once": (ConnectionFailed, "TLS with"),
}
BY_CLOCK = {attack for attack, (kind, _) in EXPECTED.items() if kind is StreamTimedOut} | {
    "error-then-silence"
}
"""Silence is all that ends these."""


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    """Attack -> where it listens."""
    command = [sys.executable, str(Path(__file__).parent / "hostile_server.py")]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    assert server.stdin is not None
    yield json.loads(server.stdout.readline())
    server.stdin.close()
    server.stdout.close()
    server.wait(LIMIT_S)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(Script(text=WORDS, delta_interval_s=0.005)) as running:
        yield running


Start = Callable[..., ActorSystem]


WAYS: dict[str, dict[str, object]] = {
    "reactor": {},
    "requests": {"transport": "requests"},
    "users-session": {"transport": "requests", "session": requests.Session},
}


OF_HTTP_CLIENT = (
    "endless-text", "gzip-bomb", "slow-head", "head-of-100-mb", "headers-without-end", "interim-without-end",
    "garbage", "negative-length", "chunk-extension-without-end", "resets-in-a-chunk", "tls-silence",
)  # fmt: skip
"""With a user's session heads and framing are http.client's to read: one attack on each place where they are.
All the others come at once, below."""
ONE_BY_ONE = [
    (way, attack) for way in WAYS for attack in (OF_HTTP_CLIENT if way == "users-session" else EXPECTED)
]


@pytest.fixture
def start_with(ports: dict[str, int], simulator: Simulator, way: str) -> Iterator[Start]:
    """Starts a system with a healthy provider `good`, and one for each attack, of the attack's name."""
    systems: list[ActorSystem] = []

    def begin(*attacks: str) -> ActorSystem:
        providers = {"good": ProviderConfig(base_url=simulator.base_url, **WAYS[way])}
        for attack in attacks:
            scheme = "https" if attack.startswith("tls-") else "http"
            url = f"{scheme}://127.0.0.1:{ports[attack]}/v1"
            options = OPTIONS if attack in BY_CLOCK or way == "users-session" else PATIENT
            providers[attack] = ProviderConfig(base_url=url, options=options, **WAYS[way])
        config = SystemConfig(default_model="good/m", providers=providers, drain_s=0)
        system = ActorSystem.start(config)
        systems.append(system)
        system.stream(ChatRequest(messages="warm up")).result(timeout=LIMIT_S)
        return system

    yield begin
    for system in systems:
        system.stop(drain_s=0)


@dataclass
class Watched:
    """What was seen of this process meanwhile."""

    grown_bytes: int = 0
    blocked_s: float = 0.0


@contextmanager
def watching(system: ActorSystem) -> Iterator[Watched]:
    """How far memory grew, and how long the dispatcher did not answer."""
    seen, over = Watched(), threading.Event()
    before = resident_bytes()

    def look() -> None:
        while not over.wait(0.003):
            asked_s, answered = time.monotonic(), threading.Event()
            system._dispatcher.call(answered.set)
            while not answered.wait(0.003) and not over.is_set():
                seen.grown_bytes = max(seen.grown_bytes, resident_bytes() - before)
            seen.blocked_s = max(seen.blocked_s, time.monotonic() - asked_s)
            seen.grown_bytes = max(seen.grown_bytes, resident_bytes() - before)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def resident_bytes() -> int:
    """0 where there is no /proc: nothing is measured there."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def attacked(system: ActorSystem, attack: str) -> StreamError:
    stream = system.stream(ChatRequest(model=f"{attack}/m", messages="hello"))
    with pytest.raises(StreamError) as caught:
        stream.result(timeout=LIMIT_S)
    error = caught.value
    assert stream.request_id in str(error)
    assert error.provider == attack
    assert error.partial is not None
    assert error.partial.outcome == "failed"
    return error


def begin_healthy(system: ActorSystem) -> list[Stream]:
    return [system.stream(ChatRequest(messages="hello")) for _ in range(HEALTHY)]


def check_healthy(streams: list[Stream]) -> None:
    for stream in streams:
        assert text_of(stream) == WORDS
        assert stream.result(timeout=LIMIT_S).text == WORDS


def test_every_attack_is_expected(ports: dict[str, int]) -> None:
    assert set(EXPECTED) == set(ports)


@pytest.mark.parametrize(("way", "attack"), ONE_BY_ONE)
def test_an_attack_ends_typed_and_bounded_and_harms_nobody_else(
    attack: str, start_with: Start, way: str
) -> None:
    system = start_with(attack)
    with watching(system) as seen:
        healthy = begin_healthy(system)
        error = attacked(system, attack)
        check_healthy(healthy)
    kind, words = EXPECTED[attack]
    if way == "users-session":
        # The head and the framing are http.client's to read, which lets more through and says less.
        assert error.error_class in {"output_limit", "protocol", "timeout", "transient", "rate_limit"}
    else:
        assert type(error) is kind, error
        assert words in str(error)
    assert "\n" not in str(error)
    assert len(str(error)) < 1500
    assert seen.grown_bytes < MEMORY_BYTES
    assert seen.blocked_s < BLOCKED_S
    wait_until(lambda: all(end.busy == end.waiting == 0 for end in system.statistics().endpoints))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.timeout(120)
def test_all_attacks_at_once_end_typed_and_bounded_and_harm_nobody_else(start_with: Start) -> None:
    system = start_with(*EXPECTED)
    with watching(system) as seen:
        healthy = begin_healthy(system)
        streams = [
            system.stream(ChatRequest(model=f"{attack}/m", messages="hello"))
            for attack in EXPECTED
            for _ in range(2)
        ]
        for stream in streams:
            with pytest.raises(StreamError) as caught:
                stream.result(timeout=60)
            assert caught.value.error_class in {
                "output_limit",
                "protocol",
                "timeout",
                "transient",
                "rate_limit",
            }
        check_healthy(healthy)
    assert seen.grown_bytes < 6 * MEMORY_BYTES
    assert seen.blocked_s < 2 * BLOCKED_S
