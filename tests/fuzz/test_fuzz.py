"""Every fuzz target for a short time: GREENROOM_FUZZ_S seconds each, 2 unless it says otherwise."""

import os
import random
import secrets

import pytest

from .__main__ import TARGETS, main
from .runner import Defect, fuzz

SECONDS = float(os.environ.get("GREENROOM_FUZZ_S", "2"))


@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.parametrize("target", sorted(TARGETS))
def test_target_finds_no_defect(target: str) -> None:
    seconds = SECONDS if target in ("sse", "chat", "completions", "anthropic", "http") else SECONDS / 4
    assert fuzz(target, TARGETS[target], secrets.randbits(48), seconds).cases > 0


def hostile_to_sevens(rng: random.Random) -> None:
    assert rng.randrange(10) != 7, "a seven"


def test_defect_names_the_seed_that_makes_it_again() -> None:
    with pytest.raises(Defect, match="AssertionError: a seven") as caught:
        fuzz("sevens", hostile_to_sevens, 1, 60)
    assert f"--seed {caught.value.seed} --cases 1" in str(caught.value)
    with pytest.raises(Defect):
        fuzz("sevens", hostile_to_sevens, caught.value.seed, 60, cases=1)


def test_command_prints_the_seed_of_a_defect(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(TARGETS, "chat", hostile_to_sevens)
    assert main(["--target", "chat", "--seed", "1", "--cases", "100"]) == 1
    printed = capsys.readouterr()
    assert "replay: python -m tests.fuzz --target chat --seed " in printed.out
    assert "a seven" in printed.err


def test_command_runs_as_many_cases_as_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--target", "sse", "--target", "chat", "--seed", "5", "--cases", "3"]) == 0
    assert "sse: 3 cases" in capsys.readouterr().out
