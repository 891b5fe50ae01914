"""The pieces that need no process."""

import io
import re
import sys

import pytest
from pydantic_core import SchemaError

from greenroom.cli import main
from greenroom.cli.progress_bar import ProgressBar
from greenroom.cli.retry_teller import RetryTeller
from greenroom.cli.spinner import Spinner
from greenroom.cli.summary import cancelled_line, summary_line
from greenroom.cli.terminal import Terminal
from greenroom.messages.completion import Choice, Completion, Timings
from greenroom.messages.contracts import EventSink
from greenroom.messages.retry_state import AttemptRecord
from greenroom.messages.usage import Usage


class Screen(io.StringIO):
    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def terminal(*, shown: bool) -> tuple[Terminal, Screen]:
    screen = Screen(terminal=shown)
    return Terminal(Screen(terminal=False), screen, {"TERM": "xterm"}), screen


def completion(**more: object) -> Completion:
    facts = {"outcome": "completed", "provider": "p", "model_asked": "m", "request_id": "r", "stream_id": "s"}
    return Completion.model_validate(facts | more)


def attempt(*, sent: bool) -> AttemptRecord:
    return AttemptRecord(
        epoch=1, provider="p", model="m", started_s=0, duration_s=1, sent=sent, decision="cancelled"
    )


COUNTED = Usage(
    input_tokens=9, cached_input_tokens=4, output_tokens=11, reasoning_tokens=3, source="provider"
)


@pytest.mark.parametrize(
    ("ended", "pieces", "line"),
    [
        (completion(), 0, "no tokens in 0.0 s, p/m"),
        (
            completion(timings=Timings(ttft_s=0.5, duration_s=2.5), model="m-1"),
            21,
            "about 21 tokens in 2.5 s (10.0 tokens/s), first after 0.50 s, p/m-1",
        ),
        (
            completion(timings=Timings(ttft_s=1, duration_s=2), usage=COUNTED),
            5,
            (
                "11 tokens in 2.0 s (10.0 tokens/s), first after 1.00 s, usage 9 (4 cached) in, "
                "11 (3 reasoning) out, p/m"
            ),
        ),
        (
            completion(
                choices=(Choice(finish_reason="length"),),
                attempts=(attempt(sent=True), attempt(sent=True)),
            ),
            1,
            "about 1 token in 0.0 s, ended by length, 2 attempts, p/m",
        ),
    ],
)
def test_the_summary_says_what_is_known_and_no_more(ended: Completion, pieces: int, line: str) -> None:
    assert summary_line(ended, pieces) == line


def test_a_cancellation_says_what_the_server_knows_of_it() -> None:
    told = completion(outcome="cancelled", attempts=(attempt(sent=True),))
    assert cancelled_line(told, 37) == "cancelled; the server was told to stop. about 37 tokens received"
    counted = completion(outcome="cancelled", attempts=(attempt(sent=True),), usage=Usage(output_tokens=36))
    assert cancelled_line(counted, 37) == "cancelled; the server was told to stop. 36 tokens received"
    first = Usage(output_tokens=1, source="partial")
    begun = completion(outcome="cancelled", attempts=(attempt(sent=True),), usage=first)
    assert cancelled_line(begun, 37) == "cancelled; the server was told to stop. about 37 tokens received"
    unsent = completion(outcome="cancelled", attempts=(attempt(sent=False),))
    assert cancelled_line(unsent, 0) == "cancelled before anything was sent"


def test_a_download_is_a_bar_on_a_terminal_and_four_lines_elsewhere() -> None:
    on_screen, screen = terminal(shown=True)
    bar = ProgressBar(on_screen)
    for done in range(101):
        bar(done * 1_000_000, 100_000_000)
    assert "\r[############............] 50 of 100 MB, 50 %\x1b[K" in screen.getvalue()
    bar.close()
    assert screen.getvalue().endswith("\r\x1b[K")
    elsewhere, file = terminal(shown=False)
    bar = ProgressBar(elsewhere)
    for done in range(101):
        bar(done * 1_000_000, 100_000_000)
    bar.close()
    assert [line.rpartition(", ")[2] for line in file.getvalue().splitlines()] == [
        "0 %",
        "25 %",
        "50 %",
        "75 %",
        "100 %",
    ]
    assert file.getvalue().startswith("greenroom: 0 of 100 MB")


def test_the_spinner_is_silent_where_no_line_can_be_written_over() -> None:
    elsewhere, file = terminal(shown=False)
    spinner = Spinner(elsewhere, "waiting").start()
    spinner.stop()
    assert file.getvalue() == ""


def test_the_retry_teller_is_a_sink_that_wants_little() -> None:
    teller = RetryTeller(Spinner(terminal(shown=False)[0], "waiting"))
    assert isinstance(teller, EventSink)
    assert teller.wants("stream.retrying")
    assert not teller.wants("stream.progress")


def test_a_closed_stderr_breaks_nothing() -> None:
    told, screen = terminal(shown=True)
    told.note("this is heard")
    assert screen.getvalue() == "greenroom: this is heard\n"
    screen.close()
    told.note("nobody hears this")
    told.answer("and out is open")
    nowhere = Terminal(None, None, {})
    nowhere.note("nor this")
    assert not nowhere.err_shown
    assert not nowhere.out_shown


@pytest.mark.parametrize("columns", [1, 3, 8, 40])
def test_the_spinner_never_wraps(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    narrow, screen = terminal(shown=True)
    monkeypatch.setattr(narrow, "columns", lambda: columns)
    spinner = Spinner(narrow, "waiting for a model with a long name").start()
    spinner.stop()
    plain = re.sub(r"\x1b\[\d*[mK]", "", screen.getvalue())
    assert max(map(len, plain.split("\r"))) <= max(1, columns - 1)


@pytest.mark.parametrize("hidden", ["KeyboardInterrupt: ", "Interrupted: 130"])
def test_ctrl_c_while_validators_are_built_is_a_cancel(
    hidden: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def parse(_: object) -> None:
        raise SchemaError(f'Error building "model" validator: SchemaError: {hidden}')

    monkeypatch.setattr(sys.modules["greenroom.cli.main"], "_parse", parse)
    assert main([]) == 130
    assert capsys.readouterr().err == "greenroom: cancelled\n"
