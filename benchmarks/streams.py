"""What a streamed delta costs: greenroom beside other clients, in one run, on one load.

    python -m benchmarks.streams [--quick] [--only 1000x20,200x50] [--peers epoll,greenroom] [--repeat 3]

See benchmarks/README.md. Ratios of one run travel between machines, figures do not. `--gate` exits 1 where a
gate is missed; a case that lost a delta always does.
"""

import argparse
import datetime as dt
import json
import os
import platform
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import imports
from benchmarks.case import raise_file_limit
from benchmarks.gates import judge
from benchmarks.load import ROOT, Load, LoadServer
from benchmarks.peers import PEERS
from benchmarks.results import Results
from benchmarks.scenarios import QUICK, SCENARIOS, Scenario, Size, for_peer, runs
from benchmarks.table import failure_lines, figure_lines, gate_lines
from benchmarks.venvs import PINNED, Venvs
from benchmarks.work import Work

CASE_TIMEOUT_S = 240


class CaseError(Exception):
    """A case without figures; says why."""


def run_case(python: Path, work: Work) -> dict[str, Any]:
    """One case in a fresh process. Raises CaseError."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [str(python), "-m", "benchmarks.case", work.to_json()]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=CASE_TIMEOUT_S,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise CaseError(f"no end within {CASE_TIMEOUT_S} s") from None
    if done.returncode or not done.stdout:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise CaseError(said[-1])
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


class Run:
    """The cases of one command, in turn: peers beside each other in every repeat."""

    def __init__(self, load: Load, size: Size) -> None:
        self.results = Results()
        self.load_shares: list[float] = []
        """CPU of the load server a second of each case."""
        self.servers: dict[str, list[str]] = {}
        """Which scenarios each load server was used for."""
        self._load, self._size, self._venvs = load, size, Venvs()

    def all(self, names: list[str], peers: list[str] | None, repeats: int) -> None:
        """The scenarios of these names, for these peers or each scenario's own."""
        for repeat in range(repeats):
            for scenario in SCENARIOS:
                if scenario.name in names and (scenario.often or not repeat):
                    chosen_peers = [peer for peer in peers or scenario.peers if runs(scenario, peer)]
                    self.scenario(scenario, chosen_peers, repeat)

    def scenario(self, scenario: Scenario, peers: list[str], repeat: int) -> None:
        """Every peer once."""
        for peer in peers:
            if (scenario.name, peer) in self.results.failures or (repeat and PEERS[peer].slow):
                continue
            try:
                self._case(scenario, peer, repeat)
            except CaseError as failed:
                self.results.failures[scenario.name, peer] = str(failed)
                _progress(f"{scenario.name:10} {peer:16} FAILED {failed}")

    def _case(self, scenario: Scenario, peer: str, repeat: int) -> None:
        home = PEERS[peer].home
        python = self._venvs.python(home)
        if python is None:
            raise CaseError(self._venvs.problem(home))
        work = for_peer(scenario, peer, self._size)
        share = ""
        if scenario.server == "none":
            case = imports.measure(python, peer)
        else:
            case, share = self._with_load(scenario, python, work)
        figures = scenario.figures(scenario.what, work, case)
        self.results.add(peer, repeat, figures)
        said = "; ".join(f"{figure.value:,.1f} {figure.unit} {figure.note}".strip() for figure in figures)
        _progress(f"{scenario.name:10} {peer:16} {said} {share}")

    def _with_load(self, scenario: Scenario, python: Path, work: Work) -> tuple[dict[str, Any], str]:
        """The case, and what to say of the server's own part in it."""
        server, ca_file = self._server(scenario)
        self.servers.setdefault(server.title, []).append(scenario.name)
        before_s = server.cpu_s()
        case = run_case(python, replace(work, host=server.host, ca_file=ca_file))
        after_s = server.cpu_s()
        if before_s is None or after_s is None or not case["wall_s"]:
            return case, ""
        share = (after_s - before_s) / case["wall_s"]
        self.load_shares.append(share)
        return case, f"[load server {share:.2f} of a core]"

    def _server(self, scenario: Scenario) -> tuple[LoadServer, str | None]:
        try:
            if scenario.server == "tls":
                return self._load.tls()
            return (self._load.own() if scenario.server == "own" else self._load.plain()), None
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            raise CaseError(f"no load server: {error}") from error


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def machine() -> str:
    """What the figures were taken on."""
    model = ""
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line
        ]
        model = names[0] if names else ""
    load = f", load average {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    return (
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, {os.cpu_count()} x {model or platform.machine()}, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}{load}"
    )


def chosen(given: str | None, known: list[str], what: str) -> list[str]:
    """The names of an option, or all. Exits where one is not known."""
    names = given.split(",") if given else known
    for name in names:
        if name not in known:
            raise SystemExit(f"no such {what}: {name!r}; there are {', '.join(known)}")
    return names


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.streams", description=__doc__.split("\n", 1)[0] if __doc__ else None
    )
    options.add_argument("--quick", action="store_true", help="less work, rougher figures, one repeat")
    options.add_argument("--only", metavar="NAMES", help="scenarios: " + ", ".join(s.name for s in SCENARIOS))
    options.add_argument("--peers", metavar="NAMES", help="peers: " + ", ".join(PEERS))
    options.add_argument("--repeat", type=int, metavar="N", help="how often (3; some things once)")
    options.add_argument("--seconds", type=float, help="length of the paced streams (5)")
    options.add_argument("--markdown", action="store_true", help="tables in Markdown")
    options.add_argument("--gate", action="store_true", help="exit 1 where a gate is missed")
    options.add_argument("--own-server", action="store_true", help="never the shared C load server")
    options.add_argument("--setup", action="store_true", help="only install the peers")
    options.add_argument("--streams", type=float, default=1.0, help=argparse.SUPPRESS)
    return options


def size_of(options: argparse.Namespace) -> Size:
    """How much work the options ask for."""
    size = QUICK if options.quick else Size()
    return replace(size, seconds=options.seconds or size.seconds, streams=options.streams)


def main() -> int:
    """Measures, prints the tables; 1 where a case failed, or with --gate where a gate was missed."""
    options = parser().parse_args()
    if options.setup:
        venvs = Venvs()
        missing = [home for home in PINNED if venvs.python(home) is None]
        for home in missing:
            print(f"{home}: {venvs.problem(home)}")
        return 1 if missing else 0
    names = chosen(options.only, [scenario.name for scenario in SCENARIOS], "scenario")
    wanted = chosen(options.peers, list(PEERS), "peer") if options.peers else None
    raise_file_limit()
    described = machine()
    # A kill is an interrupt: the load servers go, and what was measured is shown.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Load(own_only=options.own_server) as load:
        run = Run(load, size_of(options))
        try:
            run.all(names, wanted, options.repeat or (1 if options.quick else 3))
        except KeyboardInterrupt:
            _progress("interrupted: this is what was measured")
    return show(run, described, options)


def show(run: Run, described: str, options: argparse.Namespace) -> int:
    """Prints everything; the exit status."""
    verdicts = judge(run.results)
    print(described)
    for title, scenarios in run.servers.items():
        print(f"load from {title}: {', '.join(dict.fromkeys(scenarios))}")
    if run.load_shares:
        print(f"load server: at most {max(run.load_shares):.2f} of a core in a case")
    for lines in (
        figure_lines(run.results, markdown=options.markdown),
        gate_lines(verdicts, markdown=options.markdown),
        failure_lines(run.results),
    ):
        if lines:
            print("\n" + "\n".join(lines))
    missed = options.gate and not all(verdict.met for verdict in verdicts)
    return 1 if run.results.failures or missed else 0


if __name__ == "__main__":
    sys.exit(main())
