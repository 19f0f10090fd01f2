"""The examples in the metrics' docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import vision.metrics

MODULES = [module.name for module in pkgutil.iter_modules(vision.metrics.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name: str) -> None:
    results = doctest.testmod(importlib.import_module(f"vision.metrics.{name}"))
    assert results.failed == 0
