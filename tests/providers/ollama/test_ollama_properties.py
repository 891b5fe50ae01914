"""Any answer comes back however it is cut; nothing that is fed can raise or end twice."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from ollama_wire import CHAT, END, GENERATE, ask, line

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
cuts = st.lists(st.integers(1, 60), max_size=80)
noise = st.sampled_from(["\n", "\r\n", " \n"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
calls = st.fixed_dictionaries(
    {}, optional={"id": json_values, "function": json_values | st.fixed_dictionaries({}, optional={
        "name": json_values | st.just("f"), "arguments": json_values, "index": json_values})}
)  # fmt: skip
messages = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("content", "thinking", "images", "role"), json_values)
    | {"tool_calls": json_values | st.lists(calls, max_size=2)},
)  # fmt: skip
told_lines = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        (
            "model",
            "created_at",
            "done_reason",
            "error",
            "eval_count",
            "response",
            "thinking",
            "logprobs",
            "context",
            "images",
            "total_duration",
        ),
        json_values,
    )
    | {"message": json_values | messages, "done": json_values | st.booleans()},
)
fed = st.one_of(
    told_lines.map(lambda told: json.dumps(told).encode() + b"\n"),
    words.map(lambda word: json.dumps(line(word)).encode() + b"\n"),
    noise.map(str.encode),
    st.binary(max_size=12),
    st.just(json.dumps(END).encode() + b"\n"),
)


@given(
    st.lists(st.tuples(st.sampled_from(["content", "thinking"]), words) | noise, max_size=20),
    cuts,
    st.booleans(),
)
def test_answer_comes_back_however_it_is_cut(said: list[Any], sizes: list[int], ascii_only: bool) -> None:
    def written(told: dict[str, Any]) -> str:
        return json.dumps(told, ensure_ascii=ascii_only) + "\n"

    pieces = [each for each in said if not isinstance(each, str)]
    body = [
        each if isinstance(each, str) else written(line(**{"content": "", each[0]: each[1]})) for each in said
    ]
    data = "".join([*body, written(END)]).encode()
    outcome = CHAT.run(data, sizes)
    assert outcome.answer is not None
    assert outcome.choice.text == "".join(word for name, word in pieces if name == "content")
    assert outcome.choice.reasoning == "".join(word for name, word in pieces if name == "thinking")
    assert CHAT.run(data) == outcome


@given(st.lists(fed, max_size=12), cuts, st.booleans(), st.booleans(), st.booleans())
def test_anything_that_is_fed_comes_to_one_end_however_it_is_cut(
    fed: list[bytes], sizes: list[int], clean: bool, raw: bool, stream: bool
) -> None:
    data = b"".join(fed)
    for run in (CHAT.run, GENERATE.run):
        whole = run(data, clean=clean, raw_deltas=raw, request=ask(stream=stream))
        assert run(data, sizes, clean=clean, raw_deltas=raw, request=ask(stream=stream)) == whole
        assert run(data, [1] * len(data), clean=clean, raw_deltas=raw, request=ask(stream=stream)) == whole


@given(st.binary(max_size=200), cuts)
def test_bytes_that_are_no_stream_are_never_an_answer(data: bytes, sizes: list[int]) -> None:
    assert CHAT.run(data, sizes).failure is not None
