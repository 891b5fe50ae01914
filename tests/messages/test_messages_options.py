"""StreamingOptions: presets, replace(), and that every field says what it is."""

import ast
import inspect
from typing import Any

import pytest

from greenroom.messages import (
    DEBUG,
    DEFAULT,
    HIGH_THROUGHPUT,
    JSON_MODE,
    LOW_LATENCY,
    InvalidInput,
    ProviderConfig,
    StreamingOptions,
    SystemConfig,
)

PRESETS = {
    "DEBUG": DEBUG, "DEFAULT": DEFAULT, "HIGH_THROUGHPUT": HIGH_THROUGHPUT, "JSON_MODE": JSON_MODE,
    "LOW_LATENCY": LOW_LATENCY,
}  # fmt: skip
UNITS = ("_s", "_bytes", "_items", "_attempts")
RATIOS = {"backoff_factor", "backoff_jitter"}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_what_validation_would_make_of_it(name: str) -> None:
    preset = PRESETS[name]
    checked = StreamingOptions.model_validate(preset.model_dump())
    assert checked == preset
    for field in StreamingOptions.model_fields:
        assert type(getattr(checked, field)) is type(getattr(preset, field))
    assert preset.replace() == preset
    assert preset.model_fields_set == {
        f for f in preset.model_fields_set if getattr(preset, f) != getattr(DEFAULT, f)
    }


def test_default_is_what_no_arguments_give() -> None:
    assert StreamingOptions() == DEFAULT == SystemConfig().options
    assert StreamingOptions().model_fields_set == DEFAULT.model_fields_set == set()


def test_replace_changes_those_fields_and_checks_them() -> None:
    changed = LOW_LATENCY.replace(deadline_s=30)
    assert changed.deadline_s == 30.0
    assert changed.connect_timeout_s == LOW_LATENCY.connect_timeout_s
    assert LOW_LATENCY.deadline_s == 120.0
    assert changed.model_fields_set == LOW_LATENCY.model_fields_set
    with pytest.raises(InvalidInput, match="deadline_s = -1: must be greater than 0"):
        LOW_LATENCY.replace(deadline_s=-1)
    with pytest.raises(InvalidInput, match="deadlin_s = 1: unknown field; did you mean 'deadline_s'"):
        LOW_LATENCY.replace(deadlin_s=1)


def test_replace_replaces_a_nested_value_whole() -> None:
    provider = ProviderConfig(options=LOW_LATENCY, api_key="k")
    assert provider.replace(options=JSON_MODE).options is JSON_MODE
    assert provider.replace(options={"deadline_s": 5}).options == StreamingOptions(deadline_s=5)
    assert provider.replace(kind="x").options is LOW_LATENCY
    assert provider.replace(kind="x").api_key == provider.api_key


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"connect_timeout_s": -1}, "connect_timeout_s = -1: must be greater than 0"),
        ({"deadline_s": 0}, "deadline_s = 0: must be greater than 0"),
        ({"deadline_s": float("inf")}, "deadline_s = inf: must be a finite number"),
        ({"deadline_s": "soon"}, "deadline_s = 'soon': must be a number"),
        ({"max_reconnect_attempts": -1}, "max_reconnect_attempts = -1: must be greater than or equal to 0"),
        ({"on_cut": "retry"}, "on_cut = 'retry': must be 'fail' or 'reset'"),
        ({"aggregation": "tiktokn"},
         "aggregation = 'tiktokn': must be 'provider', 'tiktoken' or 'characters'; did you mean 'tiktoken'?"),
        ({"backoff_initial_s": 31}, "backoff_initial_s = 31.0: must be at most backoff_max_s (30.0)"),
        ({"max_output_bytes": 1024}, "max_event_bytes = 4194304: must be at most max_output_bytes (1024)"),
        ({"timeout": 5}, "timeout = 5: unknown field; known: "),
    ],
)  # fmt: skip
def test_a_wrong_option_names_field_value_and_remedy(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        StreamingOptions(**fields)
    assert str(caught.value).startswith(f"StreamingOptions: {told}")


def documented(model: type[Any]) -> dict[str, bool]:
    """Each field and whether a string stands right below it in the source."""
    body = ast.parse(inspect.getsource(model)).body[0].body  # type: ignore[attr-defined]
    fields = {}
    for place, node in enumerate(body):
        if isinstance(node, ast.AnnAssign):
            below = body[place + 1] if place + 1 < len(body) else None
            fields[node.target.id] = (
                isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
                and isinstance(below.value.value, str)
            )
    return fields


@pytest.mark.parametrize("model", [StreamingOptions, SystemConfig])
def test_every_field_is_documented(model: type[Any]) -> None:
    found = documented(model)
    assert found.keys() == model.model_fields.keys()
    assert [name for name, has in found.items() if not has] == []


def test_every_number_ends_with_its_unit() -> None:
    for name, info in StreamingOptions.model_fields.items():
        if info.annotation in (int, float):
            assert name.endswith(UNITS) or name in RATIOS, name
