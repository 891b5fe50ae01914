"""Fuzzing of everything that reads what a server sent. `python -m tests.fuzz --help`; docs/testing.md."""
