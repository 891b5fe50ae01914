"""A server goes on from a given beginning of the answer where it is asked in its own way. Over real sockets."""

import http.client
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulator_client import LIMIT_S, Answer, ask, chat

from greenroom.messages.contracts import Call
from greenroom.messages.retry_state import RetryState
from greenroom.messages.usage import Usage
from greenroom.providers.registry import codec_for
from greenroom.providers.simulator import Cut, Script, Simulator
from greenroom.providers.simulator.continuing import NO_PREFILL, continued, rest_of
from greenroom.providers.simulator.pieces import joined
from greenroom.providers.simulator.script_file import load_rules

from codec_run import CodecRun
from script_law import pieces

SAID = "The sky is blue today"
BEGUN = "The sky i"
FLAGS = {"continue_final_message": True, "add_generation_prompt": False}


def turns(begun: str = BEGUN, **of_last: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": "Sky?"}, {"role": "assistant", "content": begun, **of_last}]


def whole(simulator: Simulator, begun: str = BEGUN, *, prefix: bool = False, **fields: Any) -> Answer:
    of_last = {"prefix": True} if prefix else {}
    return ask(simulator, chat(messages=turns(begun, **of_last), stream=False, **fields))


def text_of(answer: Answer) -> str:
    assert answer.status == 200, answer.body
    return answer.json["choices"][0]["message"]["content"]


@pytest.fixture
def sky() -> Iterator[Simulator]:
    with Simulator(Script(text=SAID, reasoning="Hm")) as running:
        yield running


def speaking(simulator: Simulator, dialect: str, **fields: Any) -> Simulator:
    simulator.set_default(Script(text=SAID, reasoning="Hm", dialect=dialect, **fields))
    return simulator


@pytest.mark.parametrize(
    ("dialect", "asked", "wanted"),
    [
        ("vllm", FLAGS, "s blue today"),
        ("vllm", {**FLAGS, "echo": True}, SAID),
        ("vllm", {}, SAID),
        ("sglang", {"continue_final_message": True}, "s blue today"),
        ("sglang", {}, SAID),
        ("deepseek-beta", {"prefix": True}, "s blue today"),
        ("mistral", {"prefix": True}, SAID),
        ("llamacpp", {}, "s blue today"),
        ("openai", {}, SAID),
        ("openai", {"prefix": True, **FLAGS}, SAID),
        ("openrouter", {}, SAID),
    ],
)
def test_each_server_goes_on_where_it_is_asked_in_its_own_way(
    sky: Simulator, dialect: str, asked: dict[str, Any], wanted: str
) -> None:
    speaking(sky, dialect)
    fields = {**asked}
    messages = turns(prefix=True) if fields.pop("prefix", False) else turns()
    assert text_of(ask(sky, chat(messages=messages, stream=False, **fields))) == wanted
    assert ask(sky, chat(messages=messages, **fields)).text == wanted
    for record in sky.requests:
        assert record.script is not None
        assert joined(record.script.text) == wanted


@pytest.mark.parametrize(
    ("dialect", "asked", "words"),
    [
        ("mistral", {}, "Expected last role User or Tool (or Assistant with prefix True) for serving but "),
        ("deepseek", {}, "must be a user message, or an assistant message with prefix mode on"),
        ("deepseek", {"prefix": True}, 'prefix is only available when using beta api (set base_url="'),
        ("deepseek-beta", {}, "must be a user message, or an assistant message with prefix mode on"),
        ("vllm", {"continue_final_message": True}, "Cannot set both `continue_final_message` and"),
    ],
)  # fmt: skip
def test_a_server_refuses_a_last_turn_in_its_own_words(
    sky: Simulator, dialect: str, asked: dict[str, Any], words: str
) -> None:
    refused = whole(speaking(sky, dialect), **asked)
    assert refused.status == 400
    assert words in (refused.json.get("error") or refused.json)["message"]


def test_llamacpp_takes_one_assistant_turn_at_the_end(sky: Simulator) -> None:
    messages = [*turns(), {"role": "assistant", "content": "more"}]
    refused = ask(speaking(sky, "llamacpp"), chat(messages=messages))
    assert (refused.status, refused.json["error"]["message"][:23]) == (400, "Cannot have 2 or more a")


def test_a_model_may_refuse_go_on_or_know_nothing_of_it_in_any_dialect(sky: Simulator) -> None:
    refused = whole(speaking(sky, "llamacpp", prefix="refuse"))
    assert (refused.status, refused.json["error"]["message"]) == (400, NO_PREFILL)
    assert text_of(whole(speaking(sky, "openai", prefix="continue"))) == "s blue today"
    assert text_of(whole(speaking(sky, "llamacpp", prefix="anew"))) == SAID
    assert whole(speaking(sky, "mistral", prefix="anew")).status == 200


def test_a_turn_of_tool_calls_is_no_beginning(sky: Simulator) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = turns("", tool_calls=[call])
    assert text_of(ask(speaking(sky, "llamacpp"), chat(messages=messages, stream=False))) == SAID


def test_another_beginning_is_gone_on_with_words_that_depend_on_it_alone(sky: Simulator) -> None:
    speaking(sky, "llamacpp")
    first, again, other = (text_of(whole(sky, begun)) for begun in ("Heaven", "Heaven", "The sea"))
    assert first == again != other
    assert first.startswith(" ")
    assert "blue" not in first


def test_a_made_up_answer_goes_on_within_its_limit() -> None:
    with Simulator(profile="llamacpp") as simulator:
        said = text_of(ask(simulator, chat("Sky?", stream=False)))
        begun = said[:40]
        assert begun + text_of(whole(simulator, begun)) == said
        limited = whole(simulator, begun, max_tokens=3)
        assert said.startswith(begun + text_of(limited))
        assert limited.json["choices"][0]["finish_reason"] == "length"


def resumed(call: Call, begun: str) -> RetryState:
    return RetryState(
        stream_id="s1", request_id="r1", request=call.request, epoch=2, provider="p", model_asked="m",
        delivered_seq=3, delivered_text=begun, deadline_left_s=10, updated_at=0, spent=Usage(output_tokens=3),
    )  # fmt: skip


def exchanged(simulator: Simulator, kind: str, profile: str, begun: str | None = None) -> str:
    """The text that the codec reads from the server's answer, of a first attempt or of one that goes on."""
    codec = codec_for(kind)
    call = CodecRun(codec, kind).call(profile=profile)
    call = replace(call, target=replace(call.target, base_url=simulator.base_url))
    resume = None if begun is None else resumed(call, begun)
    sent = codec.encode(call, resume)
    link = http.client.HTTPConnection(simulator.host, simulator.port, timeout=LIMIT_S)
    try:
        link.request(sent.method, sent.path, sent.body, dict(sent.headers))
        response = link.getresponse()
        assert response.status == 200, response.read()
        try:
            body = response.read()
        except http.client.IncompleteRead as error:
            body = error.partial
    finally:
        link.close()
    deltas = codec.start(call, resume).feed(body, 1, 0.0).deltas
    return "".join(delta.text for delta in deltas)


GOING_ON = [
    ("openai-chat", "vllm"), ("openai-chat", "sglang"), ("openai-chat", "deepseek-beta"),
    ("openai-chat", "mistral"), ("openai-chat", "llamacpp"), ("openai-completions", "vllm"),
    ("openai-completions", "openai"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "profile"), GOING_ON)
def test_what_greenroom_sends_to_go_on_with_a_cut_answer_brings_its_rest(kind: str, profile: str) -> None:
    with Simulator(Script(text=SAID), profile=profile) as simulator:
        simulator.enqueue(
            Script(text=SAID, cut=Cut(after_deltas=2)), Script(text=SAID, cut=Cut(after_deltas=1))
        )
        begun = exchanged(simulator, kind, profile)
        assert begun == "The sky"
        if profile != "mistral":  # one delta of it is the echo
            begun += exchanged(simulator, kind, profile, begun)
            assert begun == "The sky is"
        else:
            exchanged(simulator, kind, profile, begun)
        assert begun + exchanged(simulator, kind, profile, begun) == SAID


@pytest.mark.parametrize(("kind", "profile"), GOING_ON)
def test_a_second_generation_differs_and_goes_on_from_what_the_first_one_said(
    kind: str, profile: str
) -> None:
    script = Script(text=SAID, variants=("Heaven looks rather grey",), cut=Cut(after_deltas=2))
    with Simulator(script, profile=profile) as simulator:
        begun = exchanged(simulator, kind, profile)
        simulator.set_default(script.replace(cut=None))  # another script: its count begins again
        assert exchanged(simulator, kind, profile) == SAID
        rest = exchanged(simulator, kind, profile, begun)
        assert not SAID.startswith(begun + rest)
        assert exchanged(simulator, kind, profile, begun) == " is blue today"


def completed(simulator: Simulator, prompt: Any, **fields: Any) -> str:
    body = {"model": "m", "prompt": prompt, **fields}
    return ask(simulator, body, path="/v1/completions").json["choices"][0]["text"]


def test_a_prompt_goes_on_only_from_what_was_said_to_it(sky: Simulator) -> None:
    assert completed(sky, "Sky? The sky") == SAID  # nothing was said yet
    assert completed(sky, "Sky?") == SAID
    assert completed(sky, "Sky?The sky is") == " blue today"
    assert completed(sky, "Sky?The sky is blue") == " today"
    assert completed(sky, "Sky?The sea") == SAID
    assert completed(sky, "Sky?The sky", echo=True) == f"Sky?{SAID}"
    assert completed(sky, ["Sky?The sky", "Sky?"]) == SAID  # two prompts are two answers
    assert completed(sky, "Sky?The sky", n=2) == SAID


def test_what_a_completions_server_remembers_is_bounded(sky: Simulator) -> None:
    assert completed(sky, "Sky?") == SAID
    for number in range(256):
        completed(sky, f"another {number}")
    assert completed(sky, "Sky?The sky") == SAID
    completed(sky, "x" * 70_000)
    assert completed(sky, "x" * 70_000 + "The sky") == SAID


@settings(deadline=None, max_examples=200)
@given(pieces(), st.integers(0, 80))
def test_the_beginning_and_the_rest_are_the_text(text: Any, place: int) -> None:
    script = Script(text=text, reasoning="Hm")
    begun = joined(script.text)[:place]
    rest = continued(script, begun)
    assert begun + joined(rest.text) == joined(script.text)
    assert rest.reasoning == ""
    assert joined(continued(script, begun, echo=True).text) == joined(script.text)
    if not isinstance(script.text, str):
        assert script.text[len(script.text) - len(rest.text) + 1 :] == rest.text[1:]


def test_what_does_not_begin_so_has_no_rest() -> None:
    assert rest_of("one", "two") is None
    assert rest_of(("o", "", "ne"), "o") == ("", "ne")
    assert continued(Script(text="one"), "two ").text[0] != " "
    assert continued(Script(text="one"), "two").text == continued(Script(text="one"), "two").text


def test_the_official_client_goes_on_and_is_refused(sky: Simulator) -> None:
    openai = pytest.importorskip("openai")
    speaking(sky, "deepseek-beta")
    with openai.OpenAI(api_key="any", base_url=sky.base_url, max_retries=0) as client:
        asked = {"model": "m", "messages": turns(prefix=True)}
        assert client.chat.completions.create(**asked).choices[0].message.content == "s blue today"
        streamed = client.chat.completions.create(**asked, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in streamed) == "s blue today"
        with pytest.raises(openai.BadRequestError, match="prefix mode on"):
            client.chat.completions.create(model="m", messages=turns())


def test_a_script_file_may_say_all_of_it(tmp_path: Path) -> None:
    file = tmp_path / "script.toml"
    file.write_text('text = "one"\nvariants = ["two", ["th", "ree"]]\nvary_seed = 7\nprefix = "continue"\n')
    script = load_rules(file).default
    assert script == Script(text="one", variants=("two", ("th", "ree")), vary_seed=7, prefix="continue")
