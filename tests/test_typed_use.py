"""What a type checker says of a service written as the documentation shows.

pydantic's mypy plugin is left out: a user has none.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
PAGES = (
    "README.md", "docs/configuration.md", "docs/consuming.md", "docs/models.md", "docs/routes.md",
    "docs/testing.md",
)  # fmt: skip
ONE_PROGRAM = {"docs/consuming.md"}
"""Pages whose blocks follow one another; elsewhere each stands alone."""
PROGRAM = """
from typing import assert_never

from greenroom import (
    ActorSystem, ChatRequest, Completion, Delta, Future, Message, ModelList, ProviderConfig, ProviderItem,
    RawDelta, ReasoningDelta, RefusalDelta, StreamReset, StreamSeam, SystemConfig, TextDelta, ToolCallCompleted,
    ToolCallDelta, ToolCallStarted, ToolSpec, UsageDelta,
)
from greenroom.providers.simulator import HttpAnswer, Script

def shown(delta: Delta) -> str:
    match delta:
        case TextDelta(text=text) | ReasoningDelta(text=text) | RefusalDelta(text=text):
            return text
        case ToolCallStarted(name=name):
            return name
        case UsageDelta(usage=usage):
            return str(usage.output_tokens)
        case ToolCallDelta() | ToolCallCompleted() | StreamSeam() | StreamReset():
            return ""
        case ProviderItem() | RawDelta():
            return ""
        case _:
            assert_never(delta)

async def answer(system: ActorSystem) -> str:
    stream = system.stream(ChatRequest(messages="hi"))
    pieces = [shown(delta) async for delta in stream]
    first: Delta | None = await stream.next_delta()
    future: Future[Completion] = system.ask(ChatRequest(messages="hi"))
    whole: Completion = await stream
    return "".join(pieces) + (await future).text + whole.text + str(first)

async def names(system: ActorSystem) -> list[str]:
    one: Future[ModelList] = system.models("a", refresh=True)
    every: tuple[ModelList, ...] = await system.models()
    return [model.id for listed in (await one, *every) for model in listed.models]

providers = {"a": ProviderConfig(base_url="http://a/v1", api_key=lambda: "k", headers={"x-a": "b"})}
config = SystemConfig(providers=providers, default_model="a/b")
request = ChatRequest(
    messages=[Message(role="system", content="short"), {"role": "user", "content": "hi"}],
    stop="a", tools=[ToolSpec(name="t", parameters={"type": "object"}), {"name": "u"}],
    tool_choice="auto", response_format={"type": "json_object"}, extra_body={"a": [1]},
)
held: tuple[Message, ...] = request.messages
Script(text=["a", "b"], tool_calls=[{"name": "x"}], answer=HttpAnswer(headers={"a": "b"}, body={"c": 1}))

ChatRequest(messages=3)  # wrong
ChatRequest(messages="hi", temprature=1)  # wrong
ChatRequest()  # wrong
"""


def test_what_the_documentation_shows_passes_mypy_strict(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed (the extra dev brings it)")
    for page in PAGES:
        shown = re.findall(r"```python\n(.*?)```", (TOP / page).read_text(), re.DOTALL)
        assert shown, page
        shown = ["\n".join(shown)] if page in ONE_PROGRAM else shown
        for number, code in enumerate(shown):
            typed = code.replace("(greenroom_simulator)", "(greenroom_simulator: Simulator) -> None")
            typed = typed.replace("import Cut, Script,", "import Cut, Script, Simulator,")
            (tmp_path / f"{Path(page).stem.lower()}_{number}_page.py").write_text(typed)
    (tmp_path / "service_page.py").write_text(PROGRAM)
    (tmp_path / "mypy.ini").write_text("[mypy]\nstrict = true\n")

    command = [
        sys.executable,
        "-m",
        "mypy",
        "--cache-dir",
        "cache",
        *sorted(path.name for path in tmp_path.glob("*.py")),
    ]
    environment = {**os.environ, "MYPYPATH": str(TOP)}
    done = subprocess.run(command, check=False, cwd=tmp_path, env=environment, capture_output=True, text=True)

    # Of the library itself only its types count here: `.ci/run` checks it, with the plugin.
    told = [line for line in done.stdout.splitlines() if "_page.py:" in line]
    wrong = [n for n, line in enumerate(PROGRAM.splitlines(), 1) if line.endswith("# wrong")]
    places = [line.split(": ")[0] for line in told if "error" in line]
    assert places == [f"service_page.py:{n}" for n in wrong], done.stdout + done.stderr
