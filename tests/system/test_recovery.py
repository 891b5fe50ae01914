"""Streams cut at many places, on every wire, over real sockets: exact where that is promised, else marked."""

from typing import Any

import pytest

from greenroom import (
    ActorSystem,
    ChatRequest,
    Completion,
    ProviderConfig,
    StreamError,
    StreamingOptions,
    SystemConfig,
)
from greenroom.messages.deltas import CONTENT, Delta, StreamReset, StreamSeam
from greenroom.messages.fold import fold
from greenroom.messages.frozen import thaw
from greenroom.providers.simulator import Script, Simulator

from tests_system import LIMIT_S

TEXT = "The quick brown fox jumps over the lazy dog, and then it rests a while."
FAST = StreamingOptions(backoff_initial_s=0.01, backoff_max_s=0.05)
CHAT_DIALECTS = {"vllm", "sglang", "deepseek-beta", "mistral", "llamacpp", "openai"}
TOOL = {"name": "f", "parameters": {"type": "object"}}
CALLS = [
    {"name": "f", "arguments": {"a": 1, "b": "some longer text"}},
    {"name": "f", "arguments": {"a": 2, "b": "another longer text"}},
]
PREFIX = [
    ("openai-chat", "vllm", "m"), ("openai-chat", "sglang", "m"), ("openai-chat", "deepseek-beta", "m"),
    ("openai-chat", "mistral", "m"), ("openai-chat", "llamacpp", "m"), ("openai-completions", "vllm", "m"),
    ("openai-completions", "openai", "m"), ("anthropic", "anthropic", "claude-sonnet-4-5"),
    ("anthropic-text", "anthropic-text", "claude-2.1"),
]  # fmt: skip
CURSOR = [
    ("openai-responses", "openai-responses", "gpt-5"),
    ("gemini-interactions", "gemini-interactions", "gemini-2.5-flash"),
]
OTHERS = [
    ("openai-chat", "openai", "m"), ("openai-responses", "openai-responses", "gpt-5"),
    ("anthropic", "anthropic", "claude-sonnet-4-6"), ("gemini", "gemini", "gemini-2.5-flash"),
    ("ollama", "ollama-native", "m"), ("ollama-generate", "ollama-native", "m"), ("cohere-chat", "cohere", "m"),
    ("cloudflare-ai", "cloudflare", "m"),
]  # fmt: skip
Wire = tuple[str, str, str]


class Seen:
    """One request over a server that cuts the first answer: what was delivered, and its end."""

    def __init__(
        self, wire: Wire, first: list[Script], then: Script, options: StreamingOptions = FAST, **request: Any
    ) -> None:
        kind, profile, model = wire
        self.deltas: list[Delta] = []
        self.error: StreamError | None = None
        with Simulator(
            then, profile=profile if profile in CHAT_DIALECTS and "openai" in kind else None
        ) as server:
            for script in first:
                server.enqueue(script)
            provider = ProviderConfig(kind=kind, profile=profile, base_url=server.base_url, api_key="key")
            config = SystemConfig(
                default_model=f"sim/{model}", providers={"sim": provider}, options=options, drain_s=0
            )
            with ActorSystem.start(config) as system:
                stream = system.stream(ChatRequest(messages="Go on", **request))
                try:
                    for delta in stream:
                        self.deltas.append(delta)
                    self.completion: Completion[Any] = stream.result(timeout=LIMIT_S)
                except StreamError as error:
                    self.error = error
        if self.error is not None:
            assert self.error.partial is not None
            self.completion = self.error.partial

    @property
    def modes(self) -> list[str]:
        return [attempt.mode for attempt in self.completion.attempts]

    @property
    def marks(self) -> list[StreamSeam | StreamReset]:
        return [delta for delta in self.deltas if isinstance(delta, (StreamSeam, StreamReset))]

    def check(self) -> "Seen":
        """Numbered without a gap, folded to the completion, and no generation joined unmarked to another."""
        assert [delta.seq for delta in self.deltas] == list(range(1, len(self.deltas) + 1))
        folded = fold(self.deltas)
        assert [choice.parts for choice in folded] == [choice.parts for choice in self.completion.choices]
        for mark in self.marks:
            assert mark.seq == len(self.deltas) or any(
                isinstance(delta, CONTENT) for delta in self.deltas[mark.seq : mark.seq + 4]
            )
        return self


def cut(script: Script, after: int, how: str = "fin") -> Script:
    return script.replace(cut={"after_deltas": after, "how": how})


SAYS = Script(text=TEXT)
PLACES = [0, 1, 2, 7, 14]


@pytest.mark.parametrize("wire", PREFIX, ids=lambda wire: "-".join(wire[:2]))
def test_a_prefix_is_gone_on_with_exactly(wire: Wire) -> None:
    for after in PLACES:
        seen = Seen(wire, [cut(SAYS, after, "reset" if after % 2 else "fin")], SAYS).check()
        assert seen.completion.text == TEXT, after
        assert seen.modes == (["fresh", "prefix"] if after else ["fresh", "fresh"])
        assert [mark.type for mark in seen.marks] == (["seam"] if after else [])


@pytest.mark.parametrize(
    "wire", [PREFIX[0], PREFIX[3], PREFIX[7], *CURSOR], ids=lambda wire: "-".join(wire[:2])
)
def test_cuts_inside_events_and_characters_lose_nothing(wire: Wire) -> None:
    text = "Zürich, naïve, 東京: 🦊 and more."
    says = Script(text=text, chunk_size=2)
    for inside, after in [("event", 3), ("character", 1), ("character", 6)]:
        broken = says.replace(cut={"after_deltas": after, "inside": inside, "how": "reset"})
        seen = Seen(wire, [broken], says, FAST.replace(server_resume=wire in CURSOR)).check()
        assert seen.completion.text == text


@pytest.mark.parametrize("how", ["fin", "reset", "end"])
@pytest.mark.parametrize("wire", CURSOR, ids=lambda wire: wire[0])
def test_what_the_server_keeps_is_read_on_exactly(wire: Wire, how: str) -> None:
    answer = Script(reasoning="Let me think.", text="Let me see.", tool_calls=CALLS)
    for after in range(0, 16, 3):
        kept = FAST.replace(server_resume=True)
        seen = Seen(wire, [cut(answer, after, how)], Script(text="made twice"), kept, tools=[TOOL]).check()
        assert seen.completion.text == "Let me see.", after
        assert seen.completion.reasoning == "Let me think."
        assert len(seen.completion.tool_calls) == 2
        assert all(call.complete for call in seen.completion.tool_calls)
        assert seen.modes == ["fresh", "server_cursor"]
        assert seen.marks == []
        assert seen.completion.usage.source == "provider"


@pytest.mark.parametrize("wire", OTHERS, ids=lambda wire: wire[0])
def test_the_whole_turn_starts_again_where_it_may(wire: Wire) -> None:
    again = Script(text="Another answer altogether.")
    for after in (1, 7):
        seen = Seen(wire, [cut(SAYS, after)], again, FAST.replace(on_cut="reset")).check()
        assert seen.completion.text == "Another answer altogether."
        (mark,) = seen.marks
        assert (mark.type, mark.epoch, mark.model) == ("reset", 2, wire[2])


@pytest.mark.parametrize("wire", OTHERS, ids=lambda wire: wire[0])
def test_asked_in_words_what_is_said_again_is_left_out(wire: Wire) -> None:
    for after in (2, 7):
        # The model begins the whole text anew.
        seen = Seen(wire, [cut(SAYS, after)], SAYS, FAST.replace(continue_instruction=True)).check()
        assert seen.completion.text == TEXT
        (mark,) = seen.marks
        assert isinstance(mark, StreamSeam)
        assert mark.mode == "instruction"
        assert mark.overlap_removed_chars > 0


@pytest.mark.parametrize("wire", OTHERS, ids=lambda wire: wire[0])
def test_by_default_what_cannot_go_on_fails_with_what_was_delivered(wire: Wire) -> None:
    seen = Seen(wire, [cut(SAYS, 4)], SAYS).check()
    assert seen.error is not None
    assert seen.error.is_retryable
    assert seen.completion.text
    assert TEXT.startswith(seen.completion.text)
    assert seen.marks == []


@pytest.mark.parametrize("wire", [OTHERS[0], OTHERS[1], OTHERS[2]], ids=lambda wire: wire[0])
def test_an_open_call_is_asked_for_again(wire: Wire) -> None:
    answer, rest = Script(text="Let me see. ", tool_calls=CALLS), Script(tool_calls=CALLS[1:])
    redo = FAST.replace(redo_open_block=True)
    whole_first = 0
    for after in range(4, 15, 2):
        seen = Seen(wire, [cut(answer, after)], rest, redo, tools=[TOOL]).check()
        assert seen.error is None, after
        assert seen.completion.text.startswith("Let me see.")
        calls = seen.completion.tool_calls
        assert all(call.complete for call in calls)
        assert calls[-1].arguments == '{"a": 2, "b": "another longer text"}'
        assert [call.index for call in calls] == list(range(len(calls)))
        whole_first += len(calls) == 2
    assert whole_first


def test_text_before_an_open_call_that_is_said_again_is_left_out() -> None:
    answer = Script(text="Let me look that up. ", tool_calls=CALLS[:1])
    seen = Seen(OTHERS[0], [cut(answer, 9)], answer, FAST.replace(redo_open_block=True), tools=[TOOL]).check()
    assert seen.completion.text == "Let me look that up. "
    assert [call.complete for call in seen.completion.tool_calls] == [True]
    (mark,) = seen.marks
    assert getattr(mark, "overlap_removed_chars", 0) == len("Let me look that up. ")


def test_an_open_value_is_asked_for_again() -> None:
    value = Script(text='{"a": 1, "b": [1, 2, 3]}')
    options = FAST.replace(redo_open_block=True, json_mode=True)
    seen = Seen(OTHERS[0], [cut(value, 4)], value, options).check()
    assert seen.completion.text == '{"a": 1, "b": [1, 2, 3]}'
    assert [getattr(mark, "dropped", None) for mark in seen.marks] == ["json"]


def test_open_reasoning_is_asked_for_again() -> None:
    answer = Script(reasoning="First this, then that.", text="Done.")
    seen = Seen(OTHERS[0], [cut(answer, 3)], answer, FAST.replace(redo_open_block=True)).check()
    assert seen.completion.reasoning == "First this, then that."
    assert seen.completion.text == "Done."


LLAMA = ("openai-chat", "llamacpp", "m")


def test_a_refused_prefix_leads_to_the_next_rung_and_is_remembered() -> None:
    refusing = SAYS.replace(prefix="refuse")
    seen = Seen(LLAMA, [cut(SAYS, 4)], refusing, FAST.replace(on_cut="reset")).check()
    assert seen.completion.text == TEXT
    assert seen.modes == ["fresh", "prefix", "reset"]


def test_where_a_refused_prefix_was_the_last_rung_the_cut_is_told() -> None:
    seen = Seen(LLAMA, [cut(SAYS, 4)], SAYS.replace(prefix="refuse")).check()
    assert seen.error is not None
    assert seen.error.error_class == "transient"
    assert "to go on (prefix) was refused" in str(seen.error)
    assert TEXT.startswith(seen.completion.text)
    assert seen.completion.attempts[1].error_class == "invalid_request"


def test_another_models_text_is_never_joined() -> None:
    seen = Seen(LLAMA, [cut(SAYS, 4)], SAYS.replace(model="other-70b")).check()
    assert seen.error is not None
    assert "other-70b answered where m had begun" in str(seen.error)
    assert TEXT.startswith(seen.completion.text)
    assert seen.marks == []


def test_a_stream_that_is_cut_again_and_again_goes_on_as_often_as_it_may() -> None:
    cuts = [cut(SAYS, 3), cut(SAYS, 3), cut(SAYS, 3)]
    seen = Seen(LLAMA, cuts, SAYS).check()
    assert seen.completion.text == TEXT
    assert seen.modes == ["fresh", "prefix", "prefix", "prefix"]
    assert [mark.epoch for mark in seen.marks] == [2, 3, 4]


def test_the_limit_of_the_answer_is_what_was_not_said_yet() -> None:
    with Simulator(SAYS, profile="vllm") as server:
        server.enqueue(cut(SAYS, 8))
        provider = ProviderConfig(profile="vllm", base_url=server.base_url)
        config = SystemConfig(default_model="sim/m", providers={"sim": provider}, options=FAST, drain_s=0)
        with ActorSystem.start(config) as system:
            request = ChatRequest(messages="Go on", max_output_tokens=100)
            assert system.stream(request).result(timeout=LIMIT_S).text == TEXT
        first, second = (thaw(record.body) for record in server.requests if record.body is not None)
    assert first["max_tokens"] == 100
    said = second["messages"][-1]["content"]
    assert TEXT.startswith(said)
    assert second["max_tokens"] == 100 - -(-len(said) // 4)


def test_ask_shows_only_whole_answers_and_may_start_again() -> None:
    with Simulator(SAYS) as server:
        server.enqueue(cut(SAYS, 4))
        provider = ProviderConfig(profile="openai", base_url=server.base_url, api_key="key")
        config = SystemConfig(default_model="sim/m", providers={"sim": provider}, options=FAST, drain_s=0)
        with ActorSystem.start(config) as system:
            completion = system.ask(ChatRequest(messages="Go")).get(timeout=LIMIT_S)
            assert (completion.text, len(completion.attempts)) == (TEXT, 2)
            server.enqueue(cut(SAYS, 4))
            final = FAST.replace(on_cut="fail")
            with pytest.raises(StreamError):
                system.ask(ChatRequest(messages="Go", options=final)).get(timeout=LIMIT_S)
