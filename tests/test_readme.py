"""What the README says, done."""

import re
import sys
from pathlib import Path

import pytest

from greenroom.providers.simulator import Script, Simulator

TOP = Path(__file__).parents[1]
README = (TOP / "README.md").read_text()


def test_the_embedding_example_runs_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    with Simulator(Script(text="one two three four five")) as simulator:
        code = code.replace("http://127.0.0.1:8080/v1", simulator.base_url)
        exec(compile(code, "README.md", "exec"), {})  # noqa: S102
        models = [record.model for record in simulator.requests]

    out = capsys.readouterr().out
    assert out.startswith("one two three four five\nstop, 5 tokens\n")
    assert out.count("one two three four five") == 2
    assert models == ["smollm2-135m"] * 2
    assert len(code.splitlines()) <= 20


def test_the_example_program_is_the_readmes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(TOP / "examples"))
    sys.modules.pop("embed", None)
    import embed

    with Simulator(Script(text="one two")) as simulator:
        embed.main(simulator.base_url, "some-model")

    assert capsys.readouterr().out.startswith("one two\nstop, 2 tokens\n")


def test_every_file_that_it_links_to_is_there() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (TOP / target).exists(), target


def test_it_fits_on_a_screen() -> None:
    """But for the tables: what is to be read."""
    assert len([line for line in README.splitlines() if not line.startswith("|")]) <= 65
