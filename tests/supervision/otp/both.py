"""Both sides at once: the fixture of the differential tests, and the one check that they make."""

from collections.abc import Iterator
from typing import Any

import pytest

from otp import ours
from otp.cases import Case
from otp.differential import difference
from otp.oracle import Oracle, missing


class Both:
    """OTP and us, for as many cases as come."""

    def __init__(self, oracle: Oracle, mine: ours.Ours) -> None:
        self.oracle, self.mine = oracle, mine

    def agree(self, case: Case) -> list[Any]:
        """Both did the same; returns OTP's records. Raises AssertionError with the first difference."""
        theirs = self.oracle.run(case)
        found = difference(case, theirs, self.mine.run(case))
        assert found is None, f"OTP {self.oracle.release} and we differ {found}\n{case}"
        return theirs


@pytest.fixture(scope="session")
def both() -> Iterator[Both]:
    """Or a skip, where there is no Erlang."""
    absent = missing()
    if absent:
        pytest.skip(absent)
    with Oracle() as oracle, ours.running() as mine:
        yield Both(oracle, mine)
