"""Arguments in, exit code out. A command's own modules load when it is the one that runs."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from greenroom.cli.terminal import Terminal

_BAD_USE = 2
_INTERRUPTED = 130
_READER_GONE = 141

_COMMANDS = {
    "chat": "ask a model, and see its answer as it comes",
    "config": "show the configuration in force, and where each value stands",
    "models": "list the models that the configured providers have, and the routes",
    "simulate": "serve a simulated provider on loopback, for tests and demonstrations",
}


def main(argv: Sequence[str] | None = None) -> int:
    """The command is done. Returns 0, 1 (a failed stream), 2 (bad use or configuration) or 130 (Ctrl-C)."""
    given = list(sys.argv[1:] if argv is None else argv)
    terminal = Terminal.of_process()
    _quiet_log(debug=terminal.debug)
    try:
        run = _parse(given)
        return run(terminal)
    except KeyboardInterrupt as interrupt:
        terminal.note("cancelled")
        return next(iter(interrupt.args), _INTERRUPTED)
    except BrokenPipeError:
        terminal.out_is_lost()
        return _READER_GONE
    except Exception as error:  # noqa: BLE001  (the one place where an error becomes a line and an exit code)
        if _hides_ctrl_c(error):
            terminal.note("cancelled")
            return _INTERRUPTED
        from greenroom.cli.faults import report

        return report(error, terminal)


def _hides_ctrl_c(error: Exception) -> bool:
    """pydantic-core makes a SchemaError of the KeyboardInterrupt that comes while it builds a validator."""
    told = str(error)
    return type(error).__name__ == "SchemaError" and ("KeyboardInterrupt" in told or "Interrupted" in told)


def _quiet_log(*, debug: bool) -> None:
    """The commands say themselves what users need to know; the log is for those who look for a fault."""
    logging.getLogger("greenroom").addHandler(logging.StreamHandler() if debug else logging.NullHandler())


def _parse(given: list[str]) -> Callable[[Terminal], int]:
    parser = _OneLineParser(
        prog="greenroom", description="Stream LLM completions through supervised actors.", allow_abbrev=False
    )
    parser.add_argument("--version", action="store_true", help="show the version and end")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_OneLineParser)
    for name, what in _COMMANDS.items():
        command = commands.add_parser(name, help=what, description=what, allow_abbrev=False)
        if name in given:
            _add_arguments(name, command)
    args = parser.parse_args(given)
    if args.version:
        return lambda terminal: _tell(terminal, f"greenroom {_version()}\n")
    if args.command is None:
        return lambda terminal: _tell(terminal, parser.format_help(), _BAD_USE)
    return lambda terminal: _run(args, terminal)


def _add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    if name == "chat":
        from greenroom.cli.chat_arguments import add_arguments
    elif name == "config":
        from greenroom.cli.show_config import add_arguments
    elif name == "models":
        from greenroom.cli.models import add_arguments
    else:
        from greenroom.providers.simulator.command import add_arguments
    add_arguments(parser)


def _run(args: argparse.Namespace, terminal: Terminal) -> int:
    if args.command == "chat":
        from greenroom.cli import chat

        return chat.run(args, terminal)
    if args.command == "config":
        from greenroom.cli import show_config

        return show_config.run(args, terminal)
    if args.command == "models":
        from greenroom.cli import models

        return models.run(args, terminal)
    from greenroom.providers.simulator import command

    return command.run(args)


def _tell(terminal: Terminal, text: str, exit_code: int = 0) -> int:
    if exit_code:
        terminal.tell(text)
    else:
        terminal.answer(text)
    return exit_code


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("greenroom")
    except PackageNotFoundError:
        return "(not installed: run from its sources)"


class _OneLineParser(argparse.ArgumentParser):
    """Errors in one line, as all of ours."""

    def error(self, message: str) -> NoReturn:
        self.exit(_BAD_USE, f"{self.prog}: {message} (see {self.prog} --help)\n")
