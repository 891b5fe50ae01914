"""Characters that a server cut in two are one again on every wire; half of one that nothing follows is U+FFFD."""

from typing import Any

import pytest
from every_wire import KINDS, PLACES

from greenroom.messages.completion import Choice
from greenroom.providers.simulator import Script

from script_law import Law

HIGH, LOW, WHOLE, LOST = b"\\ud83d", b"\\ude00", "\U0001f600", "\ufffd"
"""As JSON writes the halves; the simulator says `#` and `%` in their place."""
WITHOUT_CALLS = {"openai-completions", "anthropic-text", "ollama-generate"}
WITHOUT_REASONING = {"openai-completions", "anthropic-text", "cloudflare-ai"}


def read(kind: str, **said: Any) -> Choice:
    """What the wire's codec makes of it, in one read; byte by byte it is the same."""
    law = Law(kind, base_url=f"https://llm.test{PLACES[kind]}")
    status, headers, data = law.answer(Script(**said))
    assert b"#" in data
    data = data.replace(b"#", HIGH).replace(b"%", LOW)
    outcome = law._run.run(data, status=status, headers=headers)
    assert law._run.run(data, [1] * len(data), status=status, headers=headers) == outcome
    return outcome.choice


CUT = [
    pytest.param(("one #", "% two"), f"one {WHOLE} two", id="joined"),
    pytest.param(("one #", " two", "#% three"), f"one {LOST} two{WHOLE} three", id="lost within"),
    pytest.param(("one #",), f"one {LOST}", id="lost at the end"),
    pytest.param(("#",), LOST, id="alone"),
]


@pytest.mark.parametrize(("said", "text"), CUT)
@pytest.mark.parametrize("kind", KINDS)
def test_text(kind: str, said: tuple[str, ...], text: str) -> None:
    assert read(kind, text=said).text == text


@pytest.mark.parametrize(("said", "text"), CUT)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in WITHOUT_REASONING])
def test_reasoning_before_a_text(kind: str, said: tuple[str, ...], text: str) -> None:
    choice = read(kind, reasoning=said, text="then")
    assert (choice.reasoning, choice.text) == (text, "then")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in WITHOUT_CALLS])
def test_a_text_before_a_call(kind: str) -> None:
    choice = read(kind, text=("one #",), tool_calls=[{"name": "f", "arguments": "{}"}])
    assert choice.text == f"one {LOST}"
    assert [(call.name, call.arguments, call.complete) for call in choice.tool_calls] == [("f", "{}", True)]


@pytest.mark.parametrize(
    ("said", "text"), [(('{"a":"#', '%"}'), WHOLE), (('{"a":"#', '"}'), LOST)], ids=["joined", "lost within"]
)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in WITHOUT_CALLS])
def test_arguments(kind: str, said: tuple[str, ...], text: str) -> None:
    (call,) = read(kind, tool_calls=[{"name": "f", "arguments": said}]).tool_calls
    assert (call.arguments.replace(" ", ""), call.complete) == (f'{{"a":"{text}"}}', True)


@pytest.mark.parametrize("kind", ["openai-chat", "openai-responses", "anthropic", "gemini-interactions",
                                  "cohere-chat", "cloudflare-ai"])  # fmt: skip
def test_arguments_that_end_in_half_a_character(kind: str) -> None:
    (call,) = read(kind, tool_calls=[{"name": "f", "arguments": ('{"a":"#',)}]).tool_calls
    assert (call.arguments, call.complete) == (f'{{"a":"{LOST}', False)
