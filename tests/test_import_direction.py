"""The import graph keeps to the picture: symbols and vision know nobody, scan knows both, pipelines all.

Within pipelines: commands -> experiments -> jobs -> {stages, serve} -> {training, report} -> runs -> config.

Imports inside functions count: they are dependencies that only show themselves later. Imports for type
checkers alone do not run, and count for the direction between packages but not for cycles.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "symbols": set(),
    "vision": set(),
    "scan": {"symbols", "vision"},
    "pipelines": {"symbols", "vision", "scan"},
}
LAYERS = (
    {"config"},
    {"runs"},
    {"training", "report"},
    {"stages", "serve"},
    {"jobs"},
    {"experiments"},
    {"commands"},
    {"cli"},
    {"__main__"},
)
"""The parts of pipelines, the lowest first; those of one layer know nothing of each other."""
LEAVES = {"errors", "devices", "openmp", "stopping"}
"""Modules of pipelines that every layer may import, and that import nothing of pipelines but each other."""
ONLY_PIPELINES = {"yaml", "tqdm", "argparse", "pydantic", "fastapi", "uvicorn"}


def modules(package: str) -> dict[str, Path]:
    """Dotted name -> file of every module of a package."""
    found = {}
    for path in (ROOT / package).rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def imports(node: ast.AST, name: str, *, typing: bool) -> Iterator[str]:
    """Every dotted name that a module's code imports, "a.b" also for `from a import b`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{name} imports relatively"
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif typing or not for_type_checkers(child):
            yield from imports(child, name, typing=typing)


def imported_by(name: str, path: Path, *, typing: bool = True) -> set[str]:
    return set(imports(ast.parse(path.read_text()), name, typing=typing))


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_point_down(package: str) -> None:
    allowed = MAY_IMPORT[package] | {package}
    for name, path in modules(package).items():
        tops = {imported.partition(".")[0] for imported in imported_by(name, path)}
        assert not (tops & MAY_IMPORT.keys()) - allowed, name
        assert "tests" not in tops, name
        if package != "pipelines":
            assert not tops & ONLY_PIPELINES, name
        if package == "symbols":
            assert "torch" not in tops, name


def may_import(part: str) -> set[str]:
    """The parts of pipelines that one part may import, itself included."""
    if part in LEAVES:
        return LEAVES
    height = next(n for n, layer in enumerate(LAYERS) if part in layer)
    return {part, *LEAVES, *(lower for layer in LAYERS[:height] for lower in layer)}


def test_the_parts_of_pipelines_import_what_lies_below_them() -> None:
    known = {name for layer in LAYERS for name in layer} | LEAVES
    for name, path in modules("pipelines").items():
        part = name.split(".")[1] if name != "pipelines" else None
        found = {
            imported.split(".")[1]
            for imported in imported_by(name, path)
            if imported.startswith("pipelines.")
        }
        if part is None:
            assert not found
            continue
        assert part in known, f"{name} is in no layer"
        assert found <= may_import(part), f"{name} imports {found - may_import(part)}"


def test_the_format_of_a_run_is_read_without_torch() -> None:
    script = "import sys, scan.run_format, pipelines.errors; print('torch' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert ended.stdout == "False\n"


def graph(package: str) -> nx.DiGraph:
    """Which module of a package imports which, through the longest prefix that is a module."""
    known = modules(package)
    edges = nx.DiGraph()
    for name, path in known.items():
        for imported in imported_by(name, path, typing=False):
            parts = imported.split(".")
            prefixes = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
            target = next((prefix for prefix in prefixes if prefix in known), None)
            if target is not None and target != name:
                edges.add_edge(name, target)
    return edges


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_no_package_imports_in_a_circle(package: str) -> None:
    assert list(nx.simple_cycles(graph(package))) == []


def test_no_module_is_named_like_one_of_the_standard_library() -> None:
    names = {name.rpartition(".")[2] for package in MAY_IMPORT for name in modules(package)}
    assert not names & set(sys.stdlib_module_names)
