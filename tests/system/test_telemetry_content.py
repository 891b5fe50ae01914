"""Everything that a system tells structlog, and nothing that is the user's or secret."""

import json
from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
import structlog

from greenroom import ActorSystem, ChatRequest, ProviderConfig, StreamError, StreamingOptions, SystemConfig
from greenroom.providers.simulator import Cut, Script, Simulator

PROMPT = "my landlord's name is Zebedee"
SYSTEM = "you are a paralegal called Quentin"
ANSWER = ["Zanzibar ", "quokka ", "xylophone"]
KEY = "k3y-that-nobody-may-see-0001"
HEADER = "h3ader-that-nobody-may-see-0002"
LIMIT_S = 20.0


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    told: list[dict[str, Any]] = []

    def keep(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        told.append(dict(line))
        raise structlog.DropEvent

    structlog.configure(processors=[keep])
    yield told
    structlog.reset_defaults()


def test_no_event_holds_a_prompt_an_answer_or_a_secret(lines: list[dict[str, Any]]) -> None:
    options = StreamingOptions(backoff_initial_s=0.01, backoff_max_s=0.02, progress_interval_s=0.01)
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": PROMPT}]
    with Simulator(api_key=KEY) as simulator:
        provider = ProviderConfig(base_url=simulator.base_url, api_key=KEY, headers={"x-team": HEADER})
        config = SystemConfig(default_model="sim/m", providers={"sim": provider}, options=options)
        with ActorSystem.start(config) as system:
            for script in (
                Script(text=ANSWER, delta_interval_s=0.02),
                Script(text=ANSWER, reasoning="I think of Zanzibar", cut=Cut(after_deltas=3)),
                Script.failing(400, "no"),
            ):
                simulator.enqueue(script)
                stream = system.stream(ChatRequest(messages=messages))
                try:
                    stream.result(LIMIT_S)
                except StreamError:
                    continue
    names = {line["event"] for line in lines}
    assert {"stream.completed", "stream.failed"} <= names
    assert all(line["request_id"] for line in lines if line["event"].startswith("stream."))
    said = json.dumps(lines, default=str)
    for private in (KEY, HEADER, "Zebedee", "Quentin", "Zanzibar", "quokka", "xylophone"):
        assert private not in said
