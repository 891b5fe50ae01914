"""A server that says our key in an error, wherever it says it, does not bring it into a failure."""

import json

import pytest

from greenroom.messages.failures import ErrorEvidence, NamedLimit
from greenroom.messages.frozen import freeze_wire
from greenroom.providers.openai_chat import OpenAIChatCodec
from greenroom.providers.wire.evidence import without_secret

from codec_run import CodecRun

KEY = "sk-very-secret"  # CodecRun's
TOLD = f"key {KEY} of a user"
HIDDEN = "key (hidden) of a user"


def test_every_field_of_a_servers_words_loses_the_key() -> None:
    words = ("message", "body", "code", "error_type", "param", "provider_request_id")
    given = ErrorEvidence(
        kind="http",
        status=401,
        headers=freeze_wire({"x-request-id": TOLD, "x-ids": [TOLD, 3]}),
        limits=(NamedLimit(name=TOLD, limit=3),),
        **dict.fromkeys(words, TOLD),
    )
    told = without_secret(given, KEY)
    assert {getattr(told, name) for name in words} == {HIDDEN}
    assert told.headers == freeze_wire({"x-request-id": HIDDEN, "x-ids": [HIDDEN, 3]})
    assert told.limits == (NamedLimit(name=HIDDEN, limit=3),)
    assert (told.kind, told.status) == ("http", 401)


def test_a_word_that_stands_for_a_key_is_none() -> None:
    given = ErrorEvidence(kind="http", message="no such key", code="ollama")
    for word in ("", "key", "ollama"):
        assert without_secret(given, word) == given


@pytest.mark.parametrize("name", ["message", "code", "type", "param"])
def test_an_error_that_says_the_key_is_read_without_it(name: str) -> None:
    body = json.dumps({"error": {"message": "no", name: TOLD}}).encode()
    run = CodecRun(OpenAIChatCodec(), "openai-chat")
    for outcome in (run.run(body, status=401), run.run(b"data: " + body + b"\n\n")):
        assert outcome.failure is not None
        assert HIDDEN in outcome.failure.model_dump_json()
        assert KEY not in outcome.failure.model_dump_json()


def test_a_body_that_is_cut_inside_the_key_loses_the_part_of_it() -> None:
    run = CodecRun(OpenAIChatCodec(), "openai-chat")
    for before in range(4096 - len(KEY), 4096 - 7):
        outcome = run.run(b"x" * before + KEY.encode() + b"y" * 99, status=401)
        assert outcome.failure is not None
        assert outcome.failure.body == "x" * before + "(hidden)"
