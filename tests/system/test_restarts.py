"""A server that is killed under live streams, and started again on its port: all that policy allows recover."""

import sys

import pytest

from benchmarks.restarts import POLICIES, run

STREAMS = 48


@pytest.mark.skipif(sys.platform == "win32", reason="the server is killed with SIGKILL")
@pytest.mark.timeout(180)
def test_all_that_policy_allows_recover() -> None:
    outcome = run(STREAMS, away_s=0.3, then_every_s=0.003)
    assert outcome.problems == []
    for policy in POLICIES:
        back = len(outcome.back_s(policy))
        assert back == (0 if policy == "none" else STREAMS // len(POLICIES)), policy
