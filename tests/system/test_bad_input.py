"""The caller's mistakes: an error at once, naming field, value and remedy, and nothing on the wire."""

import multiprocessing
import os
import subprocess
import sys

import pytest

from greenroom import (
    ActorSystem,
    AdmissionRefused,
    ChatRequest,
    GreenroomError,
    InvalidInput,
    ProviderConfig,
    StartedBeforeFork,
    StreamSystemDown,
    SystemConfig,
    SystemDown,
)
from greenroom.messages.commands import HttpRequest
from greenroom.providers.simulator import Script, Simulator, Stall

from tests_system import LIMIT_S, wait_until

HELLO = ChatRequest(messages="Hello")


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("smi/x", ["model = 'smi/x'", "no provider 'smi' is configured", "did you mean 'sim'?"]),
        ("gpt-5", ["model = 'gpt-5'", "must be provider/model", "such as sim/gpt-5"]),
        ("sim/", ["model = 'sim/'", "must be provider/model"]),
    ],
)
def test_a_model_that_leads_nowhere(
    system: ActorSystem, simulator: Simulator, model: str, said: list[str]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        system.stream(ChatRequest(model=model, messages="Hello"))
    for words in said:
        assert words in str(caught.value)
    assert simulator.requests == ()


def test_no_model_at_all(simulator: Simulator) -> None:
    config = SystemConfig(providers={"sim": ProviderConfig(base_url=simulator.base_url)})
    with ActorSystem.start(config) as system, pytest.raises(InvalidInput, match="default_model"):
        system.stream(HELLO)


@pytest.mark.parametrize(
    ("providers", "said"),
    [
        ({"openai": ProviderConfig()}, r"providers\.openai\.api_key: is required.*OPENAI_API_KEY"),
        ({"mine": ProviderConfig()}, r"providers\.mine\.base_url: is required, such as http://"),
        (
            {"sim": ProviderConfig(base_url="http://127.0.0.1:1/v1", kind="soap")},
            r"kind.*'soap'.*openai-chat",
        ),
        ({"sim": ProviderConfig(base_url="http://127.0.0.1:1/v1", profile="vlm")}, r"profile.*'vlm'.*vllm"),
    ],
)
def test_a_provider_that_cannot_work_is_refused_at_the_start(
    providers: dict[str, ProviderConfig], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        ActorSystem.start(SystemConfig(providers=providers))


def test_more_streams_than_allowed(simulator: Simulator) -> None:
    simulator.set_default(Script(text="one two", stall=Stall(after_deltas=1)))
    config = SystemConfig(
        default_model="sim/x",
        providers={"sim": ProviderConfig(base_url=simulator.base_url)},
        max_streams=2,
        drain_s=0,
    )
    with ActorSystem.start(config) as system:
        live = [system.stream(HELLO) for _ in range(2)]
        for stream in live:
            assert stream.next_delta().get(timeout=LIMIT_S) is not None
        with pytest.raises(AdmissionRefused, match="max_streams"):
            system.stream(HELLO).result(timeout=LIMIT_S)
        live[0].cancel()
        wait_until(lambda: system.statistics().requests.live == 1)
        assert system.stream(HELLO).next_delta().get(timeout=LIMIT_S) is not None
        assert system.statistics().requests.refused_total == 1


def test_keys_are_taken_in_turn_and_asked_for(simulator: Simulator) -> None:
    asked = []

    def current() -> str:
        asked.append(len(asked))
        return f"sk-callable-{len(asked)}"

    providers = {
        "several": ProviderConfig(base_url=simulator.base_url, api_key=["sk-one", "sk-two"]),
        "asked": ProviderConfig(base_url=simulator.base_url, api_key=current),
    }
    with ActorSystem.start(SystemConfig(providers=providers)) as system:
        for model in ("several/x", "several/x", "several/x", "asked/x", "asked/x"):
            system.stream(ChatRequest(model=model, messages="Hello")).result(timeout=LIMIT_S)
        sent = [dict(record.headers)["authorization"] for record in simulator.requests]

    assert sent == [
        "Bearer sk-one", "Bearer sk-two", "Bearer sk-one", "Bearer sk-callable-1", "Bearer sk-callable-2",
    ]  # fmt: skip


def test_a_key_callable_that_fails_ends_the_stream_typed_and_tells_no_secret(simulator: Simulator) -> None:
    def current() -> str:
        raise RuntimeError("vault said: sk-secret")

    config = SystemConfig(providers={"sim": ProviderConfig(base_url=simulator.base_url, api_key=current)})
    with (
        ActorSystem.start(config) as system,
        pytest.raises(GreenroomError, match="api_key callable") as caught,
    ):
        system.stream(ChatRequest(model="sim/x", messages="Hello")).result(timeout=LIMIT_S)
    assert "sk-secret" not in repr(caught.value)
    assert simulator.requests == ()


def test_when_the_dispatcher_dies_every_handle_fails(system: ActorSystem, simulator: Simulator) -> None:
    simulator.enqueue(Script(text="one two", stall=Stall(after_deltas=1)))
    stream = system.stream(HELLO)
    first = stream.next_delta().get(timeout=LIMIT_S)
    assert first is not None
    system._dispatcher.call(system._dispatcher.loop.stop)

    with pytest.raises(StreamSystemDown) as caught:
        stream.result(timeout=LIMIT_S)
    assert isinstance(caught.value, SystemDown)
    assert caught.value.partial is not None
    assert caught.value.partial.text == first.text
    with pytest.raises(SystemDown):
        system.stream(HELLO)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_is_told_to_start_its_own(system: ActorSystem) -> None:
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_use_in_child, args=(system, sender))
    child.start()
    assert receiver.poll(LIMIT_S)
    said = receiver.recv()
    child.join(LIMIT_S)
    receiver.close()
    sender.close()
    child.close()

    assert said.startswith("StartedBeforeFork")
    assert "after" in said
    assert system.stream(HELLO).result(timeout=LIMIT_S).text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_in_a_forked_child_nothing_waits_for_ever() -> None:
    """As a service sees it: forked in the middle of a stream, over a connection that is kept alive."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", _FORKS], capture_output=True, text=True,
        timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "child 7\nparent completed\n"


_FORKS = """
import asyncio, os, sys
from greenroom import ActorSystem, ChatRequest, ProviderConfig, StartedBeforeFork, SystemConfig
from greenroom.providers.simulator import Script, Simulator, Stall

async def awaited(stream):
    await stream

async def iterated(stream):
    async for delta in stream:
        pass

hello = ChatRequest(messages="Hello", model="sim/x")
with Simulator() as simulator:
    provider = ProviderConfig(base_url=simulator.base_url)
    with ActorSystem.start(SystemConfig(providers={"sim": provider}, drain_s=0)) as system:
        system.ask(hello).get(timeout=9)
        simulator.enqueue(*[Script(text="one two", stall=Stall(after_deltas=1, for_s=1))] * 2)
        stream, asked, cursor = system.stream(hello), system.ask(hello), None
        pending = stream.next_delta()
        pending.get(timeout=9)
        pending = stream.next_delta()
        child = os.fork()
        if child == 0:
            uses = [
                lambda: system.stream(hello), lambda: system.ask(hello), system.statistics, stream.result,
                lambda: next(iter(stream)), stream.next_delta, asked.get, pending.get,
                lambda: asyncio.run(awaited(stream)), lambda: asyncio.run(awaited(asked)),
                lambda: asyncio.run(iterated(stream)),
            ]
            for place, use in enumerate(uses):
                try:
                    print(place, use(), flush=True)
                except StartedBeforeFork:
                    pass
            sys.exit(7)  # through both `with`, and what the interpreter and C libraries do at an exit
        print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        del pending
        print("parent", stream.result(timeout=9).outcome)
"""


@pytest.mark.parametrize("given", ["Hello", {"messages": "Hello"}, None])
def test_what_is_no_request(system: ActorSystem, given: object) -> None:
    for use in (system.stream, system.ask):
        with pytest.raises(
            InvalidInput, match=r"must be a ChatRequest, not .*; write ChatRequest\(messages="
        ):
            use(given)


def test_what_is_no_config() -> None:
    with pytest.raises(InvalidInput, match="config: must be a SystemConfig, not a dict"):
        ActorSystem.start({"providers": {}})


def test_a_system_that_was_only_made_says_how_to_start_it(simulator: Simulator) -> None:
    system = ActorSystem(SystemConfig(providers={"sim": ProviderConfig(base_url=simulator.base_url)}))
    with pytest.raises(SystemDown, match=r"was not started; ActorSystem\.start"):
        system.stream(HELLO)
    system.stop()


def _use_in_child(system: ActorSystem, sender: object) -> None:
    try:
        system.stream(HELLO)
    except StartedBeforeFork as error:
        sender.send(f"{type(error).__name__}: {error}")  # type: ignore[attr-defined]
    except BaseException as error:
        sender.send(f"wrong: {error!r}")  # type: ignore[attr-defined]
    os._exit(0)


def test_no_secret_in_what_is_shown() -> None:
    provider = ProviderConfig(
        base_url="http://127.0.0.1:1/v1", api_key="sk-very-secret", headers={"x-token": "sk-also-secret"}
    )
    config = SystemConfig(default_model="p/x", providers={"p": provider})
    request = HttpRequest("POST", "/v1", (("authorization", "Bearer sk-very-secret"),))
    with ActorSystem.start(config) as system:
        job = system._job(HELLO)
        shown = f"{system!r} {config!r} {provider} {config.model_dump_json()} {job!r} {request!r}"
        shown += repr(job.call(1, "sk-very-secret"))

    assert "secret" not in shown
