"""Imports point one way: srn_core <- srn_gym <- agents <- benchmarks; the baselines' library stays in its own files."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("srn_core", "srn_gym", "agents", "benchmarks")
MODULES = [path.relative_to(ROOT) for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py"))]


def imported(path: Path) -> Iterator[str]:
    """The full names that a module imports, wherever in the file; relative ones resolved."""
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = path.parent.parts[: len(path.parent.parts) - node.level + 1] if node.level else ()
            yield ".".join([*package, *filter(None, [node.module])])


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_no_import_points_up(path: Path) -> None:
    higher = LAYERS[LAYERS.index(path.parts[0]) + 1 :]
    assert [name for name in imported(path) if name.partition(".")[0] in (*higher, "tests")] == []


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_stable_baselines_is_imported_in_its_files_alone(path: Path) -> None:
    if path.parts[:2] != ("agents", "baselines") and path != Path("agents/sb3.py"):
        assert [name for name in imported(path) if name.partition(".")[0] in ("stable_baselines3", "sb3_contrib")] == []


@pytest.mark.parametrize("path", [path for path in MODULES if path.parts[:2] == ("srn_core", "model")], ids=str)
def test_models_do_no_input_or_output(path: Path) -> None:
    assert {name.partition(".")[0] for name in imported(path)} <= {
        "__future__", "collections", "dataclasses", "math", "typing", "torch", "numpy", "srn_core",
    }  # fmt: skip
    assert not any(name.startswith(("srn_core.data", "srn_core.checkpoints")) for name in imported(path))
