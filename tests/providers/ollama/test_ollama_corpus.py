"""Recorded streams of Ollama, against what a careful reader and its own client made of them."""

import json

import pytest
from ollama_wire import CHAT, GENERATE
from recorded_small_wires import check_every_cut, check_recording, streams_of

from recorded_chats import random_sizes, stream_bytes
from shared_files import CORPUS

RUNS = {"ollama": CHAT, "ollama-generate": GENERATE}
NAMED = [(kind, name) for kind in RUNS for name in streams_of(kind)]
ERRORS = [
    path
    for path in sorted((CORPUS / "errors").glob("*.json"))
    if json.loads(path.read_text())["api"] == "ollama"
]
pytestmark = pytest.mark.skipif(not NAMED, reason=f"{CORPUS} is not there")


@pytest.mark.parametrize(("kind", "name"), NAMED)
def test_recorded_stream_gives_the_expected_answer_however_it_is_cut(kind: str, name: str) -> None:
    data = stream_bytes(name)
    check_recording(RUNS[kind], name, data, random_sizes(name, len(data)))
    check_recording(RUNS[kind], name, data.replace(b"\n", b"\r\n"), [5] * (len(data) // 4))


@pytest.mark.parametrize(("kind", "name"), NAMED)
def test_recorded_stream_that_ends_too_early_is_no_answer(kind: str, name: str) -> None:
    data = stream_bytes(name)
    check_every_cut(RUNS[kind], data, {len(data.rstrip())})


@pytest.mark.parametrize("path", ERRORS, ids=lambda path: path.stem)
def test_recorded_error_body_gives_evidence(path: object) -> None:
    told = json.loads(path.read_text())  # type: ignore[attr-defined]
    evidence = CHAT.run(told["body"].encode(), status=told["status"]).failure
    assert evidence is not None
    assert (evidence.kind, evidence.status) == ("http", told["status"])
    assert evidence.message == json.loads(told["body"])["error"]


def test_logprobs_stand_beside_their_pieces_in_the_chat_wires_form() -> None:
    outcome = CHAT.run(stream_bytes("ollama-ollama-cf3c5aa3"))
    tokens = [delta.metadata["logprobs"]["content"][0] for delta in outcome.deltas if delta.text]
    assert [token["token"] for token in tokens] == ["Hello", "."]
    assert [other["token"] for other in tokens[0]["top_logprobs"]] == ["Hello", "Hola"]


def test_context_of_generate_and_times_are_told_beside_the_answer() -> None:
    told = GENERATE.run(stream_bytes("ollamagen-ollama-526cce8d")).so_far.metadata
    assert len(told["context"]) == 75
    assert (told["load_duration"], told["eval_duration"]) == (1008500, 1844565000)
    assert told["created_at"] == "2024-05-24T21:02:00.855283Z"
