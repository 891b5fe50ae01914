"""Which clock runs, and when it has run out: plain numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.actors.clocks import Clocks, ran_out
from greenroom.messages.options import StreamingOptions

OPTIONS = StreamingOptions(
    first_content_timeout_s=120,
    local_first_content_timeout_s=300,
    content_gap_timeout_s=60,
    max_silent_s=600,
    max_pause_s=40,
)


def clocks(local: bool = False) -> Clocks:
    return Clocks(OPTIONS, local, 1000.0)


@pytest.mark.parametrize(
    ("local", "name", "due_s"),
    [
        (False, "first_content_timeout_s", 1120),
        (True, "local_first_content_timeout_s", 1300),
    ],
)
def test_first_the_clock_for_content_runs(local: bool, name: str, due_s: float) -> None:
    assert (clocks(local).name(), clocks(local).due_s()) == (name, due_s)


def test_content_starts_the_gap_clock_and_says_that_another_runs() -> None:
    c = clocks()
    assert c.content(1010)
    assert (c.name(), c.due_s()) == ("content_gap_timeout_s", 1070)
    assert not c.content(1020)
    assert c.due_s() == 1080


def test_progress_gives_the_long_clock_until_content() -> None:
    c = clocks()
    c.content(1010)
    c.progress()
    assert (c.name(), c.due_s()) == ("max_silent_s", 1610)
    assert c.content(1020), "the clock that runs now is due before the one that ran"
    assert (c.name(), c.due_s()) == ("content_gap_timeout_s", 1080)


def test_a_pause_runs_its_own_clock_and_the_others_stand_still() -> None:
    c = clocks()
    c.content(1010)
    c.pause(1015, reads=3)
    assert (c.name(), c.due_s()) == ("max_pause_s", 1055)
    assert c.resume(1045) == 30
    assert (c.name(), c.due_s()) == ("content_gap_timeout_s", 1100)
    assert c.resume(1050) == 0


def test_a_reader_that_moved_starts_the_pause_clock_again() -> None:
    c = clocks()
    c.content(1010)
    c.pause(1010, reads=3)
    assert not c.reader_moved(1049, reads=3)
    assert c.reader_moved(1049, reads=4)
    assert c.due_s() == 1089
    assert not c.reader_moved(1089, reads=4)
    c.resume(1060)
    assert c.due_s() == 1070 + 50
    assert not c.reader_moved(1070, reads=9)


@given(st.lists(st.tuples(st.sampled_from(["pause", "resume", "move"]), st.floats(0, 50)), max_size=20))
def test_time_paused_never_counts_against_the_provider(steps: list[tuple[str, float]]) -> None:
    c, now_s, open_s, reads = clocks(), 1000.0, 0.0, 0
    c.content(now_s)
    for step, wait_s in steps:
        now_s += wait_s
        open_s += wait_s if c.paused_at_s is None else 0.0
        if step == "pause" and c.paused_at_s is None:
            c.pause(now_s, reads)
        elif step == "resume":
            c.resume(now_s)
        else:
            reads += 1
            c.reader_moved(now_s, reads)
    c.resume(now_s)
    assert c.due_s() - now_s == pytest.approx(60 - open_s)


def test_content_that_comes_in_time_needs_no_other_look() -> None:
    c = clocks()
    assert c.look_in_s(1000) == 54
    assert not c.content(999.5), "a stamp of before the clocks began"
    assert c.look_in_s(1054) == pytest.approx(5.5)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["content", "progress", "pause", "resume", "finish", "refuse", "wait"]),
            st.floats(0, 50),
        ),
        max_size=30,
    )
)
def test_nobody_looks_later_than_a_clock_is_due(steps: list[tuple[str, float]]) -> None:
    c, now_s = clocks(), 1000.0
    c.look_in_s(now_s)
    for step, wait_s in steps:
        now_s += wait_s
        if c.look_s <= now_s < c.due_s():
            c.look_in_s(now_s)
        acts = {"pause": lambda at_s: c.pause(at_s, 0), "resume": c.resume, "refuse": c.refuse}
        if step in acts:
            acts[step](now_s)
            c.look_in_s(now_s)
        elif step == "progress":
            c.progress()
        elif (step == "content" and c.content(now_s)) or (step == "finish" and c.finish(now_s)):
            c.look_in_s(now_s)
        assert c.look_s <= max(c.due_s(), now_s)


def test_every_clock_says_its_time_and_its_option() -> None:
    for name in ("max_pause_s", "max_silent_s", "content_gap_timeout_s", "first_content_timeout_s",
                 "local_first_content_timeout_s"):  # fmt: skip
        said = ran_out(name, OPTIONS)
        assert f"({name})" in said
        assert f"{getattr(OPTIONS, name):g} s" in said
