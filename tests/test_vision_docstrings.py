"""The examples in the docstrings of `vision` give what they say."""

import doctest
import importlib
import pkgutil

import pytest

import vision

MODULES = [module.name for module in pkgutil.walk_packages(vision.__path__, "vision.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name: str) -> None:
    results = doctest.testmod(importlib.import_module(name))
    assert results.failed == 0
