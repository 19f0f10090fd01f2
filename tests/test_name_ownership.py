"""Four generic top-level names: another distribution that owns one of them would silently overwrite ours."""

import json
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions

import pytest


@pytest.mark.parametrize("name", ["symbols", "vision", "scan", "pipelines"])
def test_each_name_has_exactly_one_owner(name: str) -> None:
    owners = set(packages_distributions().get(name, []))
    assert owners <= {"scan-concepts"}
    try:
        origin = distribution("scan-concepts").read_text("direct_url.json")
    except PackageNotFoundError:
        pytest.skip("scan-concepts is not installed here, the packages are used from the folder")
    editable = origin is not None and json.loads(origin).get("dir_info", {}).get("editable", False)
    if not editable:  # an editable installation lists a path, and no packages
        assert owners == {"scan-concepts"}
