"""Fuzzing as a command: `python -m tests.fuzz --target chat --seconds 600`. A defect's seed is printed."""

import argparse
import faulthandler
import secrets
import subprocess
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random

from .anthropic_cases import anthropic_case, anthropic_memory_case
from .chat_cases import chat_case, completions_case, memory_case
from .gemini_cases import gemini_case
from .http_cases import http_case
from .http_socket_cases import http_socket_case, requests_socket_case
from .interaction_cases import interactions_case
from .responses_cases import responses_case, responses_memory_case
from .runner import SLOW_S, Defect, fuzz
from .small_wire_cases import cloudflare_case, cohere_case, ndjson_case, ollama_case, small_memory_case
from .sse_cases import sse_case

TARGETS: dict[str, Callable[[Random], None]] = {
    "sse": sse_case,
    "chat": chat_case,
    "chat_memory": memory_case,
    "completions": completions_case,
    "ollama": ollama_case,
    "cohere": cohere_case,
    "cloudflare": cloudflare_case,
    "ndjson": ndjson_case,
    "small_memory": small_memory_case,
    "responses": responses_case,
    "responses_memory": responses_memory_case,
    "anthropic": anthropic_case,
    "anthropic_memory": anthropic_memory_case,
    "gemini": gemini_case,
    "gemini_interactions": interactions_case,
    "http": http_case,
    "http_socket": http_socket_case,
    "requests_socket": requests_socket_case,
}
"""Each runs one case and raises on a defect. What it does follows from the Random alone."""

_SLICE_S = 10.0


def main(arguments: list[str]) -> int:
    """0: no defect. 1: a defect; its seed and traceback were printed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--target", choices=sorted(TARGETS), action="append", help="default: all")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each target")
    parser.add_argument("--cases", type=int, help="stop after so many, whatever the time")
    parser.add_argument("--seed", type=int, help="of the first case; the next ones count up")
    parser.add_argument("--jobs", type=int, default=1, help="so many targets at once, a process each")
    given = parser.parse_args(arguments)
    if given.jobs > 1:
        return _each_in_its_process(given.target or sorted(TARGETS), given.seconds, given.jobs)
    seed = secrets.randbits(48) if given.seed is None else given.seed
    for target in given.target or sorted(TARGETS):
        print(f"{target}: from seed {seed}", flush=True)
        try:
            _run(target, seed, given.seconds, given.cases)
        except Defect as defect:
            traceback.print_exception(defect.__cause__)
            print(defect, flush=True)
            return 1
    return 0


def _each_in_its_process(targets: list[str], seconds: float, jobs: int) -> int:
    """0: no target found a defect. Each prints its report when it is over."""

    def run(target: str) -> bool:
        command = [sys.executable, "-m", "tests.fuzz", "--target", target, "--seconds", str(seconds)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        shown = done.stdout.splitlines()[-1:] if done.returncode == 0 else [done.stdout, done.stderr]
        print(*shown, sep="\n", flush=True)
        return done.returncode == 0

    with ThreadPoolExecutor(jobs) as pool:
        return 0 if all(list(pool.map(run, targets))) else 1


def _run(target: str, seed: int, seconds: float, cases: int | None) -> None:
    """In slices: a case that never comes back is shown with its stack, behind the seed of its slice."""
    left_s, done = seconds, 0
    while left_s > 0 and (cases is None or done < cases):
        faulthandler.dump_traceback_later(_SLICE_S + 3 * SLOW_S, exit=True, file=sys.__stderr__)
        try:
            ran = fuzz(target, TARGETS[target], seed + done, min(left_s, _SLICE_S), cases and cases - done)
        finally:
            faulthandler.cancel_dump_traceback_later()
        left_s, done = left_s - ran.seconds, done + ran.cases
        print(f"{target}: {done} cases, {seconds - left_s:.0f} s, next seed {seed + done}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
