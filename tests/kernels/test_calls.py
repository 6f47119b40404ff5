"""Compiled loops lie in sr_arn/kernels/, and each call of one names the shapes of its arrays."""

import ast
from pathlib import Path

import pytest

from sr_arn import kernels

KERNELS = Path(kernels.__file__).parent
PACKAGE = KERNELS.parent
MODULES = {path: path.read_text() for path in sorted(PACKAGE.rglob("*.py"))}


def called(node):
    """Return the name of the function that an expression calls, or None."""
    is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return node.func.id if is_call else None


def compiled_in(tree):
    """Yield the names of the functions that the code compiles."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and "compiled" in map(called, node.decorator_list):
            yield node.name
        elif isinstance(node, ast.AnnAssign) and called(node.value) == "intrinsic":
            yield node.target.id


COMPILED = {
    f"sr_arn.kernels.{path.stem}": set(compiled_in(ast.parse(text)))
    for path, text in MODULES.items()
    if path.parent == KERNELS
}


def calls_in(text, own=frozenset()):
    """Yield the name, the statement and the call of each compiled function that is called."""
    tree = ast.parse(text)
    known = set(own)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            compiled = COMPILED.get(node.module, set())
            known |= {alias.name for alias in node.names if alias.name in compiled}
    for statement in ast.walk(tree):
        if isinstance(statement, ast.Expr | ast.Assign | ast.Return):
            for node in ast.walk(statement):
                if called(node) in known:
                    yield called(node), statement, node


def comment_above(text, statement):
    lines = []
    for line in reversed(text.splitlines()[: statement.lineno - 1]):
        if not line.lstrip().startswith("#"):
            break
        lines.insert(0, line.strip())
    return " ".join(lines)


def test_compiled_loops_are_found():
    assert sum(map(len, COMPILED.values())) > 15
    assert {"product", "largest", "soften"} == COMPILED["sr_arn.kernels.simd"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_numba_is_imported_in_kernels_alone(path):
    tops = set()
    for node in ast.walk(ast.parse(MODULES[path])):
        if isinstance(node, ast.Import):
            tops |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            tops.add(node.module.partition(".")[0])
    assert path.parent == KERNELS or not tops & {"numba", "llvmlite"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_calls_name_shapes_and_splat_nothing(path):
    own = COMPILED.get(f"sr_arn.kernels.{path.stem}", set()) if path.parent == KERNELS else set()
    for name, statement, call in calls_in(MODULES[path], own):
        where = f"line {call.lineno}: {name}"
        assert "->" in comment_above(MODULES[path], statement), where
        assert not any(isinstance(argument, ast.Starred) for argument in call.args), where
        assert all(keyword.arg for keyword in call.keywords), where


def test_the_checks_can_fail():
    text = "from sr_arn.kernels.simd import product\n# x (n, d) @ w (d, m)\nproduct(x, *sizes)\n"
    ((name, statement, call),) = calls_in(text)
    assert name == "product"
    assert comment_above(text, statement) == "# x (n, d) @ w (d, m)"
    assert isinstance(call.args[1], ast.Starred)
