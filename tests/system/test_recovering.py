"""Streams that failed, or whose process ended, go on: with a store in memory, and with a file over two systems."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from greenroom import (
    ActorSystem,
    ChatRequest,
    InvalidInput,
    NoStoredStream,
    ProviderConfig,
    RetryStoreConfig,
    StoreCorrupt,
    StoreForeign,
    StoreLocked,
    StreamError,
    StreamingOptions,
    StreamInUse,
    StreamNotDurable,
    StreamSeam,
    StreamTimedOut,
    SystemConfig,
)
from greenroom.providers.simulator import Cut, HttpAnswer, Script, Simulator
from greenroom.supervision.stores.sqlite import SqliteStore

from tests_system import LIMIT_S

TEXT = "one two three four five six seven eight nine ten"
SECRET = "sk-" + "s3cr" * 10
HASTY = StreamingOptions(max_reconnect_attempts=1, backoff_initial_s=0.01, backoff_max_s=0.02)
Config = Callable[..., SystemConfig]


@pytest.fixture
def config() -> Config:
    def made(base_url: str, options: StreamingOptions = HASTY, **fields: Any) -> SystemConfig:
        # vLLM goes on from a prefix.
        sim = ProviderConfig(
            base_url=base_url, profile="vllm", api_key=SECRET, headers={"X-Team": SECRET[::-1]},
            default_model="m",
        )  # fmt: skip
        providers = {"sim": sim, **fields.pop("providers", {})}
        return SystemConfig(default_model="sim/m", providers=providers, options=options, drain_s=0, **fields)

    return made


@pytest.fixture
def cut_simulator() -> Iterator[Simulator]:
    """Cuts each answer after its fourth delta; goes on from a prefix."""
    script = Script(text=TEXT, prefix="continue", cut=Cut(after_deltas=4))
    with Simulator(script) as running:
        yield running


def wait_until(true: Callable[[], bool]) -> None:
    give_up_s = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < give_up_s
        time.sleep(0.01)


# ---- in memory


def test_a_failed_stream_is_offered_and_goes_on_behind_a_seam(config: Config) -> None:
    script = Script(text=TEXT, prefix="continue", cut=Cut(after_deltas=4))
    with Simulator(script) as simulator, ActorSystem.start(config(simulator.base_url)) as system:
        stream = system.stream(ChatRequest(messages="count"))
        with pytest.raises(StreamError) as failed:
            stream.result(timeout=LIMIT_S)
        assert failed.value.partial is not None
        before = failed.value.partial.text
        wait_until(lambda: system.recoverable() != ())
        (offered,) = system.recoverable()
        assert (offered.stream_id, offered.request_id) == (stream.stream_id, stream.request_id)
        assert (offered.outcome, offered.can_go_on, offered.mode) == ("failed", True, "prefix")
        assert offered.delivered_text == before
        assert before not in repr(offered)
        assert offered.failure is not None
        simulator.set_default(Script(text=TEXT, prefix="continue"))
        again = system.recover(stream.stream_id)
        deltas = list(again)
        completion = again.result(timeout=LIMIT_S)
        assert "".join(delta.text for delta in deltas) == completion.text == TEXT
        seams = [delta for delta in deltas if isinstance(delta, StreamSeam)]
        assert seams[-1].mode == "prefix"
        assert (deltas[0].first_seq or deltas[0].seq) == 1
        last = 0
        for delta in deltas:
            assert (delta.first_seq or delta.seq) == last + 1
            last = delta.seq
        assert completion.stream_id == stream.stream_id
        assert len(completion.attempts) > len(failed.value.partial.attempts)
        assert system.recoverable() == ()
        with pytest.raises(NoStoredStream):
            system.recover(stream.stream_id)


def test_what_was_delivered_is_given_from_where_it_is_wanted(config: Config) -> None:
    script = Script(text=TEXT, prefix="continue", cut=Cut(after_deltas=4))
    with Simulator(script) as simulator, ActorSystem.start(config(simulator.base_url)) as system:
        stream = system.stream(ChatRequest(messages="count"))
        with pytest.raises(StreamError):
            stream.result(timeout=LIMIT_S)
        wait_until(lambda: system.recoverable() != ())
        simulator.set_default(Script(text=TEXT, prefix="continue"))
        seen = system.recoverable()[0].delivered_seq
        for wrong in (seen + 1, -1, "3", True):
            with pytest.raises(InvalidInput, match="after_seq"):
                system.recover(stream.stream_id, after_seq=wrong)  # type: ignore[arg-type]
        again = system.recover(stream.stream_id, after_seq=2)
        first = next(iter(again))
        assert (first.first_seq or first.seq) == 3
        assert again.result(timeout=LIMIT_S).text == TEXT
        with pytest.raises(InvalidInput, match="stream_id"):
            system.recover(5)  # type: ignore[arg-type]


def test_a_running_stream_cannot_be_recovered_and_one_that_completed_is_unknown(config: Config) -> None:
    with Simulator(Script(text=TEXT, delta_interval_s=0.05)) as simulator:
        with ActorSystem.start(config(simulator.base_url)) as system:
            stream = system.stream(ChatRequest(messages="count"))
            with pytest.raises((StreamInUse, NoStoredStream)):
                system.recover(stream.stream_id)
            stream.result(timeout=LIMIT_S)
            with pytest.raises(NoStoredStream):
                system.recover(stream.stream_id)


def test_why_it_cannot_go_on(config: Config) -> None:
    script = Script(text=TEXT, cut=Cut(after_deltas=4))
    strict = StreamingOptions(continue_prefix=False, max_reconnect_attempts=1, backoff_initial_s=0.01)
    with Simulator(script) as simulator, ActorSystem.start(config(simulator.base_url, strict)) as system:
        stream = system.stream(ChatRequest(messages="count"))
        with pytest.raises(StreamError):
            stream.result(timeout=LIMIT_S)
        wait_until(lambda: system.recoverable() != ())
        (offered,) = system.recoverable()
        assert (offered.can_go_on, offered.mode) == (False, None)
        assert "content was delivered" in offered.why
        again = system.recover(stream.stream_id)
        with pytest.raises(StreamError) as failed:
            again.result(timeout=LIMIT_S)
        assert failed.value.partial is not None
        assert failed.value.partial.text == offered.delivered_text


def test_statistics_and_cleaning_up(config: Config) -> None:
    options = HASTY.replace(state_ttl_s=0.05)
    with Simulator(Script(text=TEXT, cut=Cut(after_deltas=4), prefix="refuse")) as simulator:
        with ActorSystem.start(config(simulator.base_url, options)) as system:
            assert system.cleanup_old_states() == 0
            with pytest.raises(StreamError):
                system.stream(ChatRequest(messages="count")).result(timeout=LIMIT_S)
            wait_until(lambda: system.statistics().retry_store.states == 1)
            wait_until(lambda: system.recoverable() == ())
            assert system.cleanup_old_states() == 1
            told = system.statistics().retry_store
            assert (told.kind, told.states, told.expired_total) == ("memory", 0, 1)


def test_durability_without_a_file_is_refused_by_name(config: Config) -> None:
    with pytest.raises(InvalidInput, match=r"options\.durability = 'interval'"):
        config("http://127.0.0.1:1/v1", HASTY.replace(durability="interval"))
    with ActorSystem.start(config("http://127.0.0.1:1/v1")) as system:
        asked = ChatRequest(messages="x", options=StreamingOptions(durability="before_deliver"))
        with pytest.raises(InvalidInput, match=r"options\.durability"):
            system.stream(asked)


# ---- with a file


@pytest.mark.parametrize("durability", ["interval", "before_deliver"])
def test_a_stream_that_a_shutdown_cut_goes_on_in_the_next_system(
    config: Config, tmp_path: Path, durability: Any
) -> None:
    store = RetryStoreConfig(path=tmp_path / "states.db", flush_interval_s=0.05)
    options = HASTY.replace(durability=durability)
    with Simulator(Script(text=TEXT, prefix="continue", delta_interval_s=0.05)) as simulator:
        with ActorSystem.start(config(simulator.base_url, options, retry_store=store)) as system:
            stream = system.stream(ChatRequest(messages="count"))
            cursor = iter(stream)
            seen = [next(cursor), next(cursor)]
        for each in tmp_path.iterdir():
            held = each.read_bytes()
            assert SECRET.encode() not in held
            assert SECRET[::-1].encode() not in held
        with ActorSystem.start(config(simulator.base_url, options, retry_store=store)) as system:
            (offered,) = system.recoverable()
            assert (offered.outcome, offered.can_go_on, offered.failure) == ("interrupted", True, None)
            assert offered.delivered_seq >= seen[-1].seq
            assert TEXT.startswith(offered.delivered_text)
            again = system.recover(stream.stream_id, after_seq=seen[-1].seq)
            rest = "".join(delta.text for delta in again)
            assert "".join(delta.text for delta in seen) + rest == TEXT
        with ActorSystem.start(config(simulator.base_url, options, retry_store=store)) as system:
            assert system.recoverable() == ()


def test_what_can_go_on_goes_on_by_itself_where_that_is_the_policy(config: Config, tmp_path: Path) -> None:
    path = tmp_path / "states.db"
    with Simulator(Script(text=TEXT, prefix="continue", delta_interval_s=0.05)) as simulator:
        with ActorSystem.start(config(simulator.base_url, retry_store=path)) as system:
            cursor = iter(system.stream(ChatRequest(messages="count")))
            stream_id = next(cursor).stream_id
        store = RetryStoreConfig(path=path, at_start="resume")
        with ActorSystem.start(config(simulator.base_url, retry_store=store)) as system:
            assert system.recoverable() == ()
            again = system.attach(stream_id)
            assert "".join(delta.text for delta in again) == TEXT
            assert again.result(timeout=LIMIT_S).text == TEXT


def test_a_provider_that_is_gone_is_the_reason(config: Config, tmp_path: Path) -> None:
    path = tmp_path / "states.db"
    with Simulator(Script(text=TEXT, delta_interval_s=0.05)) as simulator:
        with ActorSystem.start(config(simulator.base_url, retry_store=path)) as system:
            cursor = iter(system.stream(ChatRequest(messages="count")))
            stream_id = next(cursor).stream_id
    other = SystemConfig(
        providers={"else": ProviderConfig(base_url="http://127.0.0.1:1/v1")}, retry_store=path
    )
    with ActorSystem.start(other) as system:
        (offered,) = system.recoverable()
        assert not offered.can_go_on
        assert "no provider 'sim' is configured" in offered.why
        with pytest.raises(InvalidInput, match="no provider 'sim'"):
            system.recover(stream_id)
        assert [each.stream_id for each in system.recoverable()] == [stream_id]


def test_a_file_that_cannot_be_used_is_told_at_the_start_and_nothing_is_left(
    config: Config, tmp_path: Path
) -> None:
    foreign, mine = tmp_path / "notes", tmp_path / "states.db"
    foreign.write_text("mine")
    with pytest.raises(StoreForeign, match=r"retry_store .*/notes: is no SQLite database"):
        ActorSystem.start(config("http://127.0.0.1:1/v1", retry_store=foreign))
    assert foreign.read_text() == "mine"
    with ActorSystem.start(config("http://127.0.0.1:1/v1", retry_store=mine)):
        with pytest.raises(StoreLocked) as locked:
            ActorSystem.start(config("http://127.0.0.1:1/v1", retry_store=mine))
        assert locked.value.pid == os.getpid()
    ActorSystem.start(config("http://127.0.0.1:1/v1", retry_store=mine)).stop()


def test_the_page_s_example_goes_on(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "retry-store.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    example: dict[str, Any] = {}
    exec(compile(code, "retry-store.md", "exec"), example)  # noqa: S102
    path = tmp_path / "states.db"
    with Simulator(Script(text=TEXT, prefix="continue", delta_interval_s=0.02)) as simulator:
        made = config(simulator.base_url, retry_store=path)
        with ActorSystem.start(made) as system:
            cursor = iter(system.stream(ChatRequest(messages="count")))
            next(cursor)
        example["go_on"](made)
    assert TEXT in capsys.readouterr().out


LIMITED = """
import resource, signal, sys
from greenroom import (
    ActorSystem, ChatRequest, ProviderConfig, RetryStoreConfig, StreamingOptions, StreamNotDurable, SystemConfig,
)
url, path = sys.argv[1:]
config = SystemConfig(
    default_model="sim/m", providers={"sim": ProviderConfig(base_url=url)},
    retry_store=RetryStoreConfig(path=path, flush_interval_s=0.05), drain_s=0,
)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with ActorSystem.start(config) as system:
    lives = system.stream(ChatRequest(messages="x"))
    options = StreamingOptions(durability="before_deliver")
    ends = system.stream(ChatRequest(messages="x", options=options))
    cursor = iter(ends)
    next(cursor)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    try:
        ends.result(timeout=30)
    except StreamNotDurable as error:
        print("typed:", error.error_class, len(error.partial.text) > 0)
    print("lives:", len(lives.result(timeout=30).text))
    print("failing:", system.statistics().retry_store.failing)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs RLIMIT_FSIZE")
def test_a_full_disk_ends_only_who_asked_for_it(tmp_path: Path) -> None:
    """A real limit of the system: no file of the process grows past it."""
    words = "x" * 200_000
    with Simulator(Script(text=words, chunk_size=4000, delta_interval_s=0.01)) as simulator:
        done = subprocess.run(
            [sys.executable, "-c", LIMITED, simulator.base_url, str(tmp_path / "states.db")],
            capture_output=True, text=True, timeout=55, check=False,
        )  # fmt: skip
    assert done.stdout.splitlines() == ["typed: refused True", "lives: 200000", "failing: True"], done.stderr


def spoilt(path: Path, how: str) -> None:
    if how == "removed":
        for each in path.parent.glob(f"{path.name}*"):
            each.unlink()
    else:
        with path.open("r+b") as file:
            file.seek(2 * 4096)
            file.write(os.urandom(path.stat().st_size - 2 * 4096))


@pytest.mark.parametrize(("how", "error"), [("removed", "StoreUnavailable"), ("damaged", "StoreCorrupt")])
def test_a_file_that_is_spoilt_under_streams_is_told_and_they_go_on(
    config: Config, tmp_path: Path, how: str, error: str
) -> None:
    path, told = tmp_path / "states.db", []
    words = "word " * 120
    with Simulator(Script(text=words, delta_interval_s=0.005, prefix="continue")) as simulator:
        made = config(simulator.base_url, retry_store=RetryStoreConfig(path=path, flush_interval_s=0.02))
        with ActorSystem.start(made) as system:
            cursors = [iter(system.stream(ChatRequest(messages="count"))) for _ in range(20)]
            for cursor in cursors:
                next(cursor)
        with ActorSystem.start(made, events=Telling(told)) as system:
            spoilt(path, how)
            lives = system.stream(ChatRequest(messages="count"))
            options = HASTY.replace(durability="before_deliver")
            with pytest.raises(StreamNotDurable, match="the retry store failed: retry_store"):
                system.stream(ChatRequest(messages="count", options=options)).result(timeout=LIMIT_S)
            assert lives.result(timeout=LIMIT_S).text == words
            assert system.statistics().retry_store.failing
    assert [event.error_type for event in told] == [error]
    assert str(path) in told[0].error


class Telling:
    """An EventSink of what fails in the store."""

    def __init__(self, told: list[Any]) -> None:
        self.told = told

    def wants(self, name: str) -> bool:
        return name == "store.failed"

    def emit(self, event: Any) -> None:
        self.told.append(event)


def test_a_start_that_cannot_take_up_what_is_there_leaves_nothing(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(store: SqliteStore) -> Iterator[Any]:
        raise StoreCorrupt(str(store.path), "is damaged")

    monkeypatch.setattr(SqliteStore, "states", unreadable)
    store = RetryStoreConfig(path=tmp_path / "states.db", at_start="resume")
    with pytest.raises(StoreCorrupt):
        ActorSystem.start(config("http://127.0.0.1:9/v1", retry_store=store))
    SqliteStore(tmp_path / "states.db", 1, 1).close()


# ---- routes


@pytest.mark.parametrize("kept", ["memory", "file"])
def test_on_a_route_it_goes_on_at_the_hop_that_had_said_it(tmp_path: Path, kept: str) -> None:
    """The first hop's failure comes when the store has been told of the request already."""
    hold = Script(answer=HttpAnswer(status=500, body="{}"), headers_delay_s=0.2 if kept == "file" else 0.0)
    slow = Script(text=TEXT, prefix="continue", delta_interval_s=0.02)
    cut = Script(text=TEXT, prefix="continue", cut=Cut(after_deltas=4))
    with Simulator(hold) as first, Simulator(slow if kept == "file" else cut) as second:
        providers = {
            name: ProviderConfig(base_url=each.base_url, profile="vllm", default_model=f"model-of-{name}")
            for name, each in (("first", first), ("second", second))
        }
        store = RetryStoreConfig(
            path=tmp_path / "states.db" if kept == "file" else None, flush_interval_s=0.02
        )
        config = SystemConfig(
            providers=providers, routes={"r": ["first", "second"]}, options=HASTY, retry_store=store, drain_s=0,
            default_model="r",
        )  # fmt: skip
        system = ActorSystem.start(config)
        try:
            stream = system.stream(ChatRequest(messages="count", model="r"))
            if kept == "file":
                next(iter_of := iter(stream))
                next(iter_of)
                system.stop()
                system = ActorSystem.start(config)
            else:
                with pytest.raises(StreamError):
                    stream.result(timeout=LIMIT_S)
                wait_until(lambda: system.recoverable() != ())
            (offered,) = system.recoverable()
            assert (offered.provider, offered.model, offered.mode) == ("second", "model-of-second", "prefix")
            first.set_default(Script(text="something else"))
            second.set_default(Script(text=TEXT, prefix="continue"))
            asked = len(first.requests)
            completion = system.recover(offered.stream_id).result(timeout=LIMIT_S)
        finally:
            system.stop()
    assert (completion.text, completion.provider, completion.route) == (TEXT, "second", "r")
    assert len(first.requests) == asked


def test_options_that_were_not_the_requests_own_do_not_refuse_it(config: Config) -> None:
    """The system wants answers kept where a provider can; the one that was asked cannot."""
    options = HASTY.replace(server_resume=True)
    with Simulator(Script(text=TEXT, prefix="continue", cut=Cut(after_deltas=4))) as simulator:
        keeps = ProviderConfig(kind="openai-responses", base_url=simulator.base_url)
        with ActorSystem.start(config(simulator.base_url, options, providers={"keeps": keeps})) as system:
            with pytest.raises(StreamError):
                system.stream(ChatRequest(messages="count")).result(timeout=LIMIT_S)
            wait_until(lambda: system.recoverable() != ())
            (offered,) = system.recoverable()
            assert offered.can_go_on
            simulator.set_default(Script(text=TEXT, prefix="continue"))
            assert system.recover(offered.stream_id).result(timeout=LIMIT_S).text == TEXT


def test_the_errors_are_drawn_on_failures() -> None:
    assert issubclass(StreamNotDurable, StreamError)
    assert not issubclass(StreamNotDurable, StreamTimedOut)
