"""The law of every wire: what a simulated server says from a script, the wire's codec reads out of its bytes.

    LAW = Law("openai-completions", Says(reasoning=False, refusal=False, tool_calls=False))

    @given(LAW.scripts, FORMS, CUTS)
    def test_what_is_said_is_what_is_read(script, form, cut):
        LAW.check(script, form, cut)

Nothing opens a socket: the request is what the codec encodes, the simulator routes and answers it, and the body's
bytes, cut anywhere, go into the codec's decoder.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate, cycle, pairwise, takewhile
from typing import Any, Literal

from hypothesis import strategies as st

from greenroom.messages.completion import Choice, FinishReason
from greenroom.messages.contracts import Call
from greenroom.messages.deltas import Delta, ReasoningDelta, TextDelta
from greenroom.messages.request import ChatRequest
from greenroom.messages.usage import NO_USAGE, Usage
from greenroom.providers.registry import codec_for
from greenroom.providers.simulator import Dialect, Script, ScriptToolCall, ScriptUsage, served_to
from greenroom.providers.simulator.dialects import OPENAI
from greenroom.providers.simulator.pieces import joined, pieces_of

from codec_run import CodecRun, Outcome

Form = Literal["streamed", "whole", "whole_unasked"]
"""Streamed as asked; one value as asked (`stream=False`); one value from a server that ignores `stream=true`."""
Cut = tuple[int, ...]
"""Sizes of the reads, over and over; () is one read."""

FORMS: st.SearchStrategy[Form] = st.sampled_from(("streamed", "streamed", "whole", "whole_unasked"))
CUTS: st.SearchStrategy[Cut] = st.sampled_from(((), (1,), (7,))) | st.lists(
    st.integers(1, 400), min_size=1, max_size=6
).map(tuple)
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**50), 2**50)
    | st.floats(-1e9, 1e9)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_-]{0,11}", fullmatch=True)
_IDS = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_-]{3,20}", fullmatch=True)


def usual_finish(script: Script) -> FinishReason:
    """Our word for the end of this script: tools asked for and refusals are no mere stops, on any wire."""
    if script.finish_reason == "length":
        return "length"
    if script.tool_calls:
        return "tool_calls"
    return "refusal" if joined(script.refusal) else "stop"


@dataclass(frozen=True)
class Says:
    """What a wire, or one dialect of it, can say; of what it cannot there is nothing in the scripts."""

    reasoning: bool = True
    refusal: bool = True
    tool_calls: bool = True
    text_with_refusal: bool = True
    interleaved: bool = True
    """Fragments of parallel calls may take turns."""
    empty_arguments: bool = True
    """A call's arguments may be ""; they are read as {}."""
    nothing: bool = True
    """An answer may say nothing at all."""
    not_in_text: str = ""
    """Characters that text and reasoning do not have (`<`, where a profile looks for <think>)."""
    finish_reasons: tuple[str | None, ...] = (None, "stop", "length")
    """What scripts may name."""
    finish: Callable[[Script], FinishReason] = usual_finish
    usages: tuple[str, ...] = ("counted", "absent", "given")
    """Kinds of usage that scripts may have."""
    cached_tokens: bool = True
    """Usage tells how much of the prompt was cached."""
    reasoning_tokens: bool = True
    """Usage tells how much of the output was reasoning."""
    zero_counts: bool = True
    """A count of 0 is told; else it may be left out."""
    call_ids: bool = True
    """Tool calls have the ids that the script gives; else some that differ from each other."""
    response_id: bool = True
    model: bool = True
    exact_pieces: bool = True
    """Each piece of a streamed text is one delta, whatever the reads were."""


def pieces(exclude: str = "", max_size: int = 60) -> st.SearchStrategy[Any]:
    """A text to be split by `chunk_size`, or the exact pieces of one, empty ones among them."""
    characters = st.characters(exclude_categories=["Cs"], exclude_characters=exclude)
    words = st.text(characters, max_size=max_size)
    return words | st.lists(st.text(characters, max_size=9), max_size=12).map(tuple)


def _arguments(empty: bool) -> st.SearchStrategy[Any]:
    objects = st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=5), _JSON, max_size=3
    )
    texts = st.builds(
        lambda value, is_ascii: json.dumps(value, ensure_ascii=is_ascii), objects, st.booleans()
    )
    split = st.builds(_split, texts, st.lists(st.integers(0, 60), max_size=9))
    given = objects | texts | split
    return given | st.sampled_from(("", ("",), ())) if empty else given


def _split(text: str, places: list[int]) -> tuple[str, ...]:
    marks = [*sorted({0, len(text)} | {min(place, len(text)) for place in places}), len(text)]
    return tuple(text[start:end] for start, end in pairwise(marks))  # the last one is empty


def _calls(says: Says) -> st.SearchStrategy[Any]:
    call = st.builds(
        ScriptToolCall,
        name=_NAMES,
        arguments=_arguments(says.empty_arguments),
        id=st.none() | _IDS,
    )
    return st.lists(call, max_size=3, unique_by=lambda one: one.id or id(one)).map(tuple)


def _usages(says: Says) -> st.SearchStrategy[Any]:
    count = st.integers(0, 9_000)
    given = st.builds(
        lambda prompt, cached, answer, reasoning: ScriptUsage(
            prompt_tokens=prompt + cached, cached_tokens=cached,
            completion_tokens=answer + reasoning, reasoning_tokens=reasoning,
        ),
        count, count if says.cached_tokens else st.just(0),
        count, count if says.reasoning_tokens else st.just(0),
    )  # fmt: skip
    return st.one_of(*(given if kind == "given" else st.just(kind) for kind in says.usages))


def scripts(says: Says) -> st.SearchStrategy[Script]:
    """Whatever this wire can say."""
    words, none = pieces(says.not_in_text), st.just("")
    found = st.builds(
        Script,
        text=words,
        reasoning=words if says.reasoning else none,
        refusal=none | words if says.refusal else none,
        tool_calls=_calls(says) if says.tool_calls else st.just(()),
        interleave_tool_calls=st.booleans() if says.interleaved else st.just(False),
        finish_reason=st.sampled_from(says.finish_reasons),
        usage=_usages(says),
        chunk_size=st.none() | st.integers(1, 9),
        model=st.none() | st.just("model-that-answered") if says.model else st.none(),
        response_id=st.none() | _IDS if says.response_id else st.none(),
    )
    if not says.text_with_refusal:
        found = found.map(lambda script: script.replace(text="") if script.refusal else script)
    if not says.nothing:
        found = found.filter(_says_something)
    return found


def _says_something(script: Script) -> bool:
    return any(map(joined, (script.text, script.reasoning, script.refusal))) or bool(script.tool_calls)


@dataclass(frozen=True)
class Law:
    """One wire under test, in one dialect where it has several. `request`: further fields of each request."""

    kind: str
    says: Says = Says()
    profile: str | None = None
    dialect: Dialect = OPENAI
    base_url: str = "https://llm.test/v1"
    request: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def scripts(self) -> st.SearchStrategy[Script]:
        return scripts(self.says)

    @cached_property
    def _run(self) -> CodecRun:
        return CodecRun(codec_for(self.kind), self.kind)

    def check(self, script: Script, form: Form = "streamed", cut: Cut = ()) -> None:
        """What is said is what is read."""
        outcome = self.read(script, form, cut)
        assert_read(outcome, script, self.says)
        if form == "streamed" and self.says.exact_pieces:
            assert said_in(outcome.deltas, TextDelta) == _not_empty(script.text, script.chunk_size)
            assert said_in(outcome.deltas, ReasoningDelta) == _not_empty(script.reasoning, script.chunk_size)

    def check_cut_off(self, script: Script, form: Form, share: float) -> None:
        """An answer whose connection breaks after this share of its bytes has said the beginning and failed; or
        its own end had come.
        """
        status, headers, data = self.answer(script, form)
        kept = data[: int(len(data) * share)]
        outcome = self._read(kept, form, (), status, headers, clean=False)
        if outcome.answer is not None:
            assert_read(outcome, script, self.says)
            return
        choice = outcome.choice if outcome.deltas else Choice()
        assert joined(script.text).startswith(choice.text)
        assert joined(script.reasoning).startswith(choice.reasoning)
        assert joined(script.refusal).startswith(choice.refusal)
        assert len(choice.tool_calls) <= len(script.tool_calls)
        for read, said in zip(choice.tool_calls, script.tool_calls, strict=False):
            assert not read.complete or json.loads(read.arguments) == arguments_said(said)

    def read(self, script: Script, form: Form = "streamed", cut: Cut = ()) -> Outcome:
        """What the codec makes of the simulator's answer, read in these pieces."""
        status, headers, data = self.answer(script, form)
        return self._read(data, form, cut, status, headers)

    def answer(
        self, script: Script, form: Form = "streamed"
    ) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
        """Status, headers and body of the simulator's answer to the request that the codec encodes."""
        if form == "whole_unasked":
            script = script.replace(ignore_stream=True)
        served = served_to(self._run.codec.encode(self._call(form)), script, self.dialect)
        reply = served.reply
        body = b"".join(step.data for step in reply.steps)
        assert served.script is not None, f"no script was asked for: {body!r}"
        return reply.status, reply.headers, body

    def _call(self, form: Form) -> Call:
        call = self._run.call(self._asked(form), self.profile)
        return replace(call, target=replace(call.target, base_url=self.base_url))

    def _asked(self, form: Form) -> ChatRequest:
        fields = {"model": "p/m", "messages": "hi", "stream": form != "whole", **self.request}
        return ChatRequest(**fields)

    def _read(
        self,
        data: bytes,
        form: Form,
        cut: Cut,
        status: int,
        headers: tuple[tuple[str, str], ...],
        clean: bool = True,
    ) -> Outcome:
        return self._run.run(
            data,
            sizes_of(cut, len(data)),
            status=status,
            headers=headers,
            clean=clean,
            request=self._asked(form),
            profile=self.profile,
        )


def sizes_of(cut: Cut, length: int) -> list[int]:
    """The sizes of the reads of so many bytes."""
    ends = takewhile(lambda end: end < length, accumulate(cycle(cut)))
    return [end - start for start, end in pairwise([0, *ends])]


def assert_read(outcome: Outcome, script: Script, says: Says) -> None:
    """The answer is whole, and all of it is what the script says, in every choice."""
    assert outcome.failure is None
    answer = outcome.answer
    assert answer is not None
    for choice in outcome.choices():
        assert choice.text == joined(script.text)
        assert choice.reasoning == joined(script.reasoning)
        assert choice.refusal == joined(script.refusal)
        assert_calls(choice, script, says)
        assert choice.finish_reason == says.finish(script)
    assert_usage(outcome.usage, script, says)
    if says.model:
        assert answer.model == (script.model or "m")
    if says.response_id:
        assert answer.response_id == (script.response_id or answer.response_id)
        assert answer.response_id


def assert_calls(choice: Choice, script: Script, says: Says) -> None:
    said = script.tool_calls
    assert [call.name for call in choice.tool_calls] == [call.name for call in said]
    for read, call in zip(choice.tool_calls, said, strict=True):
        # Where the model had no more room, a call without arguments may be one that lost them.
        assert read.complete or (script.finish_reason == "length" and not arguments_said(call))
        assert json.loads(read.arguments or "{}") == arguments_said(call)
        assert not says.call_ids or call.id in (None, read.id)
    ids = [call.id for call in choice.tool_calls]
    assert all(ids)
    assert len(set(ids)) == len(ids)


def arguments_said(call: ScriptToolCall) -> Any:
    """The JSON value of a call's arguments; "" stands for {}."""
    return json.loads(call.arguments_text or "{}")


def assert_usage(read: Usage, script: Script, says: Says) -> None:
    said = script.usage
    if said == "absent":
        assert read == NO_USAGE
        return
    assert read.source == "provider"

    def told(count: int | None) -> int:
        assert count is not None or not says.zero_counts
        return count or 0

    assert told(read.total_tokens) == told(read.input_tokens) + told(read.output_tokens)
    if not isinstance(said, ScriptUsage):
        return
    assert told(read.input_tokens) == said.prompt_tokens
    assert told(read.output_tokens) == said.completion_tokens
    if says.cached_tokens:
        assert told(read.cached_input_tokens) == said.cached_tokens
    if says.reasoning_tokens:
        assert told(read.reasoning_tokens) == said.reasoning_tokens


def said_in(deltas: list[Delta], kind: type[TextDelta] | type[ReasoningDelta]) -> list[str]:
    """What each delta of this kind brought, without those that brought nothing."""
    told = [delta.text if isinstance(delta, TextDelta) else delta.reasoning
            for delta in deltas if isinstance(delta, kind)]  # fmt: skip
    return [piece for piece in told if piece]


def _not_empty(text: Any, chunk_size: int | None) -> list[str]:
    return [piece for piece in pieces_of(text, chunk_size) if piece]
