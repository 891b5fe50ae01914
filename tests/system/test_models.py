"""Lists of models and `validate_model` over real sockets."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from greenroom import (
    ActorSystem,
    ChatRequest,
    InvalidInput,
    ModelListUnavailable,
    ModelNotFound,
    ProviderConfig,
    StreamCancelled,
    StreamingOptions,
    StreamTimedOut,
    SystemConfig,
    SystemStopped,
    register_model_source,
)
from greenroom.actors.testkit import Recorder
from greenroom.messages.contracts import ModelQuery
from greenroom.messages.models import ListedModels, ModelInfo
from greenroom.providers import model_sources
from greenroom.providers.local_model import LocalModelServer
from greenroom.providers.simulator import Script, Simulator

from list_of_models import HeldList
from tests_system import LIMIT_S, wait_until

KEY = "sk-0123456789abcdef"
CHECKED = StreamingOptions(validate_model=True, backoff_initial_s=0.01, backoff_max_s=0.05)
Start = Callable[..., ActorSystem]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(Script(text="hello"), api_key=KEY, models=["gpt-5", "gpt-5-mini", "o3"]) as running:
        yield running


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def begin(recorder: Recorder) -> Iterator[Start]:
    """A system with these providers, stopped afterwards."""
    systems: list[ActorSystem] = []

    def start(options: StreamingOptions = CHECKED, **providers: ProviderConfig) -> ActorSystem:
        config = SystemConfig(providers=providers, options=options, drain_s=0)
        systems.append(ActorSystem.start(config, events=recorder))
        return systems[-1]

    yield start
    for system in systems:
        system.stop(drain_s=0)


def at(url: str, **more: object) -> ProviderConfig:
    return ProviderConfig(base_url=url, **{"api_key": KEY, **more})


def sent(simulator: Simulator) -> list[str]:
    return [record.path for record in simulator.requests]


# ---- lists


def test_each_providers_models(begin: Start, simulator: Simulator) -> None:
    system = begin(
        plain=at(simulator.base_url), studio=at(simulator.base_url, profile="lmstudio"),
        ollama=at(simulator.base_url), wrong=at(simulator.base_url, api_key="sk-other-0123456789"),
    )  # fmt: skip
    plain, studio, ollama, wrong = system.models().get(timeout=LIMIT_S)
    assert [model.id for model in plain.models] == ["gpt-5", "gpt-5-mini", "o3"]
    assert [model.state for model in studio.models] == ["loaded", "not-loaded", "not-loaded"]
    assert studio.models[0].context_length_tokens == 8192
    assert ollama.models[1].aliases == ("gpt-5-mini",)
    assert (wrong.models, wrong.fetched_at_s) == ((), None)
    assert wrong.failure is not None
    assert wrong.failure.error_class == "credential"
    with pytest.raises(ModelListUnavailable, match="check the api_key of provider 'wrong'"):
        system.models("wrong").get(timeout=LIMIT_S)
    before = len(simulator.requests)
    again = system.models("plain").get(timeout=LIMIT_S)
    assert (again, len(simulator.requests)) == (plain, before)
    # The simulator says of each that it was made now, in whole seconds.
    fresh = system.models("plain", refresh=True).get(timeout=LIMIT_S)
    assert [model.id for model in fresh.models] == [model.id for model in plain.models]
    assert len(simulator.requests) == before + 1
    told = system.statistics().models
    assert (told.entries, told.fetch_failures_total, told.hits_total) == (4, 1, 1)


def test_a_list_can_be_awaited(begin: Start, simulator: Simulator) -> None:
    system = begin(plain=at(simulator.base_url))

    async def both() -> tuple[int, int]:
        (first,) = await system.models()
        one = await asyncio.wait_for(_awaited(system), LIMIT_S)
        return len(first.models), one

    async def _awaited(system: ActorSystem) -> int:
        return len((await system.models("plain")).models)

    assert asyncio.run(both()) == (3, 3)


def test_wrong_questions_are_refused_where_they_are_asked(begin: Start, simulator: Simulator) -> None:
    system = begin(plain=at(simulator.base_url))
    with pytest.raises(InvalidInput, match="no provider 'plian' is configured; did you mean 'plain'"):
        system.models("plian")
    with pytest.raises(InvalidInput, match="provider = 5"):
        system.models(5)  # type: ignore[call-overload]
    with pytest.raises(InvalidInput, match="timeout_s"):
        system.models("plain", timeout_s=float("nan"))
    system.stop()
    with pytest.raises(SystemStopped):
        system.models()


def test_a_third_partys_source(begin: Start, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_sources, "_model_sources", dict(model_sources._model_sources))
    threads: list[threading.Thread] = []

    class Ours:
        def models(self, query: ModelQuery) -> ListedModels:
            threads.append(threading.current_thread())
            assert query.api_key == KEY
            return ListedModels(models=(ModelInfo(id="ours"),))

    register_model_source("vllm", Ours)
    system = begin(gpu=at(simulator.base_url, profile="vllm"))
    assert [model.id for model in system.models("gpu").get(timeout=LIMIT_S).models] == ["ours"]
    assert threads[0] is not threading.main_thread()
    assert sent(simulator) == []
    for wrong in (("", Ours), ("x", None)):
        with pytest.raises(InvalidInput, match="register_model_source"):
            register_model_source(*wrong)  # type: ignore[arg-type]


def test_the_real_llama_tells_its_model(begin: Start, llama_server: LocalModelServer) -> None:
    system = begin(
        llama=ProviderConfig(base_url=llama_server.base_url, api_key=llama_server.api_key, profile="llamacpp")
    )
    (model,) = system.models("llama").get(timeout=LIMIT_S).models
    assert model.id == llama_server.model
    assert model.context_length_tokens is not None
    answer = system.stream(ChatRequest(model=f"llama/{model.id}", messages="Say hi", max_output_tokens=4))
    assert answer.result(timeout=60).outcome == "completed"
    with pytest.raises(ModelNotFound):
        system.stream(ChatRequest(model="llama/no-such-model", messages="x")).result(timeout=LIMIT_S)


# ---- validate_model


def test_a_known_model_is_asked(begin: Start, simulator: Simulator, recorder: Recorder) -> None:
    system = begin(sim=at(simulator.base_url))
    for _ in range(2):
        assert (
            system.stream(ChatRequest(model="sim/o3", messages="x")).result(timeout=LIMIT_S).text == "hello"
        )
    assert sent(simulator) == ["/v1/models", "/v1/chat/completions", "/v1/chat/completions"]
    assert recorder.named("stream.model_unchecked") == []


def test_an_unknown_model_is_refused_with_the_closest_names(begin: Start, simulator: Simulator) -> None:
    system = begin(sim=at(simulator.base_url))
    system.models("sim").get(timeout=LIMIT_S)
    with pytest.raises(ModelNotFound) as caught:
        system.stream(ChatRequest(model="sim/gpt-5-mni", messages="x")).result(timeout=LIMIT_S)
    text = str(caught.value)
    assert text.startswith(
        "sim has no model 'gpt-5-mni'; did you mean 'gpt-5-mini' or 'gpt-5'? [model_not_found;"
    )
    assert (caught.value.is_retryable, caught.value.attempt, caught.value.model) == (False, 0, "gpt-5-mni")
    assert sent(simulator) == ["/v1/models", "/v1/models"], "fetched once more, and nothing else sent"
    with pytest.raises(ModelNotFound):
        system.ask(ChatRequest(model="sim/zzz", messages="x")).get(timeout=LIMIT_S)
    assert len(sent(simulator)) == 2, "wrong names in a row cost the provider one request"
    assert system.statistics().requests.attempts_total == 0


def test_a_model_that_is_new_is_found_by_the_second_look(begin: Start) -> None:
    with HeldList(["old"]) as provider:
        system = begin(sim=ProviderConfig(base_url=provider.url))
        system.models("sim").get(timeout=LIMIT_S)
        provider.names.append("new")
        completion = system.stream(ChatRequest(model="sim/new", messages="x")).result(timeout=LIMIT_S)
        assert completion.text == "hello"
        assert provider.lists == 2


def test_without_the_option_nothing_is_looked_up(begin: Start, simulator: Simulator) -> None:
    system = begin(StreamingOptions(), sim=at(simulator.base_url))
    system.stream(ChatRequest(model="sim/o3", messages="x")).result(timeout=LIMIT_S)
    assert sent(simulator) == ["/v1/chat/completions"]


def test_a_hundred_at_once_cost_one_list(begin: Start, simulator: Simulator) -> None:
    system = begin(sim=at(simulator.base_url))
    streams = [system.stream(ChatRequest(model="sim/o3", messages="x")) for _ in range(100)]
    assert {stream.result(timeout=LIMIT_S).text for stream in streams} == {"hello"}
    assert sent(simulator).count("/v1/models") == 1


@pytest.mark.parametrize("status", [404, 500])
def test_a_list_that_cannot_be_had_lets_it_pass_and_says_so(
    status: int, begin: Start, recorder: Recorder
) -> None:
    with HeldList(["m"]) as provider:
        provider.status = status
        system = begin(sim=ProviderConfig(base_url=provider.url))
        for model in ("m", "other"):
            answer = system.stream(ChatRequest(model=f"sim/{model}", messages="x")).result(timeout=LIMIT_S)
            assert answer.text == "hello"
        assert provider.lists == 1
    unchecked = recorder.named("stream.model_unchecked")
    assert [event.model for event in unchecked] == ["m", "other"]
    assert f"HTTP {status}" in unchecked[0].why
    assert unchecked[0].stream_id is not None
    assert [event.error_class for event in recorder.named("models.fetch_failed")] == [
        "invalid_request" if status == 404 else "transient"
    ]


def test_an_older_list_says_yes_in_an_outage(begin: Start, recorder: Recorder) -> None:
    with HeldList(["m"]) as provider:
        config = SystemConfig(
            providers={"sim": ProviderConfig(base_url=provider.url)}, options=CHECKED, model_list_ttl_s=0,
        )  # fmt: skip
        with ActorSystem.start(config, events=recorder) as system:
            system.models().get(timeout=LIMIT_S)
            provider.status = 503
            for model in ("m", "other"):
                stream = system.stream(ChatRequest(model=f"sim/{model}", messages="x"))
                assert stream.result(timeout=LIMIT_S).text == "hello"
            assert system.models("sim").get(timeout=LIMIT_S).stale
    assert len(recorder.named("models.stale_served")) == 1
    assert [event.model for event in recorder.named("stream.model_unchecked")] == ["other"]


def test_cancel_holds_while_it_is_looked_up(begin: Start) -> None:
    with HeldList(["m"], held=True) as provider:
        system = begin(sim=ProviderConfig(base_url=provider.url))
        stream = system.stream(ChatRequest(model="sim/m", messages="x"))
        assert provider.asked.wait(LIMIT_S)
        stream.cancel()
        with pytest.raises(StreamCancelled):
            stream.result(timeout=LIMIT_S)
        provider.release.set()
        wait_until(lambda: system.statistics().models.fetching == 0)
        assert provider.chats == 0


def test_the_deadline_holds_while_it_is_looked_up(begin: Start) -> None:
    with HeldList(["m"], held=True) as provider:
        system = begin(CHECKED.replace(deadline_s=0.2), sim=ProviderConfig(base_url=provider.url))
        with pytest.raises(StreamTimedOut, match="deadline_s"):
            system.stream(ChatRequest(model="sim/m", messages="x")).result(timeout=LIMIT_S)
        assert provider.chats == 0


def test_a_look_up_that_takes_too_long_lets_it_pass(begin: Start, recorder: Recorder) -> None:
    with HeldList(["m"], held=True) as provider:
        system = begin(CHECKED.replace(connect_timeout_s=0.2), sim=ProviderConfig(base_url=provider.url))
        stream = system.stream(ChatRequest(model="sim/x", messages="x"))
        assert stream.result(timeout=LIMIT_S).text == "hello"
        assert "within 0.2 s" in recorder.named("stream.model_unchecked")[0].why


def test_stopping_while_it_is_looked_up_ends_all(begin: Start) -> None:
    with HeldList(["m"], held=True) as provider:
        system = begin(sim=ProviderConfig(base_url=provider.url))
        stream = system.stream(ChatRequest(model="sim/m", messages="x"))
        assert provider.asked.wait(LIMIT_S)
        system.stop(drain_s=0)
        with pytest.raises(StreamCancelled):
            stream.result(timeout=LIMIT_S)
        # The server holds its answer still: the fetch's thread ends because nobody wants it.
        wait_until(lambda: not any("ModelFetcher" in thread.name for thread in threading.enumerate()))
        assert not provider.release.is_set()


def test_an_alias_passes(begin: Start, simulator: Simulator) -> None:
    system = begin(ollama=at(simulator.base_url))
    stream = system.stream(ChatRequest(model="ollama/o3", messages="x"))
    assert stream.result(timeout=LIMIT_S).text == "hello"
    with pytest.raises(ModelNotFound, match="did you mean 'o3:latest'"):
        system.stream(ChatRequest(model="ollama/o3:latst", messages="x")).result(timeout=LIMIT_S)


def test_without_a_catalogue_requests_pass_and_it_comes_back(
    begin: Start, simulator: Simulator, recorder: Recorder
) -> None:
    """It crashes again and again: its restarts wait."""
    options = StreamingOptions(validate_model=True, connect_timeout_s=0.05)
    system = begin(sim=at(simulator.base_url))
    catalog = system._catalog_cell.ref
    wait_until(catalog.is_alive)
    while not recorder.named("supervisor.restart_scheduled"):
        catalog.kill()
        wait_until(lambda: catalog.is_alive() or recorder.named("supervisor.restart_scheduled"))
    assert system.statistics().models.entries == 0
    stream = system.stream(ChatRequest(model="sim/o3", messages="x", options=options))
    assert stream.result(timeout=LIMIT_S).text == "hello"
    wait_until(catalog.is_alive)
    assert system.models("sim").get(timeout=LIMIT_S) is not None


def test_a_catalogue_that_dies_while_it_is_asked(begin: Start, recorder: Recorder) -> None:
    with HeldList(["m"], held=True) as provider:
        system = begin(sim=ProviderConfig(base_url=provider.url))
        stream = system.stream(ChatRequest(model="sim/x", messages="x"))
        assert provider.asked.wait(LIMIT_S)
        system._catalog_cell.ref.kill()
        assert stream.result(timeout=LIMIT_S).text == "hello"
        provider.release.set()
        assert system.models("sim").get(timeout=LIMIT_S).models[0].id == "m"
