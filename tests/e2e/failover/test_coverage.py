"""The table of failures says the truth: each test that it names is there."""

import ast
from pathlib import Path

import pytest

from tests.e2e.failover.coverage import COVERAGE

TESTS = Path(__file__).parents[2]


@pytest.mark.parametrize("name", sorted({name for names in COVERAGE.values() for name in names}))
def test_what_the_table_names_exists(name: str) -> None:
    module, _, function = name.partition("::")
    tree = ast.parse((TESTS / f"{module}.py").read_text())
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert functions.count(function) == 1
