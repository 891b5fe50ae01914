"""Routes as configuration: what is taken, and that every mistake is refused by the name of its field."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.messages import (
    FALL_BACK_ON,
    ErrorClass,
    HopConfig,
    HopOptions,
    InvalidInput,
    RouteConfig,
    StreamingOptions,
    SystemConfig,
)
from greenroom.messages.request import ChatRequest
from greenroom.messages.route_check import HOPS_MAX, RouteTable
from greenroom.messages.routes import ATTEMPT_OPTIONS, PATCHED, FallBackClass

PROVIDERS = {"a": {"base_url": "http://x/v1"}, "b": {"base_url": "http://y/v1", "default_model": "m"}}


def config(routes: Any, **more: Any) -> SystemConfig:
    return SystemConfig(providers=PROVIDERS, routes=routes, **more)


def leaves(routes: Any, name: str = "r") -> list[str]:
    return [f"{leaf.provider}/{leaf.model}" for leaf in config(routes).route_table().leaves(name)]


def problems(routes: Any, **more: Any) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        config(routes, **more)
    return {problem.path: f"{problem.given}: {problem.expected}" for problem in caught.value.problems}


def test_a_list_is_hops_and_a_string_a_model() -> None:
    short = config({"r": ["a/x", {"model": "b", "retries": 1}]})
    long = config({"r": RouteConfig(hops=[HopConfig(model="a/x"), HopConfig(model="b", retries=1)])})
    assert short == long
    assert short.routes["r"].fall_back_on == FALL_BACK_ON
    assert leaves({"r": ["a/x", "b", "b/n/o"]}) == ["a/x", "b/m", "b/n/o"]


def test_a_route_in_a_route_stands_for_its_hops() -> None:
    routes = {"r": ["a/1", "s", "a/4"], "s": ["a/2", "t"], "t": ["a/3"]}
    assert leaves(routes) == ["a/1", "a/2", "a/3", "a/4"]
    assert config(routes).route_table().within("s") == {"s", "t"}


@pytest.mark.parametrize(
    ("routes", "path", "said"),
    [
        ({"r": []}, "routes.r.hops", "must not be empty"),
        ({"r": {}}, "routes.r.hops", "is required"),
        ({"r": "a/x"}, "routes.r", "'a/x': must be a list of models, such as ['openai/gpt-5', 'anthropic'], or a"),
        ({"r": ["c/x"]}, "routes.r.hops.0.model", "no provider 'c' is configured; configured: a, b"),
        ({"r": ["a/x"], "s": ["c"]}, "routes.s.hops.0.model", "'c' is configured; configured: a, b, r"),
        ({"r": ["a/x", "bb"]}, "routes.r.hops.1.model", "no provider or route 'bb' is configured; did you"),
        ({"r": ["a"]}, "routes.r.hops.0.model", "names no model, and a has no default_model; write a/MODEL"),
        ({"r": ["a/"]}, "routes.r.hops.0.model", "names no model"),
        ({"r": ["s/x"], "s": ["a/x"]}, "routes.r.hops.0.model", "s is a route, and has no models of its own"),
        ({"r": ["r"]}, "routes.r.hops.0.model", "leads back to where it stands: r -> r"),
        ({"a": ["b/x"]}, "routes.a", "could mean either: name the route otherwise"),
        ({"R": ["a/x"]}, "routes.R", "must be 1 to 64 of a-z"),
        ({"r": ["a/x", "b", "a/x"]}, "routes.r.hops.2.model", "asks a/x again, as hops.0 does"),
        ({"r": ["b", "b/m"]}, "routes.r.hops.1.model", "asks b/m again, as hops.0 does"),
        ({"r": ["a/x", "s"], "s": ["b", "a/x"]}, "routes.r.hops.1.model", "asks a/x again"),
        ({"r": [{"model": "s", "retries": 2}], "s": ["b"]}, "routes.r.hops.0.retries", "s is a route"),
        ({"r": [{"model": "a/x", "weight": 1}]}, "routes.r.hops.0.weight", "is for order='weighted'"),
        ({"r": [{"model": "a/x", "after": ["timeout"]}]}, "routes.r.hops", "must not all have `after`"),
        ({"r": [{"model": "a/x", "weigth": 1}]}, "routes.r.hops.0.weigth", "did you mean 'weight'?"),
        ({"r": [{"model": "a/x", "retries": -1}]}, "routes.r.hops.0.retries", "greater than or equal to 0"),
        ({"r": [{"model": "a/x", "options": {"deadline_s": 1}}]}, "routes.r.hops.0.options.deadline_s", "unknown"),
        (
            {"r": [{"model": "a/x", "options": {"connect_timeout_s": -1}}]},
            "routes.r.hops.0.options.connect_timeout_s", "-1.0: must be greater than 0",
        ),
        ({"r": {"hops": ["a/x"], "fall_back_on": ["cancelled"]}}, "routes.r.fall_back_on.0", "must be 'trans"),
        (
            {"r": {"hops": ["a/x"], "options": {"durability": "before_deliver"}}},
            "routes.r.options.durability", "'before_deliver': needs a retry store that is a file",
        ),
        (
            {"r": {"hops": ["b", {"model": "a/x", "retries": 2}], "options": {"max_reconnect_attempts": 1}}},
            "routes.r.hops.1.retries", "2: must be at most the route's options.max_reconnect_attempts (1)",
        ),
        ({"r": {"hops": ["a/x"], "rounds": 0}}, "routes.r.rounds", "greater than or equal to 1"),
        ({"r": {"hops": ["a/x"], "order": "random"}}, "routes.r.order", "must be 'listed' or 'weighted'"),
    ],
)  # fmt: skip
def test_each_mistake_is_refused_by_its_field(routes: Any, path: str, said: str) -> None:
    found = problems(routes)
    assert path in found
    assert said in found[path]


@pytest.mark.parametrize("weights", [[-1, 1], [0, 0], [float("nan"), 1], [float("inf"), 1]])
def test_weights_that_are_none_are_refused(weights: list[float]) -> None:
    hops = [{"model": f"a/{place}", "weight": weight} for place, weight in enumerate(weights)]
    assert all(
        path.startswith("routes.r.hops") for path in problems({"r": {"order": "weighted", "hops": hops}})
    )


def test_every_hop_of_a_circle_is_named() -> None:
    found = problems({"r": ["a/x", "s"], "s": ["t"], "t": ["b", "r"], "out": ["t"]})
    assert found == {
        "routes.r.hops.1.model": "'s': leads back to where it stands: r -> s -> t -> r",
        "routes.s.hops.0.model": "'t': leads back to where it stands: s -> t -> r -> s",
        "routes.t.hops.1.model": "'r': leads back to where it stands: t -> r -> s -> t",
    }


def test_the_same_model_with_another_patch_is_another_hop() -> None:
    assert len(leaves({"r": ["a/x", {"model": "a/x", "max_output_tokens": 9}]})) == 2
    assert len(leaves({"r": ["a/x", {"model": "a/x", "options": {"connect_timeout_s": 9}}]})) == 2


def test_routes_that_double_each_other_are_bounded() -> None:
    routes: dict[str, Any] = {"r0": [f"a/{n}" for n in range(4)]}
    for n in range(1, 40):
        routes[f"r{n}"] = [f"r{n - 1}", {"model": f"a/x{n}"}, f"r{n - 1}"]
    found = problems(routes)
    assert f"must be at most {HOPS_MAX}" in found["routes.r39.hops"]


def test_the_default_model_may_be_a_route() -> None:
    assert config({"r": ["a/x"]}, default_model="r").default_model == "r"
    assert (
        "must be provider/model, or a route" in problems({"r": ["a/x"]}, default_model="s")["default_model"]
    )


def test_a_price_is_for_a_model_or_for_all_of_a_provider() -> None:
    price = {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}
    assert config({}, prices={"a/x": price, "b/*": price, "elsewhere/y": price})
    assert problems({}, prices={"a": price}) == {
        "prices.a": "'a': must be provider/model, or provider/* for all others of that provider; "
        'in a file in quotes: [prices."openai/gpt-5"]'
    }
    found = problems({}, prices={"a/x": {"input_usd_per_mtok": -1, "output_usd_per_mtok": 2}})
    assert list(found) == ["prices.a/x.input_usd_per_mtok"]


def test_what_a_hop_changes_are_fields_of_requests_and_options() -> None:
    assert set(PATCHED) <= set(ChatRequest.model_fields)
    assert set(ATTEMPT_OPTIONS) == set(HopOptions.model_fields) <= set(StreamingOptions.model_fields)
    assert set(PATCHED) == set(HopConfig.model_fields) - {"model", "weight", "after", "retries", "options"}


def test_a_patch_holds_what_was_given_alone() -> None:
    assert HopConfig(model="a/x").patch() == {}
    hop = HopConfig(model="a/x", temperature=0.0, extra_body={}, options={"raw_deltas": False})
    assert hop.patch() == {"temperature": 0.0, "extra_body": {}}
    assert hop.options is not None
    assert hop.options.changes() == {"raw_deltas": False}


def test_the_classes_are_those_of_failures_but_for_four() -> None:
    never = {"slow_consumer", "output_limit", "shutdown", "cancelled"}
    assert set(FallBackClass.__args__) == set(ErrorClass.__args__) - never  # type: ignore[attr-defined]
    assert set(FallBackClass.__args__) - set(FALL_BACK_ON) == {  # type: ignore[attr-defined]
        "context_length", "content_policy", "invalid_request", "budget",
    }  # fmt: skip


names = st.sampled_from(["r", "s", "t", "u"])
hops = st.lists(
    st.sampled_from(["r", "s", "t", "u", "a/1", "a/2", "a/3", "b", "c/x"]), min_size=1, max_size=3
)


@given(st.dictionaries(names, hops, min_size=1))
def test_what_is_not_refused_leads_to_different_models_in_the_end(routes: dict[str, list[str]]) -> None:
    given = {name: RouteConfig(hops=each) for name, each in routes.items()}
    table = RouteTable(given, {"a": None, "b": "m"})
    if [*table.problems()]:
        return
    for name in routes:
        found = [(leaf.provider, leaf.model) for leaf in table.leaves(name)]
        assert 0 < len(set(found)) == len(found)
        assert name in table.within(name)
