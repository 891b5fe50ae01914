"""`greenroom chat` at a desk: a real terminal, a typed Ctrl-C, a spinner, and the line after the answer."""

import re

from command_line import Runner

from greenroom.providers.simulator import Cut, Script, Simulator, Stall

WITHIN_S = 30.0
ERASED = "\r\x1b[K"
SUMMARY = re.compile(
    r"3 tokens in \d+\.\d s \(\d+\.\d tokens/s\), first after \d+\.\d\d s, usage 5 in, 3 out, openai/small"
)


def script(**more: object) -> Script:
    usage = {"prompt_tokens": 5, "completion_tokens": 3}
    return Script(text=["one ", "two ", "three"], usage=usage, delta_interval_s=0.02, **more)  # type: ignore[arg-type]


def test_a_spinner_turns_until_the_first_token_and_a_summary_follows(
    chat: Runner, simulator: Simulator
) -> None:
    simulator.enqueue(script(first_delta_delay_s=0.5))
    with chat.on_terminal("chat", "Count") as running:
        assert running.end() == 0
    before, erased, answer = running.err.partition(f"{ERASED}one ")
    assert "waiting for openai/small 0 s" in before
    assert erased
    assert before.count("waiting") >= 2
    assert answer.startswith("two three\n")
    assert SUMMARY.search(answer)
    assert "waiting" not in answer


def test_a_piped_answer_leaves_the_spinner_to_the_terminal(chat: Runner, simulator: Simulator) -> None:
    simulator.enqueue(script(first_delta_delay_s=0.3))
    with chat.on_terminal("chat", "Count", out_piped=True) as running:
        assert running.end() == 0
    assert running.out == "one two three\n"
    assert "waiting for" in running.err
    assert "one" not in running.err
    assert SUMMARY.search(running.err)


def test_no_color_means_no_color_and_a_dumb_terminal_gets_no_spinner(
    chat: Runner, simulator: Simulator
) -> None:
    simulator.enqueue(script(first_delta_delay_s=0.3), script(first_delta_delay_s=0.3), script())
    with chat.on_terminal("chat", "Count", NO_COLOR="1") as running:
        assert running.end() == 0
    assert "waiting for" in running.err
    assert "\x1b[2m" not in running.err
    with chat.on_terminal("chat", "Count", TERM="dumb") as running:
        assert running.end() == 0
    assert "\x1b" not in running.err
    assert "waiting" not in running.err
    assert SUMMARY.search(running.err)
    with chat.on_terminal("chat", "Count") as running:
        assert running.end() == 0
    assert "\x1b[2m3 tokens in" in running.err


def test_ctrl_c_cancels_upstream_and_says_so_on_a_line_of_its_own(chat: Runner, simulator: Simulator) -> None:
    simulator.enqueue(Script(text=["one ", "two ", "three"], stall=Stall(after_deltas=2)))
    with chat.on_terminal("chat", "Count") as running:
        running.until("err", "two ")
        running.typed("\x03")
        simulator.wait_for(lambda s: s.open_connections == 0, timeout_s=WITHIN_S)
        assert running.end() == 130
    assert running.err.endswith(
        "one two ^C\ngreenroom: cancelled; the server was told to stop. about 2 tokens received\n"
    )
    assert simulator.requests[0].ended == "client_disconnected"


def test_ctrl_c_while_the_spinner_turns_leaves_a_clean_line(chat: Runner, simulator: Simulator) -> None:
    simulator.enqueue(Script(text="late", first_delta_delay_s=60))
    with chat.on_terminal("chat", "Count") as running:
        running.until("err", "waiting for openai/small")
        simulator.wait_for(lambda s: len(s.requests) == 1, timeout_s=WITHIN_S)
        running.typed("\x03")
        assert running.end() == 130
    assert running.err.endswith(
        f"{ERASED}greenroom: cancelled; the server was told to stop. no tokens received\n"
    )


def test_the_spinner_tells_of_retries(chat: Runner, simulator: Simulator) -> None:
    simulator.enqueue(Script.failing(503, "overloaded"), script())
    with chat.on_terminal(
        "chat", "x", GREENROOM_BACKOFF_INITIAL_S="0.4", GREENROOM_BACKOFF_MAX_S="1"
    ) as running:
        assert running.end() == 0
    assert re.search(r"attempt 2 in 0\.\d s, after: openai answered HTTP 503: overloaded 0 s", running.err)
    assert "2 attempts" in running.err


def test_the_spinner_stays_on_one_row(chat: Runner, simulator: Simulator) -> None:
    simulator.enqueue(Script.failing(503, "very " * 100), script())
    with chat.on_terminal(
        "chat", "x", NO_COLOR="1", GREENROOM_BACKOFF_MAX_S="9", GREENROOM_BACKOFF_INITIAL_S="0.4"
    ) as running:
        assert running.end() == 0
    frames = [frame for frame in re.split(r"\r|\x1b\[K", running.err) if "attempt 2" in frame]
    assert frames
    assert max(map(len, frames)) < 80


def test_a_terminal_obeys_nothing_that_the_model_writes(chat: Runner, simulator: Simulator) -> None:
    simulator.enqueue(Script(text=["\x1b]0;owned\x07", "a\x1b[2J\tb\r\n", "\x9b31mc"]))
    with chat.on_terminal("chat", "x", NO_COLOR="1", TERM="dumb") as running:
        assert running.end() == 0
    assert "]0;owneda[2J\tb\n31mc\n" in running.err
    assert "\x1b" not in running.err


def test_reasoning_is_shown_dim_where_it_is_asked_for(chat: Runner, simulator: Simulator) -> None:
    thoughtful = Script(text="Five.", reasoning=["Let me ", "think."])
    simulator.enqueue(thoughtful, thoughtful)
    with chat.on_terminal("chat", "--show-reasoning", "x") as running:
        assert running.end() == 0
    assert "\x1b[2mLet me \x1b[0m\x1b[2mthink.\x1b[0m\nFive.\n" in running.err
    with chat.on_terminal("chat", "x") as running:
        assert running.end() == 0
    assert "think" not in running.err
    assert f"{ERASED}Five.\n" in running.err


def test_an_answer_that_breaks_off_begins_again_visibly(chat: Runner, simulator: Simulator) -> None:
    simulator.enqueue(Script(text=["one ", "two"], cut=Cut(after_deltas=1)))
    simulator.set_default(script())
    with chat.on_terminal("chat", "x") as running:
        code = running.end()
    partial, again = "one \ngreenroom: the answer broke off", "it begins again:\none two three\n"
    failed = code == 1 and "one \ngreenroom: " in running.err
    assert failed or (code == 0 and partial in running.err and again in running.err)


def test_an_error_stands_on_a_line_of_its_own(chat: Runner, simulator: Simulator) -> None:
    simulator.set_default(Script.failing(400, "no such thing"))
    with chat.on_terminal("chat", "x") as running:
        assert running.end() == 1
    assert f"{ERASED}greenroom: openai answered HTTP 400: no such thing" in running.err
    assert running.err.endswith("\n")


def test_no_prompt_at_a_terminal_is_told_not_waited_for(chat: Runner) -> None:
    with chat.on_terminal("chat") as running:
        assert running.end() == 2
    assert running.err == 'greenroom: prompt: is missing; write greenroom chat "your question", or pipe it\n'
