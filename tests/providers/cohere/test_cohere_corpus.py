"""Recorded streams and errors of Cohere, against what a careful reader made of them."""

import json
from pathlib import Path

import pytest
from cohere_wire import RUN
from recorded_small_wires import check_every_cut, check_recording, streams_of

from recorded_chats import random_sizes, stream_bytes
from shared_files import CORPUS

NAMES = streams_of("cohere-chat")
ERRORS = sorted((CORPUS / "errors").glob("err-cohere-*.json"))
pytestmark = pytest.mark.skipif(not NAMES, reason=f"{CORPUS} is not there")


@pytest.mark.parametrize("name", NAMES)
def test_recorded_stream_gives_the_expected_answer_however_it_is_cut(name: str) -> None:
    data = stream_bytes(name)
    check_recording(RUN, name, data, random_sizes(name, len(data)))
    check_recording(RUN, name, data, [1] * min(len(data), 6000))


@pytest.mark.parametrize("name", NAMES)
def test_recorded_stream_that_ends_too_early_is_no_answer(name: str) -> None:
    data = stream_bytes(name)
    check_every_cut(RUN, data, {data.index(b"message-end")})


@pytest.mark.parametrize("path", ERRORS, ids=lambda path: path.stem)
def test_recorded_error_body_gives_evidence(path: Path) -> None:
    told = json.loads(path.read_text())
    evidence = RUN.run(told["body"].encode(), status=told["status"]).failure
    assert evidence is not None
    assert (evidence.kind, evidence.status) == ("http", told["status"])
    assert evidence.message == json.loads(told["body"])["message"]


def test_plan_is_marked_and_citations_are_facts_of_the_answer() -> None:
    (reasoning, *_) = RUN.run(stream_bytes("cohere-cohere-564a6504")).choice.parts
    assert reasoning.type == "reasoning"
    assert reasoning.metadata["tool_plan"] is True
    (citation,) = RUN.run(stream_bytes("cohere-cohere-cd792d4a")).so_far.metadata["citations"]
    assert (citation["start"], citation["sources"][0]["type"]) == (33, "tool")
