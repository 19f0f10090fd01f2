"""What an installed copy needs besides modules, and what would keep it out of the wheel."""

from pathlib import Path

from pipelines.config import config_files
from pipelines.report import comparison, page
from pipelines.serve import app

ROOT = Path(__file__).parent.parent
PACKAGES = ("symbols", "vision", "scan", "pipelines")


def test_every_data_file_lies_where_its_module_looks_for_it() -> None:
    files = {
        path
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".py" and path.parent.name != "__pycache__"
    }
    presets = {config_files.find(name) for name in config_files.shipped_names()}
    assert len(presets) >= 5
    assert files == presets | {
        page.TEMPLATE,
        page.STYLE,
        page.PIECES,
        comparison.TEMPLATE,
        app.TEMPLATE,
        *app.FILES,
    }


def test_git_ignores_no_folder_of_a_package_so_that_the_wheel_has_them_all() -> None:
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    ignored = {line.strip("/") for line in lines if not line.startswith("/")}
    folders = {path.name for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_dir()}
    assert {"runs", "report", "config"} <= folders
    assert not ignored & folders - {"__pycache__"}
