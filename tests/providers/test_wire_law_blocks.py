"""The law of every wire, for Anthropic's and Google's: what is said is what is read, however it is cut.

Neither tells a refusal apart from text, nor a count of nothing from no count.
"""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from script_law import CUTS, FORMS, Law, Says

LAWS = {
    "anthropic": Law("anthropic", Says(refusal=False, zero_counts=False)),
    "gemini": Law(
        "gemini",
        Says(refusal=False, interleaved=False, zero_counts=False),
        base_url="https://llm.test/v1beta",
    ),
}


@pytest.mark.parametrize("kind", LAWS)
@settings(max_examples=30)
@given(st.data())
def test_what_is_said_in_blocks_is_what_is_read(kind: str, data: Any) -> None:
    law = LAWS[kind]
    law.check(data.draw(law.scripts), data.draw(FORMS), data.draw(CUTS))
