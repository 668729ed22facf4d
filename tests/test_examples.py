"""The examples in docstrings of agent and tools are true: each ``>>>`` gives what is written below it."""

import doctest
from importlib import import_module

import pytest

from tests.house import modules

WITH_EXAMPLES = [
    module.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    for module in modules("agent", "tools")
    if ">>> " in module.source
]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_are_true(name: str) -> None:
    assert doctest.testmod(import_module(name)).failed == 0
