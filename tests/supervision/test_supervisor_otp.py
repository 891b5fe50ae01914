"""Our supervisors against OTP's: drawn trees and scripts, the same on both; what is compared: otp/differential.py.

A longer run: GREENROOM_OTP_EXAMPLES=20000 python -m pytest tests/supervision/test_supervisor_otp.py
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from otp.both import Both
from otp.cases import Case
from otp.trees import cases

ASKED = os.environ.get("GREENROOM_OTP_EXAMPLES")
EXAMPLES = int(ASKED or 200)
# One example takes 20 ms, and shrinking one that fails some hundreds of them.
TIMEOUT_S = 60 + EXAMPLES * 0.2


@pytest.mark.timeout(TIMEOUT_S)
@settings(
    max_examples=EXAMPLES,
    derandomize=ASKED is None,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    report_multiple_bugs=False,
)
@given(case=cases())
def test_otp_and_we_do_the_same(both: Both, case: Case) -> None:
    both.agree(case)
