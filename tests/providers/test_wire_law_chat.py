"""The law of script_law on the chat wire, in every dialect, and on the older completions."""

import pytest
from cut_places import cut_places
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.providers.profiles import profile_for, profile_names
from greenroom.providers.simulator import Dialect, Script, dialect_names
from greenroom.providers.simulator.dialects import dialect_of

from script_law import CUTS, FORMS, Cut, Form, Law, Says


def law_of(name: str) -> Law:
    """The chat wire in this dialect, read by whoever knows that server."""
    dialect = dialect_of(name)
    profile = profile_for(name if name in profile_names() else "generic")
    counts = repr(dialect.usage_object)
    tagged = profile.think_tags
    return Law(
        "openai-chat",
        Says(
            not_in_text="<" if tagged else "",
            cached_tokens="$cached" in counts,
            reasoning_tokens="$reasoning" in counts,
            exact_pieces=not tagged,
        ),
        profile.name,
        dialect,
    )


LAWS = {name: law_of(name) for name in dialect_names()}
each_dialect = pytest.mark.parametrize("law", LAWS.values(), ids=list(LAWS))
COMPLETIONS = Law("openai-completions", Says(reasoning=False, refusal=False, tool_calls=False))


@each_dialect
@settings(deadline=None, max_examples=20)
@given(st.data(), FORMS, CUTS)
def test_what_is_said_on_the_chat_wire_is_what_is_read(
    law: Law, data: st.DataObject, form: Form, cut: Cut
) -> None:
    law.check(data.draw(law.scripts), form, cut)


@each_dialect
@settings(deadline=None, max_examples=20)
@given(st.data(), FORMS, st.floats(0, 1, exclude_max=True))
def test_a_cut_answer_is_a_beginning(law: Law, data: st.DataObject, form: Form, share: float) -> None:
    law.check_cut_off(data.draw(law.scripts), form, share)


@settings(deadline=None, max_examples=150)
@given(COMPLETIONS.scripts, FORMS, CUTS)
def test_what_is_said_in_a_completion_is_what_is_read(script: Script, form: Form, cut: Cut) -> None:
    COMPLETIONS.check(script, form, cut)


@settings(deadline=None, max_examples=100)
@given(COMPLETIONS.scripts, FORMS, st.floats(0, 1, exclude_max=True))
def test_a_cut_completion_is_a_beginning(script: Script, form: Form, share: float) -> None:
    COMPLETIONS.check_cut_off(script, form, share)


@pytest.mark.parametrize("dialect", ["openai", "mistral", "xai", "ollama", "llamacpp"])
def test_a_call_cut_at_any_byte_is_not_whole_before_its_arguments_are(dialect: str) -> None:
    pay, stop = {"name": "pay", "arguments": {"sum": 1}}, {"name": "stop", "arguments": ""}
    script = Script(text="Well", tool_calls=[pay, stop, pay])
    length = len(LAWS[dialect].answer(script)[2])
    for size in cut_places(length, dialect):
        LAWS[dialect].check_cut_off(script, "streamed", size / length)


def test_the_law_sees_another_text() -> None:
    """A server that says something else than the script breaks it."""
    dialect = Dialect(name="forgetful", delta_fields={"refusal": "no"})
    with pytest.raises(AssertionError):
        Law("openai-chat", dialect=dialect).check(Script(text="Hello"))
