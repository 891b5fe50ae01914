"""Routes and prices of file, environment and code: which wins, and where a mistake stood."""

from pathlib import Path

import pytest

from greenroom.config import load_config, read_config
from greenroom.messages import ConfigError, RouteConfig, SystemConfig

PROVIDERS = """
[providers.a]
base_url = "http://127.0.0.1:1/v1"
[providers.b]
base_url = "http://127.0.0.1:2/v1"
default_model = "m"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "conf.toml"
    path.write_text(PROVIDERS + text)
    return path


def hops(config: SystemConfig, route: str) -> list[str]:
    return [hop.model for hop in config.routes[route].hops]


def test_a_file_has_routes_in_every_form(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        [routes]
        short = ["a/x", "b"]
        [routes.smart]
        order = "weighted"
        fall_back_on = ["overloaded", "timeout"]
        hops = [
            "a/x",
            { model = "b", weight = 3, temperature = 0.5, options = { connect_timeout_s = 1 } },
        ]
        [routes.smart.options]
        deadline_s = 30
        [[routes.long.hops]]
        model = "a/x"
        [[routes.long.hops]]
        model = "short"
        after = ["context_length"]
        [prices."b/m"]
        input_usd_per_mtok = 0.25
        output_usd_per_mtok = 2
        """.replace('"short"\n        after', '"a/large"\n        after'),
    )
    config = load_config(path, environ={})
    smart = config.routes["smart"]
    assert hops(config, "short") == ["a/x", "b"]
    assert hops(config, "long") == ["a/x", "a/large"]
    assert config.routes["long"].hops[1].after == ("context_length",)
    assert (smart.order, smart.fall_back_on) == ("weighted", ("overloaded", "timeout"))
    assert (smart.hops[1].weight, smart.hops[1].temperature) == (3.0, 0.5)
    assert smart.hops[1].options is not None
    assert smart.hops[1].options.changes() == {"connect_timeout_s": 1.0}
    assert smart.options is not None
    assert smart.options.deadline_s == 30
    assert config.prices["b/m"].output_usd_per_mtok == 2.0


def test_the_environment_gives_hops_in_order_and_wins_whole(tmp_path: Path) -> None:
    smart = '[routes.smart]\norder = "weighted"\nhops = [{ model = "a/x", weight = 2 }]\n'
    path = written(tmp_path, f'{smart}[routes.other]\nhops = ["b/z"]\n')
    environ = {"GREENROOM_ROUTE_SMART": "a/y, b ,other", "GREENROOM_ROUTE_EMPTY": ""}
    loaded = read_config(path, environ)
    assert loaded.warnings == ()
    assert hops(loaded.config, "smart") == ["a/y", "b", "other"]
    assert loaded.config.routes["smart"].order == "listed"
    assert hops(loaded.config, "other") == ["b/z"]
    assert loaded.stood_at("routes.smart") == "environment variable GREENROOM_ROUTE_SMART"


def test_the_environment_gives_weights(tmp_path: Path) -> None:
    environ = {"GREENROOM_ROUTE_SMART": "a/y:8b=3, b , a/z = 0", "GREENROOM_ROUTES_SMART": "a/x"}
    loaded = read_config(written(tmp_path, ""), environ)
    route = loaded.config.routes["smart"]
    assert route.order == "weighted"
    assert [(hop.model, hop.weight) for hop in route.hops] == [("a/y:8b", 3.0), ("b", None), ("a/z", 0.0)]
    (warning,) = loaded.warnings
    assert warning.endswith(
        "GREENROOM_ROUTES_SMART is not one of greenroom's; did you mean GREENROOM_ROUTE_SMART?"
    )


def test_code_wins_route_by_route(tmp_path: Path) -> None:
    path = written(tmp_path, '[routes]\none = ["a/x"]\ntwo = ["a/x"]\n')
    base = SystemConfig(providers={"c": {"base_url": "http://127.0.0.1:3/v1"}}, routes={"two": ["c/z"]})
    config = load_config(path, {}, base)
    assert (hops(config, "one"), hops(config, "two")) == (["a/x"], ["c/z"])
    assert isinstance(config.routes["two"], RouteConfig)


ELSEWHERE = '[routes.smart]\nhops = [\n  "a/x",\n  "anthropic/claude" ]\n'
TWICE = '[[routes.smart.hops]]\nmodel = "a/x"\n[[routes.smart.hops]]\nmodel = "a/x"\n'
CIRCLE = '[routes]\nloop = ["again"]\nagain = ["loop"]\n'
GAP = {"GREENROOM_ROUTE_SMART": "a/x,,b"}


@pytest.mark.parametrize(
    ("text", "environ", "said"),
    [
        (
            ELSEWHERE,
            {},
            "hops.1.model = 'anthropic/claude' ({path}:8): no provider 'anthropic' is configured;",
        ),
        (ELSEWHERE, {}, "; set ANTHROPIC_API_KEY for it"),
        (TWICE, {}, "smart.hops.1.model = 'a/x' ({path}:10): asks a/x again, as hops.0 does"),
        ("", GAP, "smart.hops.1.model = '' (environment variable GREENROOM_ROUTE_SMART): must not be empty"),
        (
            "",
            {"GREENROOM_ROUTE_SMART": "a/x=two,b"},
            "smart.hops.0.weight = 'two' (environment variable GREENROOM_ROUTE_SMART): must be a number",
        ),
        (CIRCLE, {}, "loop.hops.0.model = 'again' ({path}:8): leads back to where it stands: loop -> again"),
    ],
)
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, text: str, environ: dict[str, str], said: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        read_config(path, environ)
    assert said.format(path=path) in str(caught.value)
