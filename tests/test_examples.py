"""Programs in examples/ run as they stand, and the wire in them is held to the law of every wire."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import own_wire
from greenroom import ActorSystem, ChatRequest, InvalidInput, ProviderConfig, StreamingOptions, SystemConfig
from greenroom.messages.commands import WireHead
from greenroom.providers import profiles, registry
from greenroom.providers.simulator import Cut, Garbage, Script, Simulator, StreamError

from codec_run import CodecRun
from script_law import CUTS, FORMS, Form, Law, Says
from script_law import Cut as Reads

ROOT = Path(__file__).parents[1]
FAST = StreamingOptions(max_reconnect_attempts=0)
LAW = Law("parrot", Says(refusal=False, cached_tokens=False, reasoning_tokens=False))
RUN = CodecRun(own_wire.ParrotCodec(), "parrot")


@pytest.fixture(scope="module", autouse=True)
def _registered() -> Iterator[None]:
    tables: list[dict[str, Any]] = [registry._codecs, registry._simulated, profiles._profiles]
    before = [dict(table) for table in tables]
    own_wire.register()
    yield
    for table, kept in zip(tables, before, strict=True):
        table.clear()
        table.update(kept)


def program(name: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name)],
        cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=55, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_actors_of_ones_own_are_supervised() -> None:
    lines = program("own_actors.py").splitlines()
    assert lines[-2:] == [
        "{'to': 2, 'be': 2, 'or': 1, 'not': 1, 'that': 1, 'is': 1}", "incarnation 2, 1 restart",
    ]  # fmt: skip


def test_a_server_of_ones_own_is_a_profile() -> None:
    said = program("own_server.py")
    assert said.startswith("Forty-two. (Six times nine) 7 tokens\n")
    assert "acme does not take it" in said
    assert said.endswith("asked with 50\n")


def test_a_route_answers_where_its_first_provider_is_busy() -> None:
    said = program("fallback.py").splitlines()
    assert said[:3] == [
        "One, two, three, four, five.",
        "anthropic/claude-haiku-4-5 by route smart",
        "openai: overloaded, fall_back",
    ]
    assert said[3].startswith("anthropic: answered, completed, 0.0000")


def test_a_wire_of_ones_own_runs() -> None:
    assert program("own_wire.py").splitlines() == [
        "Pieces of eight! [stop]",
        'Let me see. clock({"zone": "UTC"}) [tool_calls]',
        "Good night. [stop]",
        "requests: [200, 200, 503, 200]",
    ]


@settings(deadline=None, max_examples=60)
@given(st.data(), FORMS, CUTS)
def test_the_wire_says_what_is_said(data: st.DataObject, form: Form, cut: Reads) -> None:
    LAW.check(data.draw(LAW.scripts), form, cut)


@settings(deadline=None, max_examples=60)
@given(st.data(), FORMS, st.floats(0, 1, exclude_max=True))
def test_an_answer_of_the_wire_that_is_cut_is_a_beginning(
    data: st.DataObject, form: Form, share: float
) -> None:
    LAW.check_cut_off(data.draw(LAW.scripts), form, share)


VALUES = st.none() | st.text(max_size=3) | st.integers() | st.lists(st.none(), max_size=1)
TOLD = st.dictionaries(
    st.sampled_from(["text", "id", "name", "with", "why", "heard", "said", "x"]), VALUES, max_size=4
)
LINES = st.binary(max_size=30) | st.builds(
    lambda word, value: f"{word} {json.dumps(value)}\n".encode(),
    st.sampled_from([*sorted(own_wire.WORDS), "other"]),
    TOLD | st.lists(st.none(), max_size=2),
)


@settings(deadline=None, max_examples=300)
@given(st.lists(LINES, max_size=12), st.lists(st.integers(1, 30), max_size=20))
def test_nothing_that_a_parrot_sends_raises(lines: list[bytes], sizes: list[int]) -> None:
    RUN.run(b"".join(lines), sizes, raw_deltas=True)


def test_a_line_without_end_is_bounded() -> None:
    decoder = RUN.codec.start(RUN.call(max_event_bytes=2048))
    decoder.head(WireHead(200, ()))
    failures = [decoder.feed(b"say " + b"x" * 500, 1, 0.0).failure for _ in range(6)]
    told = [failure for failure in failures if failure is not None]
    assert [failure.kind for failure in told] == ["bound"]


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (Script(text="a b c", cut=Cut(after_deltas=2)), "connection closed"),
        (Script(text="a b c", cut=Cut(after_deltas=2, how="end")), "ended before the answer did"),
        (Script(text="a b c", stream_error=StreamError(after_deltas=1)), "no more words"),
        (Script(text="a b c", garbage=Garbage(place="json", after_deltas=1)), "no JSON object"),
        (Script.failing(418, "a teapot"), "a teapot"),
    ],
)
def test_faults_of_scripts_are_typed_failures(script: Script, error: str) -> None:
    with Simulator(script) as server:
        provider = ProviderConfig(kind="parrot", base_url=server.base_url)
        config = SystemConfig(default_model="bird/grey", providers={"bird": provider}, options=FAST)
        with ActorSystem.start(config) as system, pytest.raises(Exception, match=error) as caught:
            system.stream(ChatRequest(messages="Hi")).result(timeout=20)
    assert type(caught.value).__module__.startswith("greenroom")


def test_what_a_parrot_cannot_take_is_refused_or_left_out() -> None:
    target = RUN.call().target
    request = ChatRequest(model="p/m", messages="hi", seed=7, temperature=1)
    with pytest.raises(InvalidInput, match="seed"):
        RUN.codec.check(request, target, StreamingOptions())
    RUN.codec.check(request, target, StreamingOptions(on_unsupported="drop"))
