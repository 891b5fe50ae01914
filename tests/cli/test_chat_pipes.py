"""`greenroom chat` in a script: what stands on stdout, what on stderr, and the exit code."""

import json
import shlex
import signal
import subprocess
import time
from contextlib import suppress

import pytest
from command_line import Runner
from hypothesis import given
from hypothesis import strategies as st

from greenroom.cli.output import OtherAnswer, Written
from greenroom.messages.deltas import delta_from_json
from greenroom.providers.simulator import Cut, Script, ScriptUsage, Simulator, Stall

WITHIN_S = 10.0


def test_the_answer_and_nothing_else_is_on_stdout(chat: Runner, simulator: Simulator) -> None:
    simulator.enqueue(Script(text=["Bright ", "blue, ", "wörld"]))
    done = chat("chat", "Why?")
    assert (done.code, done.out, done.err) == (0, "Bright blue, wörld\n", "")


def test_the_request_is_what_was_asked_for(chat: Runner, simulator: Simulator) -> None:
    chat(
        "chat", "--model", "openai/large", "--system", "Be brief.", "--temperature", "0.5",
        "--max-tokens", "7", "two", "words",
    )  # fmt: skip
    (record,) = simulator.requests
    body = record.body
    assert body is not None
    assert (body["model"], body["temperature"]) == ("large", 0.5)
    assert 7 in (body.get("max_tokens"), body.get("max_completion_tokens"))
    said = [(message["role"], message["content"]) for message in body["messages"]]
    assert said == [("system", "Be brief."), ("user", "two words")]


@pytest.mark.parametrize("args", [["-"], []])
def test_the_prompt_comes_through_a_pipe(chat: Runner, simulator: Simulator, args: list[str]) -> None:
    assert chat("chat", *args, stdin="Grüße\n".encode()).code == 0
    assert simulator.requests[0].body["messages"][0]["content"] == "Grüße\n"  # type: ignore[index]


def test_text_is_passed_on_as_it_comes(chat: Runner, simulator: Simulator) -> None:
    simulator.enqueue(Script(text=["one ", "two ", "three"], stall=Stall(after_deltas=2)))
    with chat.start("chat", "Count") as running:
        running.until("out", "one two ")  # the server stands still: this was not held back
        running.signal(signal.SIGINT)
        assert running.end() == 130
    assert running.out == "one two \n"


def test_a_pipe_gets_the_text_as_it_is(chat: Runner, simulator: Simulator) -> None:
    simulator.enqueue(Script(text=["\x1b[31mred\x07", "\n"]))
    assert chat("chat", "x").out == "\x1b[31mred\x07\n"


# ---- JSON


def test_json_events_are_the_deltas_and_one_end(chat: Runner, simulator: Simulator) -> None:
    usage = ScriptUsage(prompt_tokens=3, completion_tokens=2)
    simulator.enqueue(Script(text=["a ", "b"], reasoning=["hm"], usage=usage))
    done = chat("chat", "--json-events", "x")
    *lines, last = done.out.splitlines()
    deltas = [delta_from_json(line) for line in lines]
    end = json.loads(last)
    assert (done.code, done.err) == (0, "")
    assert "".join(delta.text for delta in deltas) == "a b"
    assert [delta.type for delta in deltas][:2] == ["reasoning", "text"]
    assert (end["type"], end["outcome"], end["finish_reason"]) == ("end", "completed", "stop")
    assert (end["usage"]["input_tokens"], end["usage"]["output_tokens"]) == (3, 2)
    assert (end["provider"], end["model_asked"], end["attempts"]) == ("openai", "small", 1)
    assert end["last_seq"] == deltas[-1].seq
    assert "error" not in end


def test_json_events_end_with_the_failure(chat: Runner, simulator: Simulator) -> None:
    simulator.enqueue(Script.failing(429, "slow down", retry_after_s=1000))
    done = chat("chat", "--json-events", "--timeout", "20", "x")
    (last,) = done.out.splitlines()
    end = json.loads(last)
    assert (done.code, end["outcome"]) == (1, "failed")
    assert (end["error"]["error_class"], end["error"]["status"]) == ("rate_limit", 429)
    assert end["error"]["retry_after_s"] == 1000
    assert "slow down" in end["error"]["message"]
    assert len(done.err_lines) == 1


def test_json_events_end_with_the_cancellation(chat: Runner, simulator: Simulator) -> None:
    simulator.enqueue(Script(text=["one ", "two"], stall=Stall(after_deltas=1)))
    with chat.start("chat", "--json-events", "x") as running:
        running.until("out", "one ")
        running.signal(signal.SIGINT)
        assert running.end() == 130
    end = json.loads(running.out.splitlines()[-1])
    assert (end["outcome"], "error" in end) == ("cancelled", False)


# ---- being stopped


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_cancels_upstream_and_says_so(
    chat: Runner, simulator: Simulator, number: signal.Signals, code: int
) -> None:
    simulator.enqueue(Script(text=["one ", "two ", "three"], stall=Stall(after_deltas=2)))
    with chat.start("chat", "Count") as running:
        running.until("out", "two ")
        running.signal(number)
        simulator.wait_for(lambda s: s.open_connections == 0, timeout_s=WITHIN_S)
        assert running.end() == code
    assert running.err == "greenroom: cancelled; the server was told to stop. about 2 tokens received\n"
    assert simulator.requests[0].ended == "client_disconnected"


def test_a_signal_before_the_first_token_is_heard_too(chat: Runner, simulator: Simulator) -> None:
    simulator.enqueue(Script(text="late", first_delta_delay_s=60))
    with chat.start("chat", "x") as running:
        simulator.wait_for(lambda s: len(s.requests) == 1, timeout_s=WITHIN_S)
        running.signal(signal.SIGINT)
        assert running.end() == 130
    assert (running.out, running.err) == (
        "",
        "greenroom: cancelled; the server was told to stop. no tokens received\n",
    )


def test_the_second_signal_ends_the_process_at_once(chat: Runner, simulator: Simulator) -> None:
    simulator.enqueue(Script(text=["x" * 4000] * 100))
    with chat.start("chat", "x") as running:
        # More than a pipe holds, and nobody reads it: the command stands in a write that no cancel can end.
        simulator.wait_for(lambda s: s.requests and s.requests[0].ended == "completed", timeout_s=WITHIN_S)
        give_up_at = time.monotonic() + WITHIN_S
        while running.process.poll() is None and time.monotonic() < give_up_at:
            running.signal(signal.SIGINT)  # again and again: two that come at once are one to the system
            with suppress(subprocess.TimeoutExpired):
                running.process.wait(0.2)
        assert running.process.returncode in (130, -signal.SIGINT)  # the latter where it was on its way out


def test_a_reader_that_goes_away_cancels_quietly(chat: Runner, simulator: Simulator) -> None:
    simulator.enqueue(Script(text=[f"line {n}\n" for n in range(100_000)]))
    with chat.start("chat", "x") as running:
        running.until("out", "line 0\n")
        running.close("out")
        assert running.end() == 141
    assert running.err == ""
    simulator.wait_for(lambda s: s.open_connections == 0, timeout_s=WITHIN_S)


def test_a_full_disk_is_told(chat: Runner, simulator: Simulator) -> None:
    simulator.enqueue(Script(text="some text"))
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            chat.command("chat", "x"), cwd=chat.folder, env=chat.environ, stdout=full, stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL, timeout=30, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.decode() == "greenroom: cancelled: stdout cannot be written: No space left on device\n"


# ---- what goes wrong on the way


def test_partial_text_stays_and_the_error_comes_on_a_line_of_its_own(
    chat: Runner, simulator: Simulator
) -> None:
    simulator.set_default(Script(text=["one ", "two ", "three"], cut=Cut(after_deltas=2)))
    done = chat("chat", "x")
    assert (done.code, done.out) == (1, "one two \n")
    (line,) = done.err_lines
    assert line.startswith("greenroom: ")
    assert "[transient; provider=openai, model=small, request_id=r_" in line


def test_an_answer_that_breaks_off_is_asked_for_again_and_goes_on_behind_what_was_written(
    chat: Runner, simulator: Simulator
) -> None:
    simulator.enqueue(
        Script(text=["one ", "two ", "three"], cut=Cut(after_deltas=2)),
        Script(text=["on", "e two thr", "ee"], cut=Cut(after_deltas=1)),
    )
    simulator.set_default(Script(text=["one two ", "three"]))
    done = chat("chat", "x")
    assert (done.code, done.out, done.err) == (0, "one two three\n", "")
    assert len(simulator.requests) == 3
    assert len({record.raw_body for record in simulator.requests}) == 1


@pytest.mark.parametrize("again", [["one ", "hundred"], ["one"], ["two"]])
def test_an_answer_that_comes_otherwise_again_is_an_error_not_a_mixture(
    chat: Runner, simulator: Simulator, again: list[str]
) -> None:
    simulator.enqueue(Script(text=["one ", "two ", "three"], cut=Cut(after_deltas=2)))
    simulator.set_default(Script(text=again))
    done = chat("chat", "x")
    assert (done.code, done.out) == (1, "one two \n")
    (line,) = done.err_lines
    assert line.startswith("greenroom: the answer broke off behind 8 characters, and came otherwise")


PIECES = st.lists(st.text("ab ", max_size=3), max_size=8)


@given(st.text("ab ", max_size=12), st.data())
def test_however_often_and_wherever_an_answer_breaks_off_it_is_written_once(
    answer: str, data: st.DataObject
) -> None:
    written, out = Written(), ""
    for _ in range(data.draw(st.integers(0, 3))):
        reached, at = data.draw(st.integers(0, len(answer))), 0
        while at < reached:
            step = data.draw(st.integers(1, reached - at))
            out += written.new(answer[at : at + step])
            at += step
        written.again()
    out += written.new(answer)
    written.end()
    assert out == answer


@given(PIECES, PIECES)
def test_what_is_no_beginning_of_the_answer_is_never_passed_off_as_it(
    first: list[str], then: list[str]
) -> None:
    written, out = Written(), ""
    for piece in first:
        out += written.new(piece)
    written.again()
    try:
        for piece in then:
            out += written.new(piece)
        written.end()
    except OtherAnswer:
        assert not "".join(then).startswith("".join(first))
    else:
        assert out == "".join(then)


def test_a_failure_before_the_first_token_is_tried_again_silently(chat: Runner, simulator: Simulator) -> None:
    simulator.enqueue(Script.failing(503), Script.failing(503), Script(text="there"))
    done = chat("chat", "x")
    assert (done.code, done.out, done.err) == (0, "there\n", "")
    assert len(simulator.requests) == 3


def test_the_deadline_is_the_timeout(chat: Runner, simulator: Simulator) -> None:
    simulator.enqueue(Script(text="late", first_delta_delay_s=60))
    done = chat("chat", "--timeout", "0.5", "x")
    assert done.code == 1
    (line,) = done.err_lines
    assert "[timeout; " in line
    assert "deadline" in line


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_standard_file_ends_nothing(chat: Runner, simulator: Simulator, closed: str) -> None:
    command = shlex.join([*chat.command("chat", "x")])
    done = subprocess.run(
        ["/bin/sh", "-c", f"{command} {closed}"], cwd=chat.folder, env=chat.environ, capture_output=True,
        timeout=WITHIN_S, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert [record.ended for record in simulator.requests] == ["completed"]


def test_json_events_are_utf_8_in_every_locale(chat: Runner, simulator: Simulator) -> None:
    simulator.enqueue(Script(text="smile \U0001f600"))
    done = chat("chat", "--json-events", "x", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", LANG="C")
    deltas = [delta_from_json(line) for line in done.out.splitlines()[:-1]]
    assert "".join(delta.text for delta in deltas) == "smile \U0001f600"
