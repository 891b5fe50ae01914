"""Behaviours 1, 2, 9, 10, 11: in which order children start and stop, and who falls with whom."""

import pytest
from stages import ABNORMAL, HowItDies, Stage, starts, stops

from greenroom.supervision.orders import StartChild, TerminateChild


def test_b01_children_start_in_the_order_of_their_specs_and_stop_in_reverse(stage: Stage) -> None:
    """B1 (S order_of_children)"""
    stage.open(stage.specs(["7", "3", "10", "2", "5"]))
    assert stage.trace() == starts("7", "3", "10", "2", "5")
    assert list(stage.status()) == ["7", "3", "10", "2", "5"]
    stage.shut()
    assert stage.trace() == stops("5", "2", "10", "3", "7")
    assert stage.end == ("shutdown", None)


def test_b01_a_child_added_later_is_the_last_to_start_and_the_first_to_stop(stage: Stage) -> None:
    """B1 (S order_of_children): start_child puts it behind the others."""
    stage.open(stage.specs("ab"))
    stage.ask(StartChild(stage.spec("0")))
    stage.die("a")
    assert list(stage.status()) == ["a", "b", "0"]
    stage.trace()
    stage.shut()
    assert stage.trace() == stops("0", "b", "a")


def test_b01_each_start_waits_for_the_one_before(stage: Stage) -> None:
    """B1 (S order_of_children): the start is synchronous."""
    stage.scripts["b"].starts = ["hang"]
    stage.open(stage.specs("abc"))
    assert stage.trace() == starts("a", "b")
    assert stage.status() == {"a": "running", "b": "starting", "c": "down"}


def test_b01_each_stop_waits_for_the_one_before(stage: Stage) -> None:
    """B1 (S order_of_children): the stop is synchronous too."""
    stage.scripts["b"].stop_s = 2.0
    stage.open(stage.specs("abc"))
    stage.trace()
    stage.shut()
    assert stage.trace() == stops("c")
    assert stage.status() == {"a": "running", "b": "stopping", "c": "down"}
    stage.advance(1.9)
    assert stage.trace() == []
    stage.advance(0.2)
    assert stage.trace() == stops("b", "a")


@pytest.mark.parametrize("how", ABNORMAL)
def test_b02_rest_for_one_restarts_those_started_after(stage: Stage, how: HowItDies) -> None:
    """B2 (S order_of_children, rest_for_one)"""
    stage.open(stage.specs("abcde"), strategy="rest_for_one")
    stage.trace()
    stage.die("c", how)
    assert stage.trace() == [*stops("c", how=how), *stops("e", "d"), *starts("c", "d", "e")]
    assert stage.incarnations() == {"a": 1, "b": 1, "c": 2, "d": 2, "e": 2}
    assert set(stage.status().values()) == {"running"}


def test_b02_the_last_falls_alone_and_the_first_with_all(stage: Stage) -> None:
    """B2 (S rest_for_one): its edges."""
    stage.open(stage.specs("abc"), strategy="rest_for_one")
    stage.trace()
    stage.die("c")
    assert stage.trace() == ["stop c failed", "start c"]
    stage.die("a")
    assert stage.trace() == ["stop a failed", *stops("c", "b"), *starts("a", "b", "c")]


def test_b02_one_for_all_restarts_everybody(stage: Stage) -> None:
    """B2 (S order_of_children, one_for_all)"""
    stage.open(stage.specs("abc"), strategy="one_for_all")
    stage.trace()
    stage.die("b")
    assert stage.trace() == ["stop b failed", *stops("c", "a"), *starts("a", "b", "c")]


def test_b02_a_group_counts_as_one_restart(stage: Stage) -> None:
    """B2 (S rest_for_one): the window holds deaths, not those who fell with them."""
    stage.open(stage.specs("abcde"), strategy="rest_for_one", intensity=1)
    stage.die("a")
    assert stage.end is None
    assert [info.restarts for info in stage.which().values()] == [1] * 5


def test_b02_one_that_was_stopped_comes_back_with_its_group(stage: Stage) -> None:
    """B2 (S rest_for_one): OTP starts all of the group, also who was down by terminate_child."""
    stage.open(stage.specs("abc"), strategy="rest_for_one")
    stage.ask(TerminateChild("c"))
    stage.trace()
    stage.die("b")
    assert stage.trace() == ["stop b failed", *starts("b", "c")]


def test_b09_a_temporary_bystander_is_stopped_and_not_restarted(stage: Stage) -> None:
    """B9 (S temporary_bystander): one_for_all"""
    stage.open([stage.spec("a"), stage.spec("b", "temporary")], strategy="one_for_all")
    stage.trace()
    stage.die("a")
    assert stage.trace() == ["stop a failed", "stop b shutdown", "start a"]
    assert stage.status() == {"a": "running"}
    assert stage.end is None
    counts = stage.counts()
    assert (counts.specs, counts.active) == (1, 1)


@pytest.mark.parametrize("first", ["permanent", "temporary"])
def test_b09_rest_for_one_takes_a_temporary_with_it_only_behind(stage: Stage, first: str) -> None:
    """B9 (S temporary_bystander): rest_for_one"""
    second = "temporary" if first == "permanent" else "permanent"
    stage.open([stage.spec("a", first), stage.spec("b", second)], strategy="rest_for_one")
    stage.die("a" if first == "permanent" else "b")
    assert stage.status() == ({"a": "running"} if first == "permanent" else {"a": "running", "b": "running"})


def test_b09_a_temporary_that_dies_takes_nobody_with_it(stage: Stage) -> None:
    """B9 (S temporary_bystander): no restart, so no group."""
    stage.open([stage.spec("a"), stage.spec("b", "temporary"), stage.spec("c")], strategy="one_for_all")
    stage.trace()
    stage.die("b")
    assert stage.trace() == ["stop b failed"]
    assert stage.status() == {"a": "running", "c": "running"}


def test_b10_one_for_all_stops_the_group_again_where_one_does_not_come_back(stage: Stage) -> None:
    """B10 (S one_for_all_other_child_fails_restart)"""
    stage.scripts["b"].starts = ["up", "fail"]
    stage.open(stage.specs("abc"), strategy="one_for_all")
    stage.trace()
    stage.die("a")
    assert stage.trace() == [
        "stop a failed", *stops("c", "b"), *starts("a", "b"), "stop b failed",
        "stop a shutdown", *starts("a", "b", "c"),
    ]  # fmt: skip
    assert stage.incarnations() == {"a": 3, "b": 3, "c": 2}


def test_b10_the_failed_attempt_is_counted_once(stage: Stage) -> None:
    """B10 (S one_for_all_other_child_fails_restart): two restarts, for two failures."""
    stage.scripts["b"].starts = ["up", "fail"]
    stage.open(stage.specs("ab"), strategy="one_for_all", intensity=2)
    stage.die("a")
    assert stage.end is None
    stage.die("a")
    assert stage.end is not None


def test_b11_rest_for_one_tries_only_the_one_that_failed_again(stage: Stage) -> None:
    """B11 (S rest_for_one_other_child_fails_restart)"""
    stage.scripts["b"].starts = ["up", "fail"]
    stage.open(stage.specs("ab"), strategy="rest_for_one")
    stage.trace()
    stage.die("a")
    assert stage.trace() == [
        "stop a failed", "stop b shutdown", *starts("a", "b"), "stop b failed", "start b",
    ]  # fmt: skip


def test_b11_those_behind_the_one_that_failed_wait_for_it(stage: Stage) -> None:
    """B11 (S rest_for_one_other_child_fails_restart): with one more behind, and one more failure."""
    stage.scripts["b"].starts = ["up", "fail", "fail"]
    stage.open(stage.specs("abc"), strategy="rest_for_one")
    stage.trace()
    stage.die("a")
    assert stage.trace() == [
        "stop a failed", *stops("c", "b"), *starts("a", "b"), "stop b failed", "start b", "stop b failed",
        *starts("b", "c"),
    ]  # fmt: skip
    assert stage.incarnations() == {"a": 2, "b": 4, "c": 2}
