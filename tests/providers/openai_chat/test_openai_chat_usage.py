"""Usage in every place and shape in which servers send it."""

from typing import Any

import pytest
from chat_wire import DONE, run
from test_openai_chat_decode import END, piece, sse

GIVEN = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
EARLY = {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}


def in_choice(chunk: dict[str, Any], where: str, usage: Any) -> dict[str, Any]:
    """The chunk with usage in its choice, or in the choice's delta."""
    choice = chunk["choices"][0]
    inner = choice if where == "choice" else choice["delta"]
    return {**chunk, "choices": [{**choice, where: {**inner, "usage": usage}} if where != "choice" else {
        **choice, "usage": usage}]}  # fmt: skip


PLACES: dict[str, list[dict[str, Any]]] = {
    "own chunk, no choices": [piece("a"), END, {"id": "x", "choices": [], "usage": GIVEN}],
    "own chunk, choices missing": [piece("a"), END, {"id": "x", "usage": GIVEN}],
    "own chunk, choices null": [piece("a"), END, {"id": "x", "choices": None, "usage": GIVEN}],
    "own chunk, empty delta": [piece("a"), END, {"choices": [{"delta": {}}], "usage": GIVEN}],
    "on the finish chunk": [piece("a"), {**END, "usage": GIVEN}],
    "further chunks after it": [piece("a"), {**END, "usage": GIVEN}, piece(""), {**piece(""), "usage": None}],
    "before the finish chunk": [piece("a"), {"choices": [], "usage": GIVEN}, END],
    "cumulative in every chunk": [{**piece("a"), "usage": EARLY}, {**piece("b"), "usage": EARLY}, {
        **END, "usage": GIVEN}],
    "x_groq": [piece("a"), {**END, "x_groq": {"id": "r", "usage": GIVEN}}],
    "x_groq beside running text": [piece("a"), piece("b"), {**piece("c"), "x_groq": {"usage": GIVEN}}, END],
    "in the choice beside running text": [piece("a"), piece("b"), in_choice(piece("c"), "choice", GIVEN), END],
    "x_groq and at the top": [piece("a"), {**END, "x_groq": {"usage": EARLY}, "usage": GIVEN}],
    "in the choice": [piece("a"), in_choice(END, "choice", GIVEN)],
    "in the delta": [piece("a"), in_choice(END, "delta", GIVEN)],
    "null until the end": [{**piece("a"), "usage": None}, END, {"choices": [], "usage": GIVEN}],
    "nulls in it": [{**piece("a"), "usage": GIVEN}, END, {"choices": [], "usage": dict.fromkeys(GIVEN)}],
    "no total": [piece("a"), {**END, "usage": {"prompt_tokens": 5, "completion_tokens": 3}}],
    "floats": [piece("a"), {**END, "usage": {"prompt_tokens": 5.0, "completion_tokens": 3.0}}],
    "strings": [piece("a"), {**END, "usage": {"prompt_tokens": "5", "completion_tokens": "3"}}],
    "other names": [piece("a"), {**END, "usage": {"input_tokens": 5, "output_tokens": 3}}],
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_usage_is_found(place: str) -> None:
    outcome = run(sse(*PLACES[place]) + DONE)
    usage = outcome.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens, usage.source) == (
        5,
        3,
        8,
        "provider",
    )
    assert outcome.answer is not None
    assert outcome.answer.usage == usage


@pytest.mark.parametrize(
    "usage",
    [None, {}, [], "5", 5, True, {"prompt_tokens": -1}, {"prompt_tokens": True}, {"prompt_tokens": "five"},
     {"prompt_tokens": 1.5}, {"prompt_tokens": 1e300}, {"prompt_tokens": []}, {"prompt_tokens": "9" * 50},
     {"x": "y" * 20_000}],
)  # fmt: skip
def test_what_is_no_count_is_not_made_up(usage: Any) -> None:
    outcome = run(sse(piece("a"), {**END, "usage": usage}) + DONE)
    assert outcome.answer is not None
    assert outcome.usage.input_tokens is None
    assert outcome.usage.total_tokens is None


def test_details_are_replaced_name_by_name() -> None:
    def told(**details: Any) -> dict[str, Any]:
        return {"choices": [], "usage": {**GIVEN, "prompt_tokens_details": details}}

    chunks = [
        piece("a"),
        told(cached_tokens=4, audio_tokens=1),
        END,
        told(cached_tokens=None, audio_tokens=2),
    ]
    usage = run(sse(*chunks) + DONE).usage
    assert (usage.cached_input_tokens, usage.audio_input_tokens) == (4, 2)


@pytest.mark.parametrize(
    "names",
    [
        {"prompt_tokens_details": {"cached_tokens": 2}},
        {"input_tokens_details": {"cached_tokens": 2}},
        {"prompt_cache_hit_tokens": 2, "prompt_cache_miss_tokens": 3},
        {"num_cached_tokens": 2},
        {"cached_tokens": 2},
    ],
)
def test_cached_tokens_under_each_name(names: dict[str, Any]) -> None:
    assert run(sse(piece("a"), {**END, "usage": {**GIVEN, **names}}) + DONE).usage.cached_input_tokens == 2


def test_usage_after_an_error_beside_a_finish_reason_is_read() -> None:
    failed = {**piece("b", finish="error"), "error": {"message": "gone", "code": 502}}
    told = {**piece(""), "usage": GIVEN}
    for after in ([told], [told, piece("late")], []):
        outcome = run(sse(piece("a"), failed, *after) + DONE)
        assert outcome.failure is not None
        assert (outcome.failure.message, outcome.failure.status) == ("gone", 502)
        assert (outcome.choice.text, outcome.usage.total_tokens) == ("ab", 8 if after else None)
    broken = run(sse(piece("a"), failed), clean=False).failure
    assert broken is not None
    assert broken.message == "gone"


def test_usage_of_many_names_is_cut_and_kept_small() -> None:
    many = [{"choices": [], "usage": {f"n{chunk}_{n}": n for n in range(100)}} for chunk in range(50)]
    outcome = run(sse(piece("a"), *many, {**END, "usage": GIVEN}) + DONE)
    assert outcome.answer is not None
    assert len(outcome.usage.raw) <= 256
