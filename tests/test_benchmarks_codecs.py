"""The codec benchmark measures what it says it measures. No test here looks at a speed."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.codec_cases import CannotSayError, Case
from benchmarks.codecs import BASE, TEXT_ROWS, TOOL_ROWS, Run, judged, speaking
from benchmarks.results import Figure, Results
from greenroom.providers import registry

ROOT = Path(__file__).parents[1]


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.codecs", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=55, check=False,
    )  # fmt: skip


def test_the_command_prints_a_row_for_each_kind_of_reading_and_a_column_for_each_wire() -> None:
    done = command("--words", "200", "--repeat", "1", "--markdown", "--import", "examples.own_wire")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in done.stdout.splitlines()
        if line[:1] == "|"
    ]
    kinds = [*speaking(), "parrot"]
    assert sorted(rows[0][2:]) == sorted(kinds)
    by_name = {row[0]: row for row in rows}
    for row in TEXT_ROWS:
        assert all(by_name[row][2:]), by_name[row]
        for kind in set(kinds) - {BASE}:
            assert f"{kind}: {row}, against {BASE}" in by_name
    for row in TOOL_ROWS:
        assert dict(zip(rows[0], by_name[row], strict=True))[BASE]
    assert f"{BASE}: a piece of 1 MB against one of 100 KB" in by_name
    assert "no tool arguments in pieces: openai-completions (no tool calls)" in done.stdout
    assert "no tool arguments in pieces: parrot (calls come whole)" in done.stdout


def test_a_kind_that_is_not_known_is_answered_with_those_that_are() -> None:
    done = command("--only", "openai-chatt")
    assert done.returncode == 1
    assert "no such kind: 'openai-chatt'; there are openai-chat, " in done.stderr


def test_an_answer_may_be_read_in_three_ways() -> None:
    case = Case(BASE)
    answer = case.text(30)
    assert b"".join(answer.in_reads) == b"".join(answer.in_groups) == b"".join(answer.events)
    assert (len(answer.in_reads), len(answer.in_groups)) == (1, -(-len(answer.events) // 5))
    assert case.tool(1000).pieces == 101


def test_a_decoder_that_reads_something_else_has_no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf(type(registry.codec_for(BASE))):  # type: ignore[misc]
        """It takes the first word alone."""

        def start(self, *args: object) -> object:
            decoder = super().start(*args)
            feed = decoder.feed

            class Half:
                head, finish = decoder.head, decoder.finish

                def feed(self, data: bytes, seq: int, at: float) -> object:
                    told = feed(data, seq, at)
                    del told.deltas[1:]
                    return told

            return Half()

    monkeypatch.setitem(registry._codecs, BASE, Deaf)
    with pytest.raises(CannotSayError, match="another text"):
        Case(BASE).text(30)
    assert Run([BASE], 30, 0.01).results.failures == {
        ("text", BASE): "the decoder read another text: ' word0'"
    }


def test_gates_are_ratios_within_a_repeat_and_growth_of_long_arguments() -> None:
    told, (row, *_) = Results(), TEXT_ROWS
    for repeat, (base, other) in enumerate([(1.0, 1.4), (2.0, 3.2), (1.0, 1.0)]):
        told.add(BASE, repeat, [Figure(row, "µs", base)])
        told.add("other", repeat, [Figure(row, "µs", other)])
    short, long = TOOL_ROWS
    told.add("other", 0, [Figure(short, "µs", 2.0), Figure(long, "µs", 20.0)])
    near, grown = judged(told)
    assert (near.value, near.met) == (1.4, True)
    assert (grown.value, grown.met) == (10.0, False)
