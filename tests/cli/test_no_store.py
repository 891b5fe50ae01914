"""Commands leave a service's retry store alone, though the configuration that they share names it."""

import pytest
from command_line import Here

from greenroom import ActorSystem, ChatRequest
from greenroom.cli.no_store import without_store
from greenroom.config import load_config
from greenroom.messages import StreamingOptions, SystemConfig
from greenroom.providers.simulator import Script, Simulator

FILE = """
[retry_store]
path = "{path}"
at_start = "resume"
flush_interval_s = 0.02
[options]
durability = "before_deliver"
[providers.sim]
base_url = "{url}"
[providers.sim.options]
durability = "interval"
[routes.smart]
hops = ["sim/m"]
[routes.smart.options]
durability = "before_deliver"
"""


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(Script(text="one two three", delta_interval_s=0.01), models=["m"])


@pytest.mark.parametrize(
    "command", [["models"], ["chat", "-m", "sim/m", "Hi"], ["chat", "-m", "smart", "Hi"]]
)
def test_a_command_beside_the_service(here: Here, simulator: Simulator, command: list[str]) -> None:
    with simulator:
        file = here.folder / "greenroom.toml"
        file.write_text(FILE.format(path=here.folder / "states.db", url=simulator.base_url))
        config = load_config(file, {})
        with ActorSystem.start(config.replace(drain_s=0)) as service:
            cursor = iter(service.stream(ChatRequest(model="sim/m", messages="count")))
            next(cursor)
            done = here(*command)
            assert (done.code, done.err) == (0, "")
        left = {each.name: each.read_bytes() for each in here.folder.glob("states.db*")}
        asked = len(simulator.requests)
        assert here(*command).code == 0
        assert {each.name: each.read_bytes() for each in here.folder.glob("states.db*")} == left
        assert len(simulator.requests) - asked == 1, "nothing was taken up"


def test_a_configuration_without_a_file_stays_as_it_is() -> None:
    config = SystemConfig(options=StreamingOptions(durability="memory"))
    assert without_store(config) is config
