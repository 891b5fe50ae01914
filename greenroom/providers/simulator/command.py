"""`greenroom simulate`: a simulated provider in the foreground, until Ctrl-C or SIGTERM."""

import argparse
import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from greenroom.messages.invalid import InvalidInput, Problem
from greenroom.messages.value import FrozenMap, thaw
from greenroom.providers.simulator.chaos import Chaos
from greenroom.providers.simulator.dialects import dialect_of
from greenroom.providers.simulator.records import RequestRecord
from greenroom.providers.simulator.rules import ModelRule, SimulatorRules
from greenroom.providers.simulator.script import Script
from greenroom.providers.simulator.script_file import load_rules
from greenroom.providers.simulator.server import Simulator

WIRES = (
    ("openai-chat, openai-completions, openai-responses", "/v1", "OPENAI_BASE_URL"),
    ("anthropic, anthropic-text", "", "ANTHROPIC_BASE_URL"),
    ("gemini, gemini-interactions", "", "GOOGLE_GEMINI_BASE_URL"),
    ("ollama, ollama-generate", "", "OLLAMA_NATIVE_BASE_URL"),
    ("cohere-chat", "", "COHERE_BASE_URL"),
    ("cloudflare-ai", "/client/v4/accounts/any", "CLOUDFLARE_AI_BASE_URL"),
)
"""Kinds, what follows the address, and the variable that sends that provider here."""
_BAD_USE = 2
_PROMPT_SHOWN = 80


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    kinds = ", ".join(kinds for kinds, _, _ in WIRES)
    parser.epilog = f"It speaks {kinds}, below one address; --profile is a dialect of the first."
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=18080, help="0: any free port (default: %(default)s)")
    parser.add_argument(
        "--script", type=Path, metavar="FILE", help="answers, as JSON or TOML: one script, or rules"
    )
    parser.add_argument("--api-key", metavar="KEY", help="refuse requests without this key")
    parser.add_argument(
        "--pace", type=_pace, metavar="TOKENS/S", help="speed of answers whose script sets none"
    )
    parser.add_argument(
        "--profile", metavar="NAME", help="speak as this server does: vllm, mistral, groq, ..."
    )
    parser.add_argument(
        "--chaos-seed", type=int, metavar="N", help="strike requests with faults drawn from N"
    )
    parser.add_argument(
        "--chaos-rate", type=_share, metavar="SHARE", help="of the requests, 0 to 1 (default: 0.2)"
    )
    parser.add_argument(
        "--chaos-faults", metavar="NAMES", help="which faults, with commas between (default: all that end)"
    )
    parser.add_argument(
        "--log", action="store_true", help="show the prompts, too: the last message, or the prompt"
    )


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop. Returns 0; 2 where it could not begin. Main thread only."""
    try:
        rules = load_rules(args.script) if args.script else SimulatorRules()
        simulator = _simulator(_paced(rules, args.pace), args)
    except InvalidInput as error:
        return _cannot(str(error))
    except OSError as error:
        return _cannot(f"--script {args.script}: {error.strerror or error}")
    simulator.on_request_finished(lambda record: _say(_line(record, prompts=args.log)))
    with _told_to_stop() as told:
        try:
            simulator.start()
        except OSError as error:
            what = (
                "another program listens there"
                if error.errno == errno.EADDRINUSE
                else error.strerror or error
            )
            return _cannot(f"cannot listen on {args.host}:{args.port}: {what}; --port 0 takes a free port")
        _say(_ready(simulator, args.api_key))
        told.wait()
        simulator.stop()
    _say(_summary(simulator))
    return 0


def _simulator(rules: SimulatorRules, args: argparse.Namespace) -> Simulator:
    try:
        profile = dialect_of(args.profile) if args.profile is not None else None
    except InvalidInput as error:
        raise error.under("--profile") from None
    # Microseconds: nobody answers more often, so who is started after this one says none of its ids again.
    first_id = time.time_ns() // 1000
    return Simulator(
        rules, host=args.host, port=args.port, api_key=args.api_key, profile=profile, chaos=_chaos(args),
        first_id=first_id,
    )  # fmt: skip


def _chaos(args: argparse.Namespace) -> Chaos | None:
    if args.chaos_seed is None:
        for option, given in (("--chaos-rate", args.chaos_rate), ("--chaos-faults", args.chaos_faults)):
            if given is not None:
                raise InvalidInput("", [Problem(option, str(given), "needs --chaos-seed N")])
        return None
    drawn = {} if args.chaos_faults is None else {"faults": tuple(args.chaos_faults.split(","))}
    rate = 0.2 if args.chaos_rate is None else args.chaos_rate
    return Chaos(seed=args.chaos_seed, rate=rate, **drawn)


def _paced(rules: SimulatorRules, pace: float | None) -> SimulatorRules:
    if pace is None:
        return rules
    interval_s = 1 / pace

    def paced(script: Script) -> Script:
        given = "delta_interval_s" in script.model_fields_set
        return script if given else script.replace(delta_interval_s=interval_s)

    return rules.replace(
        queue=tuple(paced(script) for script in rules.queue),
        by_model=tuple(ModelRule(model=rule.model, script=paced(rule.script)) for rule in rules.by_model),
        default=None if rules.default is None else paced(rules.default),
        default_interval_s=interval_s,
    )


@contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    told = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        told.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ready(simulator: Simulator, api_key: str | None) -> str:
    key = "-H 'authorization: Bearer KEY' " if api_key else ""
    body = """{"model":"simulator","stream":true,"messages":[{"role":"user","content":"Hello"}]}"""
    asks = f"{key}-H 'content-type: application/json' -d '{body}'"
    return (
        f"READY {simulator.base_url}\n"
        f"  export OPENAI_BASE_URL={simulator.base_url} OPENAI_API_KEY={'KEY' if api_key else 'any'}\n"
        f"  curl -N {simulator.base_url}/chat/completions {asks}\n"
        f"  the other wires are spoken here, too; with {'that' if api_key else 'any'} key in the usual variable:\n"
        + _addresses(simulator.url)
    )


def _addresses(url: str) -> str:
    return "\n".join(f"  export {variable}={url}{path}  # {kinds}" for kinds, path, variable in WIRES[1:])


def _line(record: RequestRecord, *, prompts: bool) -> str:
    at = time.strftime("%H:%M:%S", time.localtime(record.started_at_s))
    asked = f"{record.method} {_printable(record.path)} {record.status or '-'}"
    took = f"{record.ended} in {(record.ended_s or record.started_s) - record.started_s:.3f} s"
    sent = f"{record.deltas_sent} deltas, {record.bytes_sent} bytes"
    first = f"first after {record.first_delta_s - record.started_s:.3f} s, " if record.first_delta_s else ""
    model = f", model {_printable(record.model)}" if record.model else ""
    said = f", prompt {_prompt(record)!a}" if prompts and record.body is not None else ""
    struck = f", chaos: {record.chaos}" if record.chaos else ""
    return f"{at} #{record.number} {asked} {took}, {first}{sent}{model}{struck}{said}"


def _prompt(record: RequestRecord) -> str:
    body = record.body or FrozenMap()
    messages = body.get("messages")
    last = messages[-1] if isinstance(messages, tuple) and messages else None
    said = last.get("content") if isinstance(last, FrozenMap) else body.get("prompt", "")
    return str(thaw(said))[:_PROMPT_SHOWN]


def _printable(text: str) -> str:
    """Cut short, and nothing in it that a terminal would obey."""
    return ascii(text[:_PROMPT_SHOWN])[1:-1]


def _summary(simulator: Simulator) -> str:
    seen = simulator.statistics()
    cut = seen.cut + seen.reset + seen.crashed
    ends = f"{seen.client_disconnected} left by the client, {cut} cut, {seen.server_stopped} stopped"
    return f"{seen.requests} requests: {seen.completed} completed, {ends}; {seen.deltas_sent} deltas sent"


def _cannot(reason: str) -> int:
    sys.stderr.write(f"greenroom simulate: {reason}\n")
    return _BAD_USE


def _say(line: str) -> None:
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read this has gone; serving goes on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: 0 to 65535")
    return int(text)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share: a number from 0 to 1")
    return share


def _pace(text: str) -> float:
    try:
        pace = float(text)
    except ValueError:
        pace = 0.0
    if not 0.001 <= pace <= 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a speed: tokens a second, 0.001 to 1000000")
    return pace
