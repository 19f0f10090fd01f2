"""Four generic top-level names: another distribution that owns one of them would silently overwrite ours."""

from importlib.metadata import PackageNotFoundError, packages_distributions, version

import pytest


@pytest.mark.parametrize("name", ["symbols", "vision", "scan", "pipelines"])
def test_each_name_has_exactly_one_owner(name: str) -> None:
    try:
        version("scan-concepts")
    except PackageNotFoundError:
        pytest.skip("scan-concepts is not installed here, the packages are used from the folder")
    owners = set(packages_distributions().get(name, []))
    assert owners == {"scan-concepts"}
