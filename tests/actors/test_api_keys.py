"""A provider's keys: the turn, and the rest of those that were refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from greenroom.actors.api_keys import RESTS, ApiKeys, Rested
from greenroom.messages.failures import ErrorClass


def keys(count: int) -> ApiKeys:
    return ApiKeys(tuple(SecretStr(f"sk-{number}") for number in range(1, count + 1)))


def drawn(ring: ApiKeys, now_s: float, times: int) -> list[int | None]:
    each = [ring.draw(now_s) for _ in range(times)]
    return [key.number for key in each if key is not None]


def test_they_are_taken_in_turn() -> None:
    ring = keys(3)
    assert drawn(ring, 0.0, 7) == [1, 2, 3, 1, 2, 3, 1]
    assert ring.draw(0.0) == (2, "sk-2")


def test_none_and_one_have_no_number() -> None:
    assert ApiKeys().draw(0.0) is None
    assert keys(1).draw(0.0) == (None, "sk-1")
    assert (keys(1).status(0.0), keys(1).another(0.0), ApiKeys().first()) == ((), False, None)


def test_a_refused_key_rests_and_the_others_take_its_turn() -> None:
    ring = keys(3)
    assert ring.refused(2, "rate_limit", 5.0, 10.0) == Rested(2, 3, "rate_limit", 5.0)
    assert drawn(ring, 14.9, 4) == [1, 3, 1, 3]
    assert 2 in drawn(ring, 15.0, 3)
    assert [(each.number, each.rests_s, each.error_class) for each in ring.status(12.0)] == [
        (1, 0.0, None), (2, 3.0, "rate_limit"), (3, 0.0, None),
    ]  # fmt: skip


def test_where_all_rest_the_one_whose_rest_ends_first_is_tried() -> None:
    ring = keys(2)
    ring.refused(1, "rate_limit", 9.0, 0.0)
    assert ring.another(0.0)
    ring.refused(2, "rate_limit", 5.0, 0.0)
    assert not ring.another(4.9)
    assert drawn(ring, 1.0, 3) == [2, 2, 2]
    assert ring.first() == "sk-2"


def test_the_same_key_may_be_asked_for_out_of_turn_while_it_serves() -> None:
    ring = keys(3)
    assert [ring.draw(0.0, 3), ring.draw(0.0), ring.draw(0.0, 1)] == [(3, "sk-3"), (1, "sk-1"), (1, "sk-1")]
    ring.refused(3, "rate_limit", 5.0, 0.0)
    assert [ring.draw(1.0, 3), ring.draw(1.0, 9)] == [(2, "sk-2"), (1, "sk-1")]
    assert keys(1).draw(0.0, 3) == (None, "sk-1")


@pytest.mark.parametrize("error_class", sorted(RESTS))
def test_each_further_refusal_doubles_the_rest_and_an_answer_forgets_them(error_class: ErrorClass) -> None:
    ring, rest, now_s, waits = keys(2), RESTS[error_class], 0.0, []
    for _ in range(12):
        rested = ring.refused(1, error_class, None, now_s)
        assert rested is not None
        waits.append(rested.rest_s)
        now_s += rested.rest_s
    assert waits == [min(rest.first_s * 2**times, rest.longest_s) for times in range(12)]
    ring.served(1)
    again = ring.refused(1, error_class, None, now_s)
    assert again is not None
    assert again.rest_s == rest.first_s


def test_attempts_that_were_under_way_together_are_one_refusal() -> None:
    ring = keys(2)
    assert ring.refused(1, "rate_limit", None, 0.0) is not None
    assert ring.refused(1, "rate_limit", None, 0.5) is None
    assert ring.refused(1, "rate_limit", 30.0, 0.6) is None
    assert ring.status(0.6)[0].rests_s == 30.0
    later = ring.refused(1, "rate_limit", None, 31.0)
    assert later is not None
    assert later.rest_s == 2.0


@pytest.mark.parametrize(
    "error_class", ["permission", "overloaded", "transient", "invalid_request", "timeout"]
)
def test_what_does_not_speak_of_the_key_leaves_it_in_its_turn(error_class: ErrorClass) -> None:
    ring = keys(2)
    assert ring.refused(1, error_class, 30.0, 0.0) is None
    assert drawn(ring, 0.0, 4) == [1, 2, 1, 2]


def test_the_keys_show_nowhere() -> None:
    ring = keys(2)
    ring.refused(1, "credential", None, 0.0)
    assert "sk-" not in f"{ring!r} {ring.status(0.0)!r} {ring.mark()}"


def test_told_to_come_back_at_once_it_rests_for_a_second() -> None:
    ring = keys(2)
    assert ring.refused(1, "rate_limit", 0.0, 5.0) == Rested(1, 2, "rate_limit", 1.0)
    ring.refused(2, "rate_limit", 0.0, 5.0)
    assert not ring.another(5.9)
    assert ring.another(6.0)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["draw", "refused", "served"]), st.sampled_from([*RESTS, "transient"]),
        st.one_of(st.none(), st.floats(0.0, 120.0)), st.floats(0.0, 30.0),
    ),
    max_size=60,
)  # fmt: skip


@given(st.integers(2, 5), STEPS)
def test_a_resting_key_is_drawn_only_where_all_rest(
    count: int, steps: list[tuple[str, ErrorClass, float | None, float]]
) -> None:
    ring, now_s, last = keys(count), 0.0, 1
    for act, error_class, told_s, pause_s in steps:
        now_s += pause_s
        if act == "draw":
            resting = {each.number: each.rests_s for each in ring.status(now_s) if each.rests_s > 0}
            key = ring.draw(now_s)
            assert key is not None
            assert key.number is not None
            if key.number in resting:
                assert len(resting) == count
                assert resting[key.number] == min(resting.values())
            assert ring.another(now_s) == (len(resting) < count)
            last = key.number
        elif act == "refused":
            ring.refused(last, error_class, told_s, now_s)
        else:
            ring.served(last)
            assert ring.status(now_s)[last - 1].rests_s == 0.0
