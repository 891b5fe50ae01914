"""The law of every wire, for this one: what the simulator says, the codec reads, however it is cut."""

from hypothesis import given
from hypothesis import strategies as st

from greenroom.providers.simulator import Script

from script_law import CUTS, FORMS, Cut, Form, Law

LAW = Law("openai-responses")


@given(LAW.scripts, FORMS, CUTS)
def test_what_is_said_is_what_is_read(script: Script, form: Form, cut: Cut) -> None:
    LAW.check(script, form, cut)


@given(LAW.scripts, FORMS, st.floats(0, 1))
def test_what_is_cut_off_is_a_beginning(script: Script, form: Form, share: float) -> None:
    LAW.check_cut_off(script, form, share)
