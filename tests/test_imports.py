"""The house: imports point one way and never in a circle, folders stay small, and one name means one thing."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("srn_core", "srn_gym", "agents", "benchmarks")
MODULES = [path.relative_to(ROOT) for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py"))]
MOST_MODULES = 14
# Each script has its own function that reads its command line.
SHARED_NAMES = {"main"}
# Each reader has a function ``read``, each subcommand a function ``run``.
PROTOCOLS = {"read": "srn_core/data/readers", "run": "srn_core/cli"}


def dotted(path: Path) -> str:
    """The name by which a module is imported."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


NAMES = {dotted(path) for path in MODULES}


def parsed(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def imported(path: Path) -> Iterator[str]:
    """The full names that a module imports, wherever in the file; of ``from package import module`` the module."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in NAMES else str(node.module)


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_no_import_points_up(path: Path) -> None:
    higher = LAYERS[LAYERS.index(path.parts[0]) + 1 :]
    assert [name for name in imported(path) if name.partition(".")[0] in (*higher, "tests")] == []


def test_no_import_runs_in_a_circle() -> None:
    # Imports inside functions and for type checkers count: they hide a circle and do not open it.
    TopologicalSorter({dotted(path): NAMES.intersection(imported(path)) for path in MODULES}).prepare()


# The face of srn_core imports its public names when they are used, and tells type checkers about them.
@pytest.mark.parametrize("path", [path for path in MODULES if path != Path("srn_core/__init__.py")], ids=str)
def test_no_module_of_the_house_is_imported_for_type_checkers_alone(path: Path) -> None:
    hidden = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    assert [ast.unparse(node) for node in hidden if any(layer in ast.unparse(node) for layer in LAYERS)] == []


def test_folders_are_small() -> None:
    modules = defaultdict(list)
    for path in MODULES:
        if path.name != "__init__.py":
            modules[path.parent].append(path.name)
    assert {str(f): len(names) for f, names in modules.items() if len(names) > MOST_MODULES} == {}


def test_a_public_name_means_one_thing() -> None:
    places = defaultdict(list)
    for path in MODULES:
        for node in parsed(path).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path))
    for name, folder in PROTOCOLS.items():
        places[name] = [place for place in places[name] if not place.startswith(str(Path(folder)))]
    assert {name: found for name, found in places.items() if len(found) > 1 and name not in SHARED_NAMES} == {}


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_stable_baselines_is_imported_in_its_files_alone(path: Path) -> None:
    if path.parts[:2] != ("agents", "baselines") and path != Path("agents/sb3.py"):
        assert [name for name in imported(path) if name.partition(".")[0] in ("stable_baselines3", "sb3_contrib")] == []


@pytest.mark.parametrize("path", [path for path in MODULES if path.parts[:2] == ("srn_core", "model")], ids=str)
def test_models_do_no_input_or_output(path: Path) -> None:
    assert {name.partition(".")[0] for name in imported(path)} <= {
        "__future__", "collections", "dataclasses", "math", "typing", "torch", "numpy", "srn_core",
    }  # fmt: skip
    assert not any(name.startswith(("srn_core.data", "srn_core.io", "srn_core.checkpoints")) for name in imported(path))
