"""The breakers' benchmark counts what it says. No test here looks at a speed."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import breakers

ROOT = Path(__file__).parents[1]


def test_every_row_is_printed_and_the_gate_has_a_verdict() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.breakers", "--requests", "50"],
        cwd=ROOT, capture_output=True, text=True, timeout=55, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 7
    assert all(float(line.split()[-2]) > 0 for line in lines[:-1])
    assert lines[-1].endswith(("kept", "MISSED"))


def test_what_is_timed_is_let_through_counted_and_settled() -> None:
    table = breakers.table(enabled=True)
    breakers.completed([breakers.job(number, table) for number in range(20)])
    breakers.retried([breakers.job(number, table) for number in range(20, 50)])
    (whole, model) = table.guards()
    assert (whole.breaker.ok_total, model.breaker.ok_total, model.breaker.failed_total) == (50, 20, 30)
    assert table.endpoints()[0].budget.spent_total == 30
    assert table.leases == 0


def test_a_gate_that_is_missed_is_an_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breakers, "GATE_US", 0.0)
    assert breakers.main(["--requests", "20", "--gate"]) == 1
    assert breakers.main(["--requests", "20"]) == 0
