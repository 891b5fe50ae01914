"""No behaviour of the list is left out, and every test says which one it plays."""

import ast

import pytest
from behaviour_table import BEHAVIOURS, HERE, played, table


def test_no_number_is_missing() -> None:
    tests = table()
    assert sorted(BEHAVIOURS) == list(range(1, 44))
    assert [number for number in BEHAVIOURS if number not in tests] == []


def test_names_and_docstrings_give_the_same_numbers() -> None:
    assert [each for each in played() if not each.is_honest] == []


def test_every_test_in_the_files_of_behaviours_has_a_number() -> None:
    numbered = {each.test for each in played()}
    found = {
        node.name
        for path in HERE.glob("test_behaviours_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    assert found - numbered == set()


@pytest.mark.parametrize("number", [15, 16, 17, 28])
def test_what_needs_preemptive_killing_is_marked(number: int) -> None:
    assert any(each.restated for each in table()[number])
