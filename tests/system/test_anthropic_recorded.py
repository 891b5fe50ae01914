"""Every recorded message over real HTTP, cut at random places, through the whole system."""

import pytest
from recorded_messages import OLDER, STREAMS, allowed, message_differences
from replay_server import ReplayServer

from greenroom import (
    ActorSystem,
    ChatRequest,
    ProviderConfig,
    Stream,
    StreamError,
    StreamingOptions,
    SystemConfig,
)
from greenroom.messages.value import valid_text

from recorded_chats import CORPUS, Found, expected, headers_of, random_sizes, stream_bytes
from tests_system import LIMIT_S, text_of

pytestmark = pytest.mark.skipif(not STREAMS, reason=f"{CORPUS} is not there")
ONCE = StreamingOptions(max_reconnect_attempts=0)
PAUSED = "anth-anthropic-syn-pause-turn"
"""Played again for each continuation it would pause for ever: see test_anthropic_pauses.py."""


def played(name: str) -> tuple[list[tuple[str, str]], list[bytes]]:
    data = stream_bytes(name)
    pieces, at = list[bytes](), 0
    for size in [*random_sizes(name, len(data)), len(data)]:
        pieces.append(data[at : at + size])
        at += size
    content = [(key, value) for key, value in headers_of(name) if key.lower() == "content-type"]
    return content or [("content-type", "text/event-stream")], pieces


def ended(stream: Stream) -> Found:
    failure: StreamError | None = None
    said = list[str]()
    try:
        said.extend(text_of([delta]) for delta in stream)
    except StreamError as error:
        failure = error
    completion = stream.result(timeout=LIMIT_S) if failure is None else failure.partial
    assert completion is not None
    assert completion.text == valid_text("".join(said))
    evidence = None if failure is None else failure.failure.evidence
    return Found(
        completion.choices[0], completion.usage, completion.model, completion.response_id,
        completion.outcome == "completed", evidence is not None and evidence.kind == "in_stream",
    )  # fmt: skip


def test_recorded_messages_over_http_give_the_expected_completions() -> None:
    wrong = dict[str, object]()
    with ReplayServer(played) as server:
        providers = {
            kind: ProviderConfig(kind=kind, base_url=server.base_url)
            for kind in ("anthropic", "anthropic-text")
        }
        with ActorSystem.start(SystemConfig(providers=providers, options=ONCE, drain_s=0)) as system:
            names = [("anthropic", name) for name in STREAMS if name != PAUSED]
            names += [("anthropic-text", name) for name in OLDER]
            streams = [
                (name, system.stream(ChatRequest(model=f"{kind}/{name}", messages="hi")))
                for kind, name in names
            ]
            for name, stream in streams:
                differing = message_differences(ended(stream), expected(name))
                if differing.keys() != allowed(name):
                    wrong[name] = differing
    assert wrong == {}
