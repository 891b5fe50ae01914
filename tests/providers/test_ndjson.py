"""Lines of JSON out of bytes: every cut gives the same lines, and nothing is kept beyond the bound."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.providers.ndjson import NdjsonDecoder
from greenroom.providers.sse import SseError

LIMIT = 4 * 1024 * 1024


def decode(data: bytes, sizes: list[int], limit: int = LIMIT) -> tuple[list[bytes], bool]:
    """The lines, and whether the bound was broken."""
    decoder, told, at = NdjsonDecoder(limit), list[bytes](), 0
    for size in [*sizes, len(data)]:
        try:
            told += [event.data for event in decoder.feed(data[at : at + size])]
        except SseError as error:
            decoder.feed(b"{}\n")
            told += [event.data for event in decoder.finish(clean=True)]
            return told + [event.data for event in error.events], True
        at += size
        assert len(decoder._buffer) <= limit + 1
    return told + [event.data for event in decoder.finish(clean=True)], False


values = st.recursive(
    st.none() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
cuts = st.lists(st.integers(0, 40), max_size=60)


@given(
    st.lists(values, max_size=8), cuts, st.sampled_from(["\n", "\r\n", "\n\n", "\r\n \r\n"]), st.booleans()
)
def test_values_come_back_however_they_are_cut(
    told: list[object], sizes: list[int], end: str, bom: bool
) -> None:
    text = "".join(json.dumps(value, ensure_ascii=False) + end for value in told)
    data = (b"\xef\xbb\xbf" if bom else b"") + text.encode("utf-8", "surrogatepass")
    lines, failed = decode(data, sizes)
    assert not failed
    assert [json.loads(line.decode("utf-8", "surrogatepass")) for line in lines] == told


@given(st.binary(max_size=120) | st.text(alphabet="\n\r a{}\u2028\ufeff", max_size=60).map(str.encode), cuts)
def test_any_bytes_give_the_same_lines_for_every_cut(data: bytes, sizes: list[int]) -> None:
    for limit in (8, LIMIT):
        whole = decode(data, [], limit)
        assert decode(data, sizes, limit) == whole
        assert decode(data, [1] * len(data), limit) == whole


@pytest.mark.parametrize(
    ("tail", "taken"),
    [(b'{"a":1}', True), (b'{"a":1} \r', True), (b"[1]", True), (b"7", True), (b'{"a":1', False),
     (b'{"a":"\xc3', False), (b"two words", False), (b" \r", False), (b"", False)],
)  # fmt: skip
def test_last_line_without_its_end_counts_after_a_clean_end_if_it_is_json(tail: bytes, taken: bool) -> None:
    for clean in (True, False):
        decoder = NdjsonDecoder(LIMIT)
        assert len(decoder.feed(b'{"b":2}\n' + tail)) == 1
        assert bool(decoder.finish(clean)) is (taken and clean)
        assert bool(decoder.stray) is (bool(tail.strip()) and not (taken and clean))


def test_other_line_ends_of_unicode_are_no_ends() -> None:
    text = '{"a":"x\u2028y\u0085z\x0c"}\n'
    assert decode(text.encode(), [])[0] == [text.rstrip("\n").encode()]


def test_line_of_exactly_the_bound_is_taken_and_one_byte_more_is_not() -> None:
    for end in (b"\n", b"\r\n"):
        for sizes in ([], [1] * 40):
            assert decode(b"x" * 16 + end, sizes, 16) == ([b"x" * 16], False)
            assert decode(b"{}\n" + b"x" * 17 + end, sizes, 16) == ([b"{}"], True)


def test_time_is_linear_in_the_bytes_of_one_line() -> None:
    def took_s(size: int) -> float:
        decoder, piece = NdjsonDecoder(2 * size), b"x" * 10
        begun = time.process_time()
        for _ in range(size // 10):
            decoder.feed(piece)
        decoder.feed(b"\n")
        return time.process_time() - begun

    small = min(took_s(100_000) for _ in range(3))
    assert took_s(1_600_000) < 16 * small * 4
