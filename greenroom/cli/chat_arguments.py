"""The arguments of `greenroom chat`. Imports nothing of greenroom, so that --help is quick."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("prompt", nargs="*", help="the question; - or nothing reads it from a pipe")
    parser.add_argument(
        "-m", "--model", metavar="PROVIDER/MODEL", help="who answers (default: default_model)"
    )
    parser.add_argument("-s", "--system", metavar="TEXT", help="how to answer: the system message")
    parser.add_argument("--temperature", type=float, metavar="T", help="0 to 2")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="the longest answer")
    parser.add_argument(
        "--timeout", type=float, metavar="S", help="seconds until it is given up, retries and all"
    )
    parser.add_argument("--config", metavar="FILE", help="instead of greenroom.toml")
    parser.add_argument(
        "--json-events", action="store_true", help="one JSON line a delta, and one for the end"
    )
    parser.add_argument("--show-reasoning", action="store_true", help="the model's thoughts, on stderr")
