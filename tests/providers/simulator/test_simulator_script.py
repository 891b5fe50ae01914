import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.messages.invalid import InvalidInput
from greenroom.providers.simulator import (
    Cut,
    Dialect,
    Drip,
    Flood,
    Garbage,
    HttpAnswer,
    HttpForm,
    RateLimit,
    Script,
    ScriptToolCall,
    ScriptUsage,
    SimulatorRules,
    Stall,
)
from greenroom.providers.simulator.pieces import joined, pieces_of
from greenroom.providers.simulator.rules import MAX_QUEUED, ScriptBook
from greenroom.providers.simulator.script_file import load_rules

EVERYTHING = Script(
    text=("a", "b"),
    reasoning="thinking",
    tool_calls=(ScriptToolCall(name="f", arguments={"x": [1, {"y": None}]}),),
    usage=ScriptUsage(prompt_tokens=1, completion_tokens=2),
    headers={"x-a": "1"},
    answer=HttpAnswer(status=429, body={"error": "slow"}),
    cut=Cut(after_deltas=1, how="reset"),
    stall=Stall(after_deltas=1, for_s=0.5),
    garbage=Garbage(place="json", data="{"),
    drip=Drip(size_bytes=3),
    flood=Flood(kind="event", size=10),
    http=HttpForm(interim=(103,), trailers={"x-b": "2"}),
    rate_limit=RateLimit(limit_requests=5),
    dialect=Dialect(name="mine", finish_fields=("finish_reason", "why")),
)


def test_a_script_pickles_hashes_and_round_trips_through_json() -> None:
    assert pickle.loads(pickle.dumps(EVERYTHING)) == EVERYTHING  # noqa: S301
    assert Script.model_validate_json(EVERYTHING.model_dump_json()) == EVERYTHING
    assert hash(EVERYTHING) == hash(EVERYTHING.replace())


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"texts": "x"}, "texts"),
        ({"chunk_size": 0}, "chunk_size"),
        ({"delta_interval_s": -1}, "delta_interval_s"),
        ({"headers": {"content-length": "3"}}, "headers"),
        ({"headers": {"x": "a\r\nb: c"}}, "headers"),
        ({"headers": {"x y": "a"}}, "headers"),
        ({"headers": {"x": 1}}, "headers"),
        ({"cut": {}}, "cut"),
        ({"cut": {"after_deltas": 1, "after_bytes": 1}}, "cut"),
        ({"cut": {"before_answer": True, "how": "end"}}, "cut"),
        ({"answer": {"status": 204}}, "answer"),
        ({"answer": {"status": 99}}, "answer.status"),
        ({"stream_error": {"event": "a\nb"}}, "stream_error.event"),
        ({"usage": "guessed"}, "usage"),
    ],
)
def test_a_wrong_script_names_the_field(fields: dict[str, object], path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Script(**fields)
    assert caught.value.problems[0].path.startswith(path)


def test_failing_is_short_for_an_error_answer() -> None:
    usual = Script.failing(429, retry_after_s=2)
    assert usual.answer == HttpAnswer(status=429, headers={"retry-after": "2"})
    own = Script.failing(400, "too long", code="context_length_exceeded")
    assert own.answer is not None
    assert own.answer.error is not None
    assert own.answer.error["code"] == "context_length_exceeded"


@settings(deadline=None)
@given(st.text(), st.none() | st.integers(1, 9))
def test_pieces_joined_are_the_text(text: str, chunk_size: int | None) -> None:
    pieces = list(pieces_of(text, chunk_size))
    assert "".join(pieces) == text
    assert all(pieces)
    assert joined(tuple(pieces)) == text
    assert list(pieces_of(tuple(pieces), chunk_size)) == pieces


def test_a_word_a_piece() -> None:
    assert list(pieces_of(" Hello,  big world \n", None)) == [" Hello,", "  big", " world \n"]


def test_scripts_are_chosen_by_queue_then_model_then_default() -> None:
    first, big, default, mine = (Script(text=t) for t in ("first", "big", "default", "mine"))
    book = ScriptBook(SimulatorRules(queue=(first,), by_model={"gpt-4*": big}, default=default))
    book.enqueue((mine,), "my-model")
    assert book.queued == 2
    assert [book.choose(m) for m in ("x", "x", "gpt-4o", "my-model", "my-model")] == [
        first,
        default,
        big,
        mine,
        default,
    ]
    book.set_default(None)
    assert book.choose("x") is None
    assert book.queued == 0


def test_the_queue_is_bounded() -> None:
    book = ScriptBook(SimulatorRules())
    with pytest.raises(OverflowError):
        book.enqueue((Script(),) * (MAX_QUEUED + 1), None)


def test_script_files(tmp_path: Path) -> None:
    one = tmp_path / "one.json"
    one.write_text('{"text": "Hello", "delta_interval_s": 0.05}')
    assert load_rules(one) == SimulatorRules(default=Script(text="Hello", delta_interval_s=0.05))
    rules = tmp_path / "rules.toml"
    rules.write_text(
        '[[queue]]\nanswer = { status = 429, headers = { retry-after = "2" } }\n'
        '[by_model."gpt-4*"]\ntext = "big"\n[default]\ntext = "Hello"\n'
    )
    assert load_rules(rules) == SimulatorRules(
        queue=(Script.failing(429, retry_after_s=2),),
        by_model={"gpt-4*": Script(text="big")},
        default=Script(text="Hello"),
    )
    assert (
        load_rules(rules).model_dump_json()
        == SimulatorRules.model_validate_json(
            json.dumps(load_rules(rules).model_dump(mode="json"))
        ).model_dump_json()
    )


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("bad.json", "{", "must be JSON"),
        ("bad.toml", "a = ", "must be TOML"),
        ("list.json", "[]", "must hold one object"),
        ("field.json", '{"txt": "x"}', "did you mean 'text'"),
        (
            "deep.json",
            '{"default": {"chunk_size": 0}}',
            "default.chunk_size = 0: must be greater than or equal to 1",
        ),
        ("model.toml", '[by_model."gpt-4*"]\ncut = { hw = "reset" }\n', 'by_model."gpt-4*".cut.hw'),
        ("dialect.json", '{"dialect": "mistrl"}', "dialect = 'mistrl': unknown dialect; known: azure"),
        ("chaos.toml", '[chaos]\nseed = 1\nfaults = ["flood"]\n', "unknown fault 'flood'; known: rate_limit"),
        ("outage.json", '{"outages": [{"after_requests": 0}]}', "outages.0.after_requests = 0"),
        ("profile.json", '{"profile": "open-ai"}', "profile = 'open-ai': unknown dialect"),
        ("garbage.json", '{"garbage": {"place": "tail"}}', "garbage.place = 'tail'"),
    ],
)
def test_a_bad_script_file_says_what_is_wrong(tmp_path: Path, name: str, content: str, said: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(InvalidInput, match=name) as caught:
        load_rules(path)
    assert said in str(caught.value)
