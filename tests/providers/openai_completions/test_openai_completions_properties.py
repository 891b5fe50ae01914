"""Any script of a completion comes back however it is cut; nothing that is fed can raise or end twice."""

import json
from typing import Any

from completions_wire import DONE, piece, run
from hypothesis import given
from hypothesis import strategies as st

words = st.text(max_size=8).filter(lambda text: not any(0xD800 <= ord(c) < 0xE000 for c in text))
cuts = st.lists(st.integers(1, 60), max_size=80)
noise = st.sampled_from([": ping\n\n", "data:\n\n", "event: x\ndata: {}\n\n", ":\r\n\r\n"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
choices = st.fixed_dictionaries(
    {},
    optional={
        "text": json_values | words,
        "index": json_values | st.integers(-2, 200),
        "finish_reason": json_values | st.sampled_from(["stop", "length", "error", "abort", ""]),
        "logprobs": json_values | st.fixed_dictionaries({"tokens": json_values, "text_offset": json_values}),
        "delta": json_values | st.fixed_dictionaries({"content": json_values}),
        "message": json_values,
        "reasoning": json_values,
        "stop_reason": json_values,
    },
)
chunks = st.fixed_dictionaries(
    {},
    optional={
        "id": json_values,
        "model": json_values,
        "usage": json_values,
        "error": json_values,
        "choices": json_values | st.lists(json_values | choices, max_size=3),
    },
)
events = st.one_of(
    chunks.map(lambda chunk: f"data: {json.dumps(chunk)}\n\n".encode()),
    noise.map(str.encode),
    words.map(lambda word: f"data: {word}\n\n".encode()),
    st.binary(max_size=12),
    st.just(DONE),
)


@given(st.lists(st.tuples(st.integers(0, 2), words) | noise, max_size=20), cuts, st.booleans())
def test_script_comes_back_however_it_is_cut(script: list[Any], sizes: list[int], ascii_only: bool) -> None:
    def line(chunk: dict[str, Any]) -> str:
        return f"data: {json.dumps(chunk, ensure_ascii=ascii_only)}\n\n"

    body = [step if isinstance(step, str) else line(piece(step[1], step[0])) for step in script]
    told = [step for step in script if not isinstance(step, str)]
    indexes = sorted({index for index, _ in told}) or [0]
    data = "".join([*body, *(line(piece("", index, "stop")) for index in indexes)]).encode() + DONE

    outcome = run(data, sizes)
    assert outcome.answer is not None
    assert {choice.index: choice.text for choice in outcome.choices()} == {
        index: "".join(word for at, word in told if at == index) for index in indexes
    }
    assert run(data) == outcome


@given(st.lists(events, max_size=12), cuts, st.booleans(), st.booleans())
def test_anything_that_is_fed_comes_to_one_end_however_it_is_cut(
    fed: list[bytes], sizes: list[int], clean: bool, raw: bool
) -> None:
    data = b"".join(fed)
    outcome = run(data, sizes, clean=clean, raw_deltas=raw)
    whole = run(data, clean=clean, raw_deltas=raw)
    for one in (whole, outcome):
        if one.failure is not None:
            # What was seen around the failure may hold bytes of the same read that came after it.
            one.failure = one.failure.model_copy(update={"body": ""})
    assert whole == outcome


@given(st.lists(chunks, min_size=1, max_size=3), st.integers(100, 599))
def test_any_body_under_any_status_comes_to_one_end(bodies: list[dict[str, Any]], status: int) -> None:
    for body in bodies:
        outcome = run(json.dumps(body).encode(), status=status)
        if not 200 <= status < 300:
            assert outcome.failure is not None
            assert outcome.failure.kind == "http"


@given(st.binary(max_size=200), cuts)
def test_bytes_that_are_no_stream_are_never_an_answer(data: bytes, sizes: list[int]) -> None:
    outcome = run(data, sizes)
    assert outcome.failure is not None
