"""Every fault of a body has its outcome, the same on every wire and for every cut."""

from dataclasses import replace

import pytest
from body_faults import BODY_FAULTS, ENDS_MISSED, MAX_EVENT_BYTES, TEXT, BodyFault
from every_wire import KINDS, PLACES

from greenroom.providers.registry import codec_for
from greenroom.providers.simulator import Script, served_to
from greenroom.providers.simulator.dialects import OPENAI

from codec_run import CodecRun, Outcome


def outcome_of(kind: str, script: Script, clean: bool = True) -> Outcome:
    """What this wire's codec reads of this script, in one read; in small ones it is the same."""
    wire = CodecRun(codec_for(kind), kind)
    call = wire.call()
    call = replace(call, target=replace(call.target, base_url=f"https://llm.test{PLACES[kind]}"))
    reply = served_to(wire.codec.encode(call), script, OPENAI).reply
    data = b"".join(step.data for step in reply.steps)
    outcomes = [
        wire.run(
            data, sizes, status=reply.status, headers=reply.headers, clean=clean, max_event_bytes=MAX_EVENT_BYTES
        )
        for sizes in ((), [3] * (len(data) // 3))
    ]  # fmt: skip
    assert outcomes[0] == outcomes[1]
    return outcomes[0]


@pytest.mark.parametrize("fault", BODY_FAULTS, ids=lambda fault: str(fault.fields)[:60])
@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_of_a_body_has_its_outcome(kind: str, fault: BodyFault) -> None:
    outcome = outcome_of(kind, fault.script, fault.is_clean)
    assert (outcome.failure and outcome.failure.kind) == fault.kind, outcome.failure
    text = outcome.choice.text if outcome.deltas else ""
    if fault.kind is None:
        assert text.startswith(TEXT[:3])
        # Behind a candidate's end Gemini may send on; every other wire's answer is over then.
        assert text.removesuffix("late" if kind == "gemini" else "").endswith(TEXT[-4:])
    elif fault.received is None:
        assert TEXT.startswith(text)
    else:
        assert text == fault.received


@pytest.mark.parametrize("end", ["send_finish", "send_done"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_is_whole_with_the_end_that_its_wire_has(kind: str, end: str) -> None:
    outcome = outcome_of(kind, Script(text=TEXT, **{end: False}))
    assert (outcome.failure and outcome.failure.kind) == ("protocol" if end in ENDS_MISSED[kind] else None)
    assert outcome.choice.text == TEXT
