"""What a continuation says twice: found whole, and the same however it is cut."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from greenroom.supervision.overlap import OVERLAP_MAX, WHOLE_MAX, overlap, trimmed_space

texts = st.text(alphabet="ab \n.", max_size=40)


@pytest.mark.parametrize(
    ("delivered", "head", "found"),
    [
        ("The quick brown fox", "brown fox jumps", 9),
        ("The quick brown fox", "The quick brown fox jumps", 19),
        ("The quick brown fox", " jumps over", 0),
        ("I recogn", "recognise it", 6),
        ("Hello wor", "world", 3),
        ("he had", "had", 3),
        ("a boat", "at sea", 0),
        ("the", "then", 3),
        ("Hello, ", ", world", 0),
        ("", "all of it", 0),
        ("all of it", "", 0),
    ],
)
def test_what_is_said_again(delivered: str, head: str, found: int) -> None:
    assert overlap(delivered, head, True) == found


def test_only_the_end_of_a_long_text_is_looked_at() -> None:
    delivered = "x" * 100 + "y" * OVERLAP_MAX
    assert overlap(delivered, "x" * 100 + "y" * 10, True) == 0
    assert overlap(delivered, "y" * (OVERLAP_MAX + 1), False) == OVERLAP_MAX


def test_a_long_text_that_is_begun_anew_is_waited_for_and_taken_off_whole() -> None:
    delivered = "".join(f"line {n}\n" for n in range(500))
    assert overlap(delivered, delivered[:3000], False) is None
    assert overlap(delivered, delivered + "more", False) == len(delivered)
    assert overlap(delivered, delivered[:3000] + "otherwise", False) == 0


def test_a_text_of_no_end_is_not_held_back() -> None:
    delivered = "a" * WHOLE_MAX + "b"
    assert overlap(delivered, "a" * 600, False) == 0


@given(texts, texts)
def test_what_is_taken_off_stood_at_the_end(delivered: str, head: str) -> None:
    found = overlap(delivered, head, True)
    assert found is not None
    assert delivered.endswith(head[:found])


@given(texts.filter(lambda text: len(text) >= 8), texts)
def test_a_whole_repeat_is_always_found(delivered: str, rest: str) -> None:
    found = overlap(delivered, delivered + rest, True)
    assert found is not None
    assert found >= len(delivered) or delivered.endswith((delivered + rest)[:found])


@given(texts, texts, st.integers(0, 80))
@example("ab ab", "ab ab", 2)
def test_the_verdict_is_the_same_however_the_text_is_cut(delivered: str, head: str, at: int) -> None:
    early = overlap(delivered, head[:at], False)
    if early is not None:
        assert early == overlap(delivered, head, True)


@given(texts)
def test_a_head_as_long_as_the_text_is_enough(delivered: str) -> None:
    assert overlap(delivered, "a" * len(delivered), False) is not None


@pytest.mark.parametrize(
    ("delivered", "head", "ended", "found"),
    [
        ("one ", " two", False, 1),
        ("one\n\n", "\n\ntwo", False, 2),
        ("one\n\n", "\n", False, None),
        ("one\n\n", "\n", True, 1),
        ("one\n\n", "two", False, 0),
        ("one ", "\ntwo", False, 0),
        ("one", " two", False, 0),
        ("one ", "", False, None),
    ],
)
def test_white_space_that_was_cut_off_is_not_said_twice(
    delivered: str, head: str, ended: bool, found: int | None
) -> None:
    assert trimmed_space(delivered, head, ended) == found
