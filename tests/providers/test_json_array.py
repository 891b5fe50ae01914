"""Arrays that are streamed: cut anywhere, any white space, any JSON in them; bounded and linear."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.providers.json_array import EventsOrArray, JsonArrayDecoder
from greenroom.providers.sse import SseError

SPACES = st.text(" \t\r\n", max_size=3)
TRICKY = st.sampled_from(['"', "\\", '\\"', "]", "}", "[{", ",", "é", "\n", ']}"\\'])
STRINGS = st.text(max_size=6) | st.lists(TRICKY, max_size=4).map("".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | STRINGS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRINGS, inner, max_size=3),
    max_leaves=10,
)


def read(data: bytes, sizes: list[int], limit: int = 10_000) -> list[Any]:
    decoder, events, at = JsonArrayDecoder(limit), [], 0
    for size in [*sizes, len(data)]:
        events += decoder.feed(data[at : at + size])
        at += size
    events += decoder.finish(True)
    assert {event.event for event in events} <= {"message"}
    return [json.loads(event.data) for event in events]


@given(
    st.lists(st.tuples(JSON, SPACES, SPACES), max_size=6),
    st.lists(st.integers(0, 12), max_size=200),
    st.booleans(),
    SPACES,
)
def test_law_any_cut_gives_the_elements(
    given: list[tuple[Any, str, str]], sizes: list[int], ascii_only: bool, space: str
) -> None:
    inner = ",".join(f"{a}{json.dumps(value, ensure_ascii=ascii_only)}{b}" for value, a, b in given)
    data = f"{space}[{inner}]{space}".encode("utf-8", "surrogatepass")
    assert read(data, sizes) == [value for value, _, _ in given]


@given(st.binary(max_size=200), st.lists(st.integers(0, 9), max_size=60))
def test_law_noise_never_raises_and_every_cut_says_the_same(noise: bytes, sizes: list[int]) -> None:
    def elements(cuts: list[int]) -> list[bytes]:
        decoder, events, at, data = JsonArrayDecoder(10_000), [], 0, b"[" + noise
        for size in [*cuts, len(data)]:
            events += decoder.feed(data[at : at + size])
            at += size
        return [event.data for event in events]

    assert elements(sizes) == elements([])


def test_what_is_not_whole_is_no_element() -> None:
    assert read(b'[{"a":1},{"b":[1,2}', []) == [{"a": 1}]
    assert read(b"[1,2", []) == [1]


def test_what_follows_the_end_means_nothing() -> None:
    assert read(b'[{"a":1}] [{"b":2}]', []) == [{"a": 1}]


@pytest.mark.parametrize(
    "element", [b'{"a":"%b"}' % (b"x" * 200), b"[" * 200, b'"%b"' % (b"x" * 200), b"1" * 200]
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_element_over_the_bound_fails_once(element: bytes, size: int) -> None:
    decoder, events = JsonArrayDecoder(100), []
    data = b'[{"ok":1},' + element + b","
    pieces = (data[at : at + size] for at in range(0, len(data), size))
    with pytest.raises(SseError) as caught:
        events.extend(event for piece in pieces for event in decoder.feed(piece))
    events += caught.value.events
    assert [event.data for event in events] == [b'{"ok":1}']
    assert (caught.value.evidence.kind, caught.value.evidence.clock) == ("bound", "max_event_bytes")
    assert decoder.feed(b'{"more":1},') == []


def test_white_space_between_elements_is_not_kept() -> None:
    decoder = JsonArrayDecoder(100)
    assert decoder.feed(b"[" + b" \n" * 10_000) == []
    assert decoder.at_rest
    assert [event.data for event in decoder.feed(b"{}")] == [b"{}"]


def test_the_first_byte_chooses() -> None:
    chosen = EventsOrArray(1000)
    assert not chosen.at_rest
    assert [event.data for event in chosen.feed(b'\xef\xbb\xbf \n[{"a":1}')] == [b'{"a":1}']
    assert chosen.finish(True) == []
    events = EventsOrArray(1000)
    assert [event.data for event in events.feed(b"data: [1]\n\ndata: {}")] == [b"[1]"]
    assert [event.data for event in events.finish(True)] == [b"{}"]
    assert EventsOrArray(1000).finish(True) == []
