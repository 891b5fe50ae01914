"""Fallback routes over real sockets: two servers that speak different wires, and the first of them in trouble."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from greenroom import (
    ActorSystem,
    ChatRequest,
    Completion,
    ConnectionFailed,
    ContentRefused,
    ContextLengthExceeded,
    InvalidInput,
    ModelNotFound,
    ProviderConfig,
    ProviderOverloaded,
    RequestRejected,
    StreamError,
    StreamingOptions,
    StreamReset,
    SystemConfig,
)
from greenroom.messages.contracts import PriceBook
from greenroom.messages.events import Event
from greenroom.messages.parts import ProviderPart, ReasoningPart, TextPart
from greenroom.messages.request import Message
from greenroom.messages.route_plan import drawn
from greenroom.messages.usage import Usage
from greenroom.messages.value import thaw
from greenroom.providers.simulator import Cut, Script, Simulator, Stall
from greenroom.providers.simulator import StreamError as ErrorInStream
from greenroom.routing import Router

from tests_system import LIMIT_S, text_of

FAST = StreamingOptions(
    backoff_initial_s=0.01, backoff_max_s=0.05, first_content_timeout_s=0.3, connect_timeout_s=2.0
)
FIRST, SECOND = "from the first", "from the second"


class Told:
    """An EventSink of the events that these tests look at."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def wants(self, name: str) -> bool:
        return name == "stream.failover"

    def emit(self, event: Event) -> None:
        self.events.append(event)


@dataclass
class Two:
    """A server of OpenAI's chat wire and one of Anthropic's; route `r` goes from one to the other."""

    chat: Simulator
    claude: Simulator
    told: Told = field(default_factory=Told)
    systems: list[ActorSystem] = field(default_factory=list)

    def start(
        self,
        routes: Any = None,
        options: StreamingOptions = FAST,
        book: PriceBook | None = None,
        **config: Any,
    ) -> ActorSystem:
        providers = {
            "chat": ProviderConfig(kind="openai-chat", base_url=self.chat.base_url, api_key="key-of-chat"),
            "claude": ProviderConfig(
                kind="anthropic", base_url=self.claude.base_url, api_key="key-of-claude"
            ),
        }
        routes = {"r": ["chat/small", "claude/claude-x"]} if routes is None else routes
        whole = SystemConfig(
            providers=providers | config.pop("more", {}), routes=routes, options=options, drain_s=0, **config
        )
        self.systems.append(ActorSystem.start(whole, events=self.told, prices=book))
        return self.systems[-1]

    def ask(self, system: ActorSystem, **request: Any) -> Completion[Any]:
        given = {"model": "r", "messages": "Count"} | request
        return system.stream(ChatRequest(**given)).result(timeout=LIMIT_S)


@pytest.fixture
def two() -> Iterator[Two]:
    with Simulator(Script(text=FIRST)) as chat, Simulator(Script(text=SECOND)) as claude:
        both = Two(chat, claude)
        yield both
        for system in both.systems:
            system.stop(drain_s=0)


def steps(completion: Completion[Any]) -> list[tuple[str, str, str | None, str]]:
    return [(each.provider, each.model, each.error_class, each.decision) for each in completion.attempts]


def test_the_first_hop_answers_where_it_can(two: Two) -> None:
    completion = two.ask(two.start())

    assert completion.text == FIRST
    assert (completion.route, completion.provider, completion.model_asked) == ("r", "chat", "small")
    assert steps(completion) == [("chat", "small", None, "completed")]
    assert two.claude.requests == ()
    assert two.told.events == []


FAILURES = {
    "429": (Script.failing(429, retry_after_s=30), "rate_limit"),
    "500": (Script.failing(500), "transient"),
    "529": (Script.failing(503), "overloaded"),
    "bad key": (Script.failing(401), "credential"),
    "no such model": (Script.failing(404, code="model_not_found"), "model_not_found"),
    "no answer": (Script(text=FIRST, cut=Cut(before_answer=True, how="reset")), "transient"),
    "cut before content": (Script(text=FIRST, cut=Cut(after_deltas=0, how="fin")), None),
    "error in a 200": (Script(text=FIRST, stream_error=ErrorInStream(after_deltas=0)), None),
    "hangs": (Script(text=FIRST, stall=Stall(after_deltas=0)), "timeout"),
}


@pytest.mark.parametrize("fault", FAILURES)
def test_what_fails_before_content_is_answered_by_the_next_hop_unseen(two: Two, fault: str) -> None:
    script, error_class = FAILURES[fault]
    two.chat.set_default(script)
    stream = two.start().stream(ChatRequest(model="r", messages="Count"))

    assert text_of(stream) == SECOND
    completion = stream.result(timeout=LIMIT_S)
    assert (completion.route, completion.provider, completion.model_asked) == ("r", "claude", "claude-x")
    assert [step[:2] + step[3:] for step in steps(completion)] == [
        ("chat", "small", "fall_back"), ("claude", "claude-x", "completed"),
    ]  # fmt: skip
    assert error_class in (None, completion.attempts[0].error_class)
    assert len(two.chat.requests) == len(two.claude.requests) == 1
    (event,) = two.told.events
    told = event.model_dump()
    assert (told["from_provider"], told["provider"], told["model"]) == ("chat", "claude", "claude-x")
    assert (told["route"], told["next_epoch"], told["delay_s"]) == ("r", 2, 0.0)
    assert told["error_class"] == completion.attempts[0].error_class
    assert told["stream_id"] == stream.stream_id


def test_a_server_that_is_not_there_is_left_at_once(two: Two) -> None:
    system = two.start()
    two.chat.stop()
    completion = two.ask(system)
    assert completion.text == SECOND
    assert completion.attempts[0].sent is False
    assert completion.timings.duration_s < 5


def test_each_hop_speaks_its_own_wire_with_its_own_key(two: Two) -> None:
    two.chat.set_default(Script.failing(500))
    completion = two.ask(two.start(), request_id="r-of-the-caller")
    (chat,), (claude,) = two.chat.requests, two.claude.requests

    assert (chat.path, claude.path) == ("/v1/chat/completions", "/v1/messages")
    assert "key-of-chat" in chat.headers["authorization"]
    assert claude.headers["x-api-key"] == "key-of-claude"
    assert "key-of-chat" not in str(dict(claude.headers))
    assert chat.client_request_id == claude.client_request_id == completion.request_id == "r-of-the-caller"


def test_every_hop_patches_the_request_that_the_caller_gave(two: Two) -> None:
    two.chat.set_default(Script.failing(500))
    hops = [
        {"model": "chat/a", "temperature": 0.9, "extra_body": {"only": "a"}},
        {"model": "chat/b", "max_output_tokens": 7},
        {"model": "chat/c", "extra_body": {}},
        "claude/claude-x",
    ]
    two.ask(two.start({"r": hops}), temperature=0.1, max_output_tokens=50, extra_body={"mine": 1})
    bodies = [thaw(request.body) for request in (*two.chat.requests, *two.claude.requests)]

    assert [body["model"] for body in bodies] == ["a", "b", "c", "claude-x"]
    assert [body["temperature"] for body in bodies] == [0.9, 0.1, 0.1, 0.1]
    assert [body.get("max_tokens") or body["max_completion_tokens"] for body in bodies] == [50, 7, 50, 50]
    assert [body.get("only") for body in bodies] == ["a", None, None, None]
    assert [body.get("mine") for body in bodies] == [None, 1, None, 1]


def test_a_hop_has_clocks_of_its_own(two: Two) -> None:
    two.chat.set_default(Script(text=FIRST, stall=Stall(after_deltas=0)))
    hops = [{"model": "chat/small", "options": {"first_content_timeout_s": 0.05}}, "claude/claude-x"]
    system = two.start({"r": hops}, FAST.replace(first_content_timeout_s=30))
    completion = two.ask(system)
    assert completion.text == SECOND
    assert completion.attempts[0].duration_s < 5
    assert two.ask(system, options=FAST.replace(first_content_timeout_s=31)).text == SECOND


def test_what_only_one_wire_can_read_does_not_travel(two: Two) -> None:
    two.chat.set_default(Script.failing(500))
    turn = Message(
        role="assistant",
        content=[
            ReasoningPart(text="hidden words", encrypted="sealed", wire="openai-responses"),
            ProviderPart(wire="openai-responses", item={"type": "web_search_call", "id": "ws_1"}),
            TextPart(text="Let me see.", signature="signed", wire="openai-responses"),
        ],
    )
    question = {"role": "user", "content": "Go on"}
    assert two.ask(two.start(), messages=[question, turn, question]).text == SECOND
    sent = json.dumps([thaw(request.body) for request in (*two.chat.requests, *two.claude.requests)])
    assert sent.count("Let me see.") == 2
    for foreign in ("hidden words", "sealed", "ws_1", "signed"):
        assert foreign not in sent


def test_a_request_that_is_wrong_itself_goes_nowhere_else(two: Two) -> None:
    system = two.start()
    for script, kind in (
        (Script.failing(400, "temperature must be less"), RequestRejected),
        (Script.failing(400, code="content_filter"), ContentRefused),
        (Script.failing(400, code="context_length_exceeded"), ContextLengthExceeded),
    ):
        two.chat.set_default(script)
        with pytest.raises(kind) as caught:
            two.ask(system)
        assert f"route r does not lead on after {caught.value.error_class}" in str(caught.value)
        assert caught.value.partial is not None
        assert caught.value.partial.route == "r"
    assert two.claude.requests == ()


def test_the_classes_that_lead_on_are_the_routes_own(two: Two) -> None:
    system = two.start({
        "r": {"hops": ["chat/small", "claude/claude-x"], "fall_back_on": ["invalid_request"]},
    })  # fmt: skip
    two.chat.set_default(Script.failing(400))
    assert two.ask(system).text == SECOND
    two.chat.set_default(Script.failing(503))
    with pytest.raises(ProviderOverloaded):
        two.ask(system, options=FAST.replace(max_reconnect_attempts=1))
    assert len(two.chat.requests) == 3


def test_a_hop_may_be_for_one_class_alone(two: Two) -> None:
    hops = ["chat/small", {"model": "chat/large", "after": ["context_length"]}, "claude/claude-x"]
    system = two.start({"r": hops})
    two.chat.enqueue(Script.failing(400, code="context_length_exceeded"))
    large = two.ask(system)
    two.chat.enqueue(Script.failing(500))
    other = two.ask(system)

    assert [step[1] for step in steps(large)] == ["small", "large"]
    assert [step[1] for step in steps(other)] == ["small", "claude-x"]


def test_the_last_hop_is_tried_again_and_the_end_names_all(two: Two) -> None:
    two.chat.set_default(Script.failing(503))
    two.claude.set_default(Script.failing(529))
    with pytest.raises(StreamError) as caught:
        two.ask(two.start(options=FAST.replace(max_reconnect_attempts=2)))
    error = caught.value

    assert error.partial is not None
    assert [step[::3] for step in steps(error.partial)] == [
        ("chat", "fall_back"), ("claude", "retry"), ("claude", "retry"), ("claude", "give_up"),
    ]  # fmt: skip
    assert (error.provider, error.attempt) == ("claude", 4)
    assert "given up after 2 retries" in str(error)
    assert "route r has no further hop" in str(error)


def test_a_hop_with_retries_of_its_own_has_them_first(two: Two) -> None:
    hops = [{"model": "chat/small", "retries": 2}, "claude/claude-x"]
    system = two.start({"r": hops})
    two.chat.set_default(Script.failing(503))
    assert [step[::3] for step in steps(two.ask(system))] == [
        ("chat", "retry"), ("chat", "retry"), ("chat", "fall_back"), ("claude", "completed"),
    ]  # fmt: skip
    two.chat.set_default(Script.failing(429, retry_after_s=60))
    soon = two.ask(system, options=FAST.replace(deadline_s=20))
    assert [step[::3] for step in steps(soon)] == [("chat", "fall_back"), ("claude", "completed")]
    assert soon.timings.duration_s < 5


def test_rounds_come_back_to_a_hop_after_its_wait(two: Two) -> None:
    two.chat.enqueue(Script.failing(429, retry_after_s=1))
    two.claude.set_default(Script.failing(401))
    completion = two.ask(two.start({"r": {"hops": ["chat/small", "claude/claude-x"], "rounds": 2}}))

    assert completion.text == FIRST
    assert [step[::3] for step in steps(completion)] == [
        ("chat", "fall_back"), ("claude", "fall_back"), ("chat", "completed"),
    ]  # fmt: skip
    first, again = two.chat.requests
    assert again.started_s - first.started_s >= 1.0


def test_after_content_nobody_else_speaks(two: Two) -> None:
    two.chat.set_default(Script(text=FIRST, cut=Cut(after_deltas=2, how="fin")))
    with pytest.raises(StreamError) as caught:
        two.ask(two.start())
    assert caught.value.partial is not None
    assert FIRST.startswith(caught.value.partial.text)
    assert two.claude.requests == ()


@pytest.mark.parametrize(
    ("options", "script"),
    [({"max_reconnect_attempts": 0}, Script.failing(500)), ({"retry_on_connection_error": False}, None)],
)
def test_who_allows_no_second_request_gets_none(two: Two, options: Any, script: Script | None) -> None:
    two.chat.set_default(script or Script(cut=Cut(before_answer=True, how="reset")))
    with pytest.raises(ConnectionFailed):
        two.ask(two.start(options=FAST.replace(**options)))
    assert (len(two.chat.requests), len(two.claude.requests)) == (1, 0)


def test_a_request_never_sent_may_go_elsewhere_even_then(two: Two) -> None:
    system = two.start(options=FAST.replace(max_reconnect_attempts=0))
    two.chat.stop()
    assert two.ask(system).text == SECOND


def test_weights_share_the_requests_out(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    hops = [{"model": "chat/small", "weight": 3}, {"model": "claude/claude-x", "weight": 1}]
    monkeypatch.setattr(Router.__init__, "__defaults__", (random.Random(11).random,))
    system = two.start({"r": {"hops": hops, "order": "weighted"}})
    answers = [system.stream(ChatRequest(model="r", messages="Count")) for _ in range(120)]
    said = [answer.result(timeout=LIMIT_S).text for answer in answers]
    draw = random.Random(11).random
    assert said == [(FIRST, SECOND)[drawn((3, 1), draw)[0]] for _ in range(120)]
    assert 20 < said.count(SECOND) < 50
    two.chat.set_default(Script.failing(500))
    assert two.ask(system).text == SECOND


def test_a_route_may_stand_in_a_route(two: Two) -> None:
    routes = {"r": ["chat/a", "inner"], "inner": ["chat/b", "claude"]}
    two.chat.set_default(Script.failing(500))
    claude = ProviderConfig(kind="anthropic", base_url=two.claude.base_url, default_model="claude-x")
    completion = two.ask(two.start(routes, more={"claude": claude}))
    assert [step[1] for step in steps(completion)] == ["a", "b", "claude-x"]
    assert completion.route == "r"


def test_a_route_is_the_default_model(two: Two) -> None:
    system = two.start(default_model="r")
    assert two.ask(system, model=None).route == "r"


def test_a_request_that_one_hop_cannot_take_is_refused_before_anything_is_sent(two: Two) -> None:
    system = two.start()
    with pytest.raises(InvalidInput) as caught:
        two.ask(system, seed=5)
    assert str(caught.value).startswith(
        "request to route r, which leads to claude/claude-x: 2 problems\n  seed: "
    )
    assert "routes.r.unfit = 'refuse': 'skip' asks the other hops alone" in str(caught.value)
    assert two.chat.requests == ()


def test_or_it_is_asked_without_that_hop(two: Two) -> None:
    system = two.start({"r": {"hops": ["chat/small", "claude/claude-x"], "unfit": "skip"}})
    assert two.ask(system, seed=5).text == FIRST
    two.chat.set_default(Script.failing(500))
    with pytest.raises(ConnectionFailed, match="claude/claude-x cannot take this request"):
        two.ask(system, seed=5, options=FAST.replace(max_reconnect_attempts=1))
    assert two.claude.requests == ()
    only = two.start({"r": {"hops": ["claude/claude-x"], "unfit": "skip"}})
    with pytest.raises(InvalidInput, match="seed"):
        two.ask(only, seed=5)


def test_a_hop_may_drop_what_it_cannot_take(two: Two) -> None:
    hops = ["chat/small", {"model": "claude/claude-x", "options": {"on_unsupported": "drop"}}]
    two.chat.set_default(Script.failing(500))
    assert two.ask(two.start({"r": hops}), seed=5).text == SECOND
    assert thaw(two.chat.requests[0].body)["seed"] == 5
    assert "seed" not in thaw(two.claude.requests[0].body)


def test_each_hop_has_its_usage_and_cost(two: Two) -> None:
    prices = {
        "chat/small": {"input_usd_per_mtok": 1.0, "output_usd_per_mtok": 2.0},
        "claude/*": {"input_usd_per_mtok": 10.0, "output_usd_per_mtok": 20.0},
    }
    two.chat.set_default(Script(text=FIRST))
    completion = two.ask(two.start(prices=prices))
    usage = completion.usage
    assert usage.input_tokens
    assert usage.output_tokens
    assert completion.cost_usd == pytest.approx((usage.input_tokens + 2 * usage.output_tokens) / 1e6)

    two.chat.set_default(Script.failing(500))
    fallen = two.ask(two.start(prices=prices))
    first, second = fallen.attempts
    assert (first.cost_usd, first.usage.input_tokens) == (None, None)
    assert second.cost_usd == fallen.cost_usd
    spent = 10 * (fallen.usage.input_tokens or 0) + 20 * (fallen.usage.output_tokens or 0)
    assert fallen.cost_usd == pytest.approx(spent / 1e6)
    assert two.ask(two.start()).cost_usd is None


class PerCall:
    """A service's own prices: a cent for each call to one provider; of others it knows nothing."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def cost_usd(self, provider: str, model: str, usage: Usage) -> float | None:
        self.asked.append((provider, model))
        return 0.01 if provider == "chat" and usage.output_tokens else None


def test_a_service_may_bring_its_own_prices(two: Two) -> None:
    book = PerCall()
    prices = {"claude/*": {"input_usd_per_mtok": 10.0, "output_usd_per_mtok": 20.0}}
    system = two.start(prices=prices, book=book, options=FAST.replace(on_cut="reset"))
    assert two.ask(system).cost_usd == 0.01
    assert set(book.asked) == {("chat", "small")}

    two.chat.set_default(Script(text=FIRST, cut=Cut(after_deltas=2)))
    fallen = two.ask(system)
    first, second = fallen.attempts
    assert first.cost_usd is None, "it was cut before it told its usage"
    spent = 10 * (second.usage.input_tokens or 0) + 20 * (second.usage.output_tokens or 0)
    assert fallen.cost_usd == second.cost_usd == pytest.approx(spent / 1e6), "by the configured prices"
    assert book.asked[-1] == ("claude", "claude-x")


def test_an_unknown_model_of_the_catalogue_leads_on(two: Two) -> None:
    options = FAST.replace(validate_model=True)
    (model, *_) = two.start().models("chat").get(timeout=LIMIT_S).models
    completion = two.ask(two.start({"r": ["chat/nobody-has-it", f"chat/{model.id}"]}, options))
    assert [(step[1], *step[2:]) for step in steps(completion)] == [
        ("nobody-has-it", "model_not_found", "fall_back"), (model.id, None, "completed"),
    ]  # fmt: skip
    assert [record.sent for record in completion.attempts] == [False, True]
    with pytest.raises(ModelNotFound, match="route r has no further hop"):
        two.ask(two.start({"r": ["chat/nobody-has-it"]}, options))


def test_a_cancel_while_the_second_hop_answers_ends_it(two: Two) -> None:
    two.chat.set_default(Script.failing(500))
    two.claude.set_default(Script(text=SECOND, stall=Stall(after_deltas=1)))
    stream = two.start(options=FAST.replace(first_content_timeout_s=20)).stream(
        ChatRequest(model="r", messages="Count")
    )
    assert next(iter(stream)).text
    stream.cancel()
    with pytest.raises(StreamError) as caught:
        stream.result(timeout=LIMIT_S)
    assert (caught.value.error_class, caught.value.provider) == ("cancelled", "claude")
    two.claude.wait_for_disconnects()


# ---- after content


def test_where_a_turn_may_start_again_the_next_hop_starts_it(two: Two) -> None:
    two.chat.set_default(Script(text=FIRST, cut=Cut(after_deltas=2, how="fin")))
    stream = two.start(options=FAST.replace(on_cut="reset")).stream(ChatRequest(model="r", messages="Count"))
    deltas = list(stream)
    (place,) = [number for number, delta in enumerate(deltas) if isinstance(delta, StreamReset)]
    reset = deltas[place]
    assert isinstance(reset, StreamReset)
    assert (reset.provider, reset.model) == ("claude", "claude-x")
    assert FIRST.startswith(text_of(deltas[:place]))
    assert text_of(deltas[place:]) == SECOND
    assert [delta.seq for delta in deltas] == list(range(1, len(deltas) + 1))
    completion = stream.result(timeout=LIMIT_S)
    assert (completion.text, completion.provider) == (SECOND, "claude")
    assert [step[::3] for step in steps(completion)] == [("chat", "reset"), ("claude", "completed")]
    (event,) = two.told.events
    assert event.model_dump()["decision"] == "reset"


def test_a_server_that_truly_goes_on_is_asked_before_another_hop(two: Two) -> None:
    more = {"chat": ProviderConfig(kind="openai-chat", profile="vllm", base_url=two.chat.base_url)}
    two.chat.enqueue(Script(text="one two three four", cut=Cut(after_deltas=2, how="fin")))
    two.chat.set_default(Script(text="one two three four", prefix="continue"))
    system = two.start(more=more, options=FAST.replace(on_cut="reset"))
    completion = two.ask(system)
    assert completion.text == "one two three four"
    assert [step[::3] for step in steps(completion)] == [("chat", "resume"), ("chat", "completed")]


def test_ask_shows_only_whole_answers_so_another_hop_may_give_it(two: Two) -> None:
    two.chat.set_default(Script(text=FIRST, cut=Cut(after_deltas=2, how="fin")))
    completion = two.start().ask(ChatRequest(model="r", messages="Count")).get(timeout=LIMIT_S)
    assert (completion.text, completion.provider) == (SECOND, "claude")


# ---- where breakers stand in the way


def test_a_first_hop_whose_breaker_is_open_is_left_unasked(two: Two) -> None:
    system = two.start()
    system.breaker("chat").force_open()
    completion = two.ask(system)
    assert (completion.text, two.chat.requests) == (SECOND, ())
    assert [(record.error_class, record.sent) for record in completion.attempts] == [
        ("refused", False), (None, True),
    ]  # fmt: skip


def test_a_further_hop_whose_breaker_is_open_is_passed_over(two: Two) -> None:
    two.chat.set_default(Script.failing(500))
    two.chat.enqueue(Script.failing(500), model="a")
    two.chat.enqueue(Script(text=FIRST), model="c")
    system = two.start({"r": ["chat/a", "claude/claude-x", "chat/c"]})
    system.breaker("claude/claude-x").force_open()
    completion = two.ask(system)
    assert completion.text == FIRST
    assert [step[1] for step in steps(completion)] == ["a", "c"]
    (event,) = two.told.events
    assert event.model_dump()["reason"] == "transient; claude/claude-x is not asked: its breaker is open"
    assert two.claude.requests == ()
