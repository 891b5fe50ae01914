"""The oracle itself: what it records, and that its troubles are told. What OTP does: test_supervisor_otp_cases."""

import shutil
from pathlib import Path

import pytest

from otp.both import Both
from otp.cases import Burst, Case, Command, Kill, Leaf, Stop, Sup
from otp.oracle import Oracle, OracleFailed, missing


@pytest.fixture
def oracle(both: Both) -> Oracle:
    return both.oracle


def trace(oracle: Oracle, top: Sup, *script: object) -> list[str]:
    """What followed from the last action, in short: `down c`, `start a`."""
    words = {"exit": "down", "start": "start"}
    events = oracle.run(Case(top, script))[-1][1]  # type: ignore[arg-type]
    return [f"{words[kind]} {path.split('/')[-1]}" for kind, path, outcome, _ in events if outcome != "up"]


def top(strategy: str, *children: Leaf, intensity: int = 3, auto: str = "never") -> Sup:
    return Sup("top", children, strategy, intensity, auto)  # type: ignore[arg-type]


def test_a_burst_is_handled_in_its_order(oracle: Oracle) -> None:
    both = Burst(("top",), (Kill(("top", "b")), Kill(("top", "a"))))
    assert trace(oracle, top("one_for_one", Leaf("a"), Leaf("b")), both) == [
        "down b", "down a", "start b", "start a",
    ]  # fmt: skip


def test_who_ignores_a_shutdown_is_killed(oracle: Oracle) -> None:
    events = oracle.run(Case(top("one_for_one", Leaf("a", shutdown=1, dying="never")), (Stop(),)))[-1][1]
    assert events == [["exit", "top/a", "killed", 1], ["exit", "top", "shutdown", 1]]


def test_a_case_that_it_cannot_run_is_told_and_the_next_one_runs(oracle: Oracle) -> None:
    with pytest.raises(OracleFailed, match="could not run this case"):
        oracle.run(Case(top("one_for_one"), (Command(("top",), "paint", "a"),)))  # type: ignore[arg-type]
    assert len(oracle.run(Case(top("one_for_one"), (Stop(),)))) == 2


@pytest.mark.skipif(missing() is not None, reason=missing() or "")
def test_its_death_is_told_with_what_it_said() -> None:
    with Oracle() as dying:
        assert dying._process.stdin is not None
        dying._process.stdin.write(b"{no term\n")
        with pytest.raises(OracleFailed, match=r"died with status .* on: (?s:.*)no match of right hand side"):
            dying.run(Case(top("one_for_one")))


def test_where_erlang_is_missing_that_is_the_reason_of_a_skip(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("erl") is None
    assert missing() == "erl and escript not found: install Erlang (Debian: erlang-base)"
