"""`greenroom chat`: one question, its answer as it comes, and how it ended."""

import argparse
import sys
from dataclasses import replace
from typing import Any

from greenroom.cli import faults
from greenroom.cli.answering import answering
from greenroom.cli.interrupts import Interrupts
from greenroom.cli.no_store import without_store
from greenroom.cli.output import JsonOutput, OtherAnswer, Output, TextOutput
from greenroom.cli.retry_teller import RetryTeller
from greenroom.cli.spinner import Spinner
from greenroom.cli.summary import cancelled_line, summary_line
from greenroom.cli.terminal import Terminal
from greenroom.config import LoadedConfig, read_config
from greenroom.messages.config import SystemConfig
from greenroom.messages.failures import StreamCancelled, StreamError
from greenroom.messages.invalid import InvalidInput, Problem
from greenroom.messages.request import ChatRequest
from greenroom.system import ActorSystem

_END_TIMEOUT_S = 5.0
_ARGUMENTS = {
    "temperature": "--temperature", "max_output_tokens": "--max-tokens", "deadline_s": "--timeout",
    "messages.0.content": "--system",
}  # fmt: skip
"""Fields of the request, as the user typed them."""


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Ask, and show. Returns the exit code. Raises what `faults.report` puts into one line."""
    prompt = _prompt(args.prompt)
    loaded = read_config(args.config)
    for warning in loaded.warnings:
        terminal.note(f"warning: {warning}")
    with Interrupts() as interrupts, answering(args.model, loaded, terminal) as chosen:
        config = without_store(chosen)
        request = _request(args, prompt, config)
        return _Chat(args, terminal, interrupts, loaded).ask(config, request)


def _prompt(words: list[str]) -> str:
    if words and words != ["-"]:
        return _text(" ".join(words).encode(errors="surrogateescape"), "prompt")
    if sys.stdin is None or (not words and sys.stdin.isatty()):
        raise InvalidInput(
            "", [Problem("prompt", "", 'is missing; write greenroom chat "your question", or pipe it')]
        )
    return _text(sys.stdin.buffer.read(), "prompt on stdin")


def _text(given: bytes, what: str) -> str:
    try:
        text = given.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput("", [Problem(what, "", f"is not UTF-8 (byte {error.start})")]) from None
    if not text.strip():
        raise InvalidInput("", [Problem(what, "", "is empty; there is nothing to answer")])
    return text


def _request(args: argparse.Namespace, prompt: str, config: SystemConfig) -> ChatRequest:
    messages = [{"role": "user", "content": prompt}]
    if args.system:
        messages.insert(0, {"role": "system", "content": args.system})
    route = config.routes.get(config.default_model or "")
    given_there = [each.options for each in config.providers.values()] if route is None else [route.options]
    options = given_there[0] or config.options
    wanted: dict[str, Any] = {} if args.timeout is None else {"deadline_s": args.timeout}
    if "on_cut" not in options.model_fields_set and options.max_reconnect_attempts > 0:
        wanted["on_cut"] = "reset"
    given = {"temperature": args.temperature, "max_output_tokens": args.max_tokens}
    try:
        return ChatRequest(
            model=config.default_model, messages=messages, options=options.replace(**wanted),
            **{name: value for name, value in given.items() if value is not None},
        )  # fmt: skip
    except InvalidInput as error:
        typed = [
            replace(problem, path=_ARGUMENTS.get(problem.path, problem.path)) for problem in error.problems
        ]
        raise InvalidInput("", typed) from None


class _Chat:
    """One request from its sending to its end."""

    def __init__(
        self, args: argparse.Namespace, terminal: Terminal, interrupts: Interrupts, loaded: LoadedConfig
    ) -> None:
        self._args, self._terminal, self._interrupts, self._loaded = args, terminal, interrupts, loaded

    def ask(self, config: SystemConfig, request: ChatRequest) -> int:
        spinner = Spinner(self._terminal, f"waiting for {request.model}").start()
        output: Output = (
            JsonOutput(self._terminal, spinner)
            if self._args.json_events
            else TextOutput(self._terminal, spinner, reasoning=self._args.show_reasoning)
        )
        self._interrupts.raise_no_more()  # once the request is on its way, the end tells what became of it
        try:
            with ActorSystem.start(config, events=RetryTeller(spinner)) as system:
                return self._stream(system, request, output)
        finally:
            spinner.stop()

    def _stream(self, system: ActorSystem, request: ChatRequest, output: Output) -> int:
        stream = system.stream(request)
        self._interrupts.cancel_with(stream.cancel)
        try:
            for delta in stream:
                output.delta(delta)
            completion = stream.result(_END_TIMEOUT_S)
            output.end(completion, None)
        except StreamCancelled as error:
            output.end(error.partial, error.failure)
            self._terminal.note(cancelled_line(error.partial, output.pieces))
            return self._interrupts.exit_code
        except StreamError as error:
            output.end(error.partial, error.failure)
            return faults.report(error, self._terminal, faults.where_to_look(error.failure, self._loaded))
        except OtherAnswer as error:
            stream.cancel()
            output.end(None, None)
            self._terminal.note(str(error))
            return faults.FAILED
        except OSError as error:
            stream.cancel()
            self._terminal.out_is_lost()
            return self._stdout_failed(error)
        if self._terminal.err_shown:
            self._terminal.tell(self._terminal.dim(summary_line(completion, output.pieces)) + "\n")
        return 0

    def _stdout_failed(self, error: OSError) -> int:
        if isinstance(error, BrokenPipeError):
            return faults.READER_GONE
        self._terminal.note(f"cancelled: stdout cannot be written: {error.strerror or error}")
        return faults.FAILED
