"""The command line. `main` is what the script `greenroom` and `python -m greenroom` call."""

from greenroom.cli.main import main

__all__ = ["main"]
