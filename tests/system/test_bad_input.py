"""The caller's mistakes: an error at once, naming field, value and remedy, and nothing on the wire."""

import logging
import multiprocessing
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from greenroom import (
    ActorSystem,
    AdmissionRefused,
    ChatRequest,
    CredentialRefused,
    GreenroomError,
    InvalidInput,
    ProviderConfig,
    StartedBeforeFork,
    StreamingOptions,
    StreamSystemDown,
    SystemConfig,
    SystemDown,
)
from greenroom.messages.commands import HttpRequest
from greenroom.providers.pricing import PriceList
from greenroom.providers.simulator import Script, Simulator, Stall

from tests_system import LIMIT_S, wait_until

HELLO = ChatRequest(messages="Hello")


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("smi/x", ["model = 'smi/x'", "no provider 'smi' is configured", "did you mean 'sim'?"]),
        ("gpt-5", ["model = 'gpt-5'", "must be provider/model", "such as sim/gpt-5"]),
        ("sim/", ["model = 'sim/'", "sim has no default_model; write sim/MODEL"]),
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


def test_a_key_callable_that_fails_ends_the_stream_typed_and_tells_no_secret(
    simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def current() -> str:
        raise RuntimeError("vault said: sk-secret")

    config = SystemConfig(providers={"sim": ProviderConfig(base_url=simulator.base_url, api_key=current)})
    with (
        ActorSystem.start(config) as system,
        pytest.raises(GreenroomError, match="api_key callable") as caught,
    ):
        system.stream(ChatRequest(model="sim/x", messages="Hello")).result(timeout=LIMIT_S)
    assert "sk-secret" not in repr(caught.value)
    assert re.search(r"failed: RuntimeError at test_bad_input\.py:\d+ \[", str(caught.value))
    assert simulator.requests == ()
    # Pykka logs what an asked actor raises, with its words.
    assert "sk-secret" not in caplog.text


_LET_GO = threading.Event()


def _hang() -> str:
    _LET_GO.wait(LIMIT_S)
    return "sk-late"


def _leave() -> str:
    sys.exit("sk-secret")


@pytest.mark.parametrize(
    ("current", "told"),
    [
        (lambda: None, "returned a value of type NoneType, not a key"),
        (lambda: "", "returned an empty string, not a key"),
        (lambda: "sk-secret\n", "returned a string with spaces, line ends or other characters"),
        (_hang, r"did not return within connect_timeout_s \(0.1 s\)"),
        (_leave, "failed: SystemExit at test_bad_input"),
    ],
)
def test_what_a_key_callable_did_is_told(
    current: Any, told: str, simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    config = SystemConfig(
        providers={"sim": ProviderConfig(base_url=simulator.base_url, api_key=current)},
        options=StreamingOptions(connect_timeout_s=0.1),
    )
    _LET_GO.clear()
    with ActorSystem.start(config) as system:
        with pytest.raises(CredentialRefused, match=rf"the api_key callable of provider 'sim' {told}"):
            system.stream(ChatRequest(model="sim/x", messages="Hello")).result(timeout=LIMIT_S)
        _LET_GO.set()
    assert "sk-secret" not in caplog.text


async def _async_key() -> str:
    return "sk-x"


def test_an_async_key_callable_is_refused_at_once() -> None:
    with pytest.raises(InvalidInput, match=r"api_key = .*: must be a plain function, not an async one"):
        ProviderConfig(api_key=_async_key)


def test_an_unknown_wire_or_profile_names_its_provider() -> None:
    for field, given, near in (("kind", "openai-chats", "openai-chat"), ("profile", "vlm", "vllm")):
        provider = ProviderConfig(base_url="http://127.0.0.1:1", **{field: given})
        with pytest.raises(InvalidInput) as caught:
            ActorSystem.start(SystemConfig(providers={"mine": provider}))
        assert f"providers.mine.{field} = '{given}': unknown {field}; did you mean '{near}'?" in str(
            caught.value
        )


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


@pytest.mark.parametrize("wrong", ["5", float("nan"), True, object()])
def test_a_wait_that_is_no_number_of_seconds(system: ActorSystem, simulator: Simulator, wrong: float) -> None:
    simulator.set_default(Script(text="Hello", stall=Stall()))
    stream, future = system.stream(HELLO), system.ask(HELLO)
    waits = [
        lambda: stream.result(timeout=wrong), lambda: stream.text(wrong), lambda: future.get(timeout=wrong),
        lambda: stream.next_delta().get(timeout=wrong),
    ]  # fmt: skip
    for wait in waits:
        with pytest.raises(InvalidInput, match=r"^timeout = .*: must be a number of seconds$"):
            wait()
    with pytest.raises(InvalidInput, match=r"^timeout_s = "):
        system.statistics(timeout_s=wrong)
    with pytest.raises(InvalidInput, match=r"^drain_s = "):
        system.stop(drain_s=wrong)

    assert not stream.done, "a wrong drain_s has stopped the system"
    system.stop(drain_s=-1)
    assert stream.done


def test_a_wait_that_was_too_short_says_what_goes_on(system: ActorSystem, simulator: Simulator) -> None:
    simulator.set_default(Script(text="Hello", stall=Stall(after_deltas=0)))
    request = HELLO.model_copy(update={"request_id": "r-mine"})
    stream, future = system.stream(request), system.ask(request)
    for wait, what in (
        (stream.result, "no result within 0.01 s; the stream"),
        (stream.next_delta().get, "no delta within 0.01 s; the stream"),
        (future.get, "no completion within 0.01 s; the request"),
    ):
        with pytest.raises(TimeoutError, match=rf"^{what} goes on \[request_id=r-mine\]$"):
            wait(timeout=0.01)


def test_waiting_without_end(system: ActorSystem) -> None:
    assert system.ask(HELLO).get(timeout=float("inf")).text == system.stream(HELLO).text(float("inf"))


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("events", "an EventSink (greenroom.messages.contracts): it has no wants and no emit"),
        ("clock", "a Clock (greenroom.messages.contracts): it has no now_s and no wall_s"),
        ("prices", "a PriceBook (greenroom.messages.contracts): it has no cost_usd"),
    ],
)  # fmt: skip
def test_what_is_no_part_of_a_system(part: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(f"{part} = (object): must be {said}")):
        ActorSystem.start(SystemConfig(), **{part: object()})


def test_a_class_is_no_part_of_a_system() -> None:
    with pytest.raises(InvalidInput, match="this is a class; give an instance"):
        ActorSystem.start(SystemConfig(), prices=PriceList)  # type: ignore[arg-type]


ROUTES = {"smart": ["sim/m"]}
SERVER_RESUME = {"hops": ["sim/m"], "options": {"server_resume": True}}


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("smrt", "must be provider/model, such as sim/smrt, or a route; did you mean 'smart'?"),
        ("zebra", "must be provider/model, such as sim/zebra, or a route: smart"),
        ("smart/m", "smart is a route, and has no models of its own; write 'smart' alone"),
    ],
)
def test_a_request_that_names_no_route(simulator: Simulator, model: str, said: str) -> None:
    config = SystemConfig(providers={"sim": ProviderConfig(base_url=simulator.base_url)}, routes=ROUTES)
    with ActorSystem.start(config) as system, pytest.raises(InvalidInput, match=re.escape(said)):
        system.stream(ChatRequest(model=model, messages="Hello"))


def test_a_recovery_that_no_hop_of_a_route_has_is_refused_at_the_start(simulator: Simulator) -> None:
    sim = ProviderConfig(base_url=simulator.base_url)
    keeps = ProviderConfig(kind="openai-responses", base_url=simulator.base_url)
    config = SystemConfig(providers={"sim": sim, "keeps": keeps}, routes={"smart": SERVER_RESUME})
    said = "routes.smart.options.server_resume = True: sim (openai-chat) keeps no answer"
    with pytest.raises(InvalidInput, match=re.escape(said)):
        ActorSystem.start(config)
    one_does = {"smart": {**SERVER_RESUME, "hops": ["sim/m", "keeps/m"]}}
    dropped = [{"model": "sim/m", "options": {"on_unsupported": "drop"}}]
    for routes in (one_does, {"smart": {**SERVER_RESUME, "hops": dropped}}):
        with ActorSystem.start(config.replace(routes=routes)):
            pass


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


def test_a_ca_bundle_that_cannot_be_read_is_said_before_any_request(tmp_path: Path) -> None:
    (tmp_path / "not.pem").write_text("no certificate")
    for name, why in (("missing.pem", "No such file"), ("not.pem", "(?i)no certificate")):
        provider = ProviderConfig(base_url="https://127.0.0.1:1/v1", ca_bundle=str(tmp_path / name))
        with pytest.raises(InvalidInput, match=r"providers\.p\.ca_bundle: must be a PEM file") as caught:
            ActorSystem.start(SystemConfig(providers={"p": provider}))
        assert re.search(why, str(caught.value))


@pytest.mark.parametrize(
    "proxy", ["socks5://user:secret@proxy.test:1080", "http://user:secret@proxy.test:no"]
)
def test_a_proxy_of_the_environment_that_cannot_be_used(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ALL_PROXY", "all_proxy", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    config = SystemConfig(providers={"p": ProviderConfig(base_url="https://llm.test/v1")})
    with pytest.raises(
        InvalidInput, match=r"providers\.p\.proxy: .* the environment's .* set HTTPS_PROXY"
    ) as caught:
        ActorSystem.start(config)
    assert "secret" not in str(caught.value)
