"""The house: its rooms, from the ground up, and who may import whom.

`python tests/whole/test_imports.py [PACKAGE]` prints rooms, arrows and the longest chain.
"""

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "sr_arn"

# A room is a folder, or a module beside the folders; "" is sr_arn/__init__.py. A module imports
# from its own room and from those before it.
ROOMS = [
    *("_version", "errors", "planes", "checks", "registry"),
    "kernels",
    "system",
    "nn",
    "age",  # beside the others: only the command line imports it
    "regressors",  # these never see a picture
    "pictures",
    "models",
    "datasets",
    "upscaling",
    "evaluation",
    "training",
    "web",
    "cli",
    *("", "__main__"),
]
HEAVY = {
    "torch",
    "sklearn",
    "skimage",
    "scipy",
    "imagecodecs",
    "tifffile",
    "distributed",
    "fsspec",
    "upath",
}  # imported where they are used, not on loading


def modules_of(package):
    """Return the modules of a package and their files."""
    names = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        names[".".join(part for part in parts if part != "__init__")] = path
    return names


def imports(tree, everywhere=True):
    """Yield the modules that the code names in import statements, for typing only excepted.

    Of `from a import b` both a and a.b, which may be a module.
    """
    todo = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            yield from ((alias.name,) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module, f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        elif everywhere or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            todo.extend(ast.iter_child_nodes(node))


def graph_of(package):
    """Return the modules that each module imports, wherever in its code."""
    modules = modules_of(package)
    ours = {".".join(filter(None, ("sr_arn", name))): name for name in modules}
    return {
        name: {
            max((ours[m] for m in candidates if m in ours), key=len)
            for candidates in imports(ast.parse(path.read_text()))
            if candidates[0] in ours
        }
        for name, path in modules.items()
    }


def room_of(module):
    return module.partition(".")[0]


def arrows_of(graph):
    """Return which room imports from which other."""
    pairs = {(room_of(a), room_of(b)) for a, others in graph.items() for b in others}
    return {(a, b) for a, b in pairs if a != b}


def longest_chain(graph):
    """Return modules of which each imports the next, as many as there are.

    Raises
    ------
    graphlib.CycleError
        If modules import each other in a circle.
    """
    chains = {}
    for module in TopologicalSorter(graph).static_order():
        below = max((chains[other] for other in sorted(graph[module])), key=len, default=[])
        chains[module] = [module, *below]
    return max(chains.values(), key=len)


MODULES = modules_of(PACKAGE)
GRAPH = graph_of(PACKAGE)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_downward(module):
    for other in GRAPH[module]:
        own, its = room_of(module), room_of(other)
        assert ROOMS.index(its) <= ROOMS.index(own), f"{module} imports {other}"
        assert its != "age" or own in ("age", "cli"), f"{module} imports {other}"


def test_no_modules_import_each_other_in_a_circle():
    assert longest_chain(GRAPH)[-1] in MODULES


@pytest.mark.parametrize("module", MODULES)
def test_heavy_packages_are_imported_where_they_are_used(module):
    by_torch = room_of(module) in ("nn", "age") or module.endswith(("_torch", "conv_network"))
    allowed = {"torch"} if by_torch else set()
    if module == "system.remote":  # which is imported where a URL comes
        allowed = {"fsspec", "upath"}
    tree = ast.parse(MODULES[module].read_text())
    tops = {names[0].partition(".")[0] for names in imports(tree, everywhere=False)}
    assert not tops & HEAVY - allowed


def test_every_room_exists():
    assert {room_of(module) for module in MODULES} == set(ROOMS)


def test_the_check_can_fail():
    tree = ast.parse("def f():\n    from sr_arn.cli import main\n    import torch")
    assert set(imports(tree)) == {("sr_arn.cli", "sr_arn.cli.main"), ("torch",)}
    assert set(imports(tree, everywhere=False)) == set()
    assert longest_chain({"a": {"b"}, "b": {"c"}, "c": set()}) == ["a", "b", "c"]
    with pytest.raises(ValueError, match="cycle"):
        longest_chain({"a": {"b"}, "b": {"a"}})


if __name__ == "__main__":
    graph = graph_of(Path(sys.argv[1])) if len(sys.argv) > 1 else GRAPH
    chain = longest_chain(graph)
    rooms = {room_of(module) for module in graph}
    arrows = sum(map(len, graph.values()))
    print(f"{len(rooms)} rooms, {len(arrows_of(graph))} arrows between them")
    print(f"{len(graph)} modules, {arrows} imports, the longest chain has {len(chain)} modules:")
    print(" > ".join(name or "sr_arn" for name in chain))
