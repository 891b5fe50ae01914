"""What docs/consuming.md says, done."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from greenroom.providers.simulator import Cut, Script, Simulator

PAGE = (Path(__file__).parents[1] / "docs" / "consuming.md").read_text()
CODE = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))


def test_the_page_is_a_program_that_runs_as_it_stands(
    capsys: pytest.CaptureFixture[str], no_leaks: None
) -> None:
    with Simulator(Script(text="one two three four five", delta_interval_s=0.005)) as simulator:
        code = CODE.replace("http://127.0.0.1:8080/v1", simulator.base_url)
        exec(compile(code, "consuming.md", "exec"), {})  # noqa: S102
        ended = [record.ended for record in simulator.requests]

    out = capsys.readouterr().out
    assert out.startswith("one two three four fiveone two three four five\ns_")
    assert "one two three four five completed None\n" in out
    ids = [int(seq) for seq in re.findall(r"^id: (\d+)$", out, re.MULTILINE)]
    assert ids == list(range(1, len(ids) + 1))
    assert len(ids) >= 5
    assert out.endswith("event: end\ndata: \n\n\n")
    assert ended == ["completed"] * 5


async def _comes_back_before_its_connection_is_seen_to_be_broken(page: dict[str, Any]) -> list[str]:
    stream_id, former = page["begin"]()
    seen = [await anext(former)]
    waiting = asyncio.create_task(_rest(former))
    await asyncio.sleep(0)
    again = page["reconnect"](stream_id, 1)
    seen += [event async for event in again]
    # It ends without an error; what it had taken meanwhile was repeated to the other.
    await waiting
    assert not page["handles"]
    return seen


async def _rest(events: Any) -> list[str]:
    return [event async for event in events]


def test_the_pages_web_service_meets_a_quick_client_and_a_broken_provider(no_leaks: None) -> None:
    words = [f"w{number} " for number in range(20)]
    with Simulator(Script(text=words, delta_interval_s=0.05)) as simulator:
        code = CODE.replace("http://127.0.0.1:8080/v1", simulator.base_url)
        page: dict[str, Any] = {}
        definitions, _, use = code.partition("\nfor delta in system.stream(request):")
        exec(compile(definitions, "consuming.md", "exec"), page)  # noqa: S102
        service = use.partition("\nhandles: ")[2].partition("\nprint(")[0]
        exec(compile(f"handles: {service}", "consuming.md", "exec"), page)  # noqa: S102
        with page["system"]:
            events = asyncio.run(_comes_back_before_its_connection_is_seen_to_be_broken(page))
            simulator.enqueue(Script(text=words, cut=Cut(after_deltas=2, how="reset")))
            broken = asyncio.run(_rest(page["begin"]()[1]))

    told = "".join(re.findall(r'^data: "(.*)"$', "".join(events), re.MULTILINE))
    assert told == "".join(words)
    assert events[-1] == "event: end\ndata: \n\n"
    assert broken[-1] == 'event: failed\ndata: "transient"\n\n'
