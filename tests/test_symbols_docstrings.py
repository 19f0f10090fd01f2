"""The examples in the docstrings of `symbols` give what they say."""

import doctest
from importlib import import_module

import pytest

MODULES = ["attributes", "concepts", "enumeration", "expressions", "hierarchy", "names", "vocabulary"]


@pytest.mark.parametrize("module", MODULES)
def test_examples_hold(module: str) -> None:
    failed, tried = doctest.testmod(import_module(f"symbols.{module}"))
    assert tried > 0
    assert failed == 0
