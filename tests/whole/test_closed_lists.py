"""No code asks which format something is by a name of its own: lists stay open.

What is registered is named in its own file. Elsewhere there is no `==`, `in`, `match`, set or key
of a dict with such a name, and no `isinstance` with such a class: the object answers instead.
"""

import ast
from pathlib import Path
from typing import NamedTuple

import pytest

from sr_arn.pictures.formats import FORMATS

PACKAGE = Path(__file__).parents[2] / "sr_arn"


class Registry(NamedTuple):
    """What is registered, and the modules of the package where it may be named."""

    literals: dict[str, str]
    classes: dict[str, str]


def module_of(thing):
    return type(thing).__module__.removeprefix("sr_arn.")


REGISTRIES = {
    "formats": Registry(
        {text: module_of(f) for f in FORMATS for text in (f.name, *f.suffixes)},
        {type(f).__name__: module_of(f) for f in FORMATS},
    ),
}

ALLOWED = {  # module and name: why it may stand there
    ("cli.age.predict", ".png"): "a plot that matplotlib draws, not a picture of ours",
}


def compared(tree):
    """Yield the texts that the code compares with: by ==, in, match, in sets and keys of dicts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.Dict):
            parts = node.keys
        elif isinstance(node, ast.Set):
            parts = node.elts
        elif isinstance(node, ast.MatchValue):
            parts = [node.value]
        else:
            continue
        for part in parts:
            for one in part.elts if isinstance(part, ast.Tuple | ast.List) else [part]:
                if isinstance(one, ast.Constant) and isinstance(one.value, str):
                    yield one.value


def classes_asked_for(tree):
    """Yield the names of the classes in isinstance, issubclass and patterns of match."""
    for node in ast.walk(tree):
        if isinstance(node, ast.MatchClass):
            parts = [node.cls]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            parts = node.args[1:] if node.func.id in ("isinstance", "issubclass") else []
        else:
            continue
        for one in (inner for part in parts for inner in ast.walk(part)):
            if isinstance(one, ast.Name):
                yield one.id
            elif isinstance(one, ast.Attribute):
                yield one.attr


def found_in(tree, module, registry):
    """Return the registered names and classes that a module asks for though they are others'."""
    asked = [(registry.literals, compared(tree)), (registry.classes, classes_asked_for(tree))]
    return {
        name for homes, names in asked for name in names if name in homes and homes[name] != module
    }


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        yield ".".join(path.relative_to(PACKAGE).with_suffix("").parts), ast.parse(path.read_text())


@pytest.mark.parametrize("name", REGISTRIES)
def test_registered_names_stand_in_their_own_files_alone(name):
    found = {
        (module, text)
        for module, tree in modules()
        for text in found_in(tree, module, REGISTRIES[name])
    }
    assert found - ALLOWED.keys() == set()


def test_what_is_allowed_is_still_there():
    found = {
        (module, text)
        for module, tree in modules()
        for registry in REGISTRIES.values()
        for text in found_in(tree, module, registry)
    }
    assert ALLOWED.keys() <= found


@pytest.mark.parametrize(
    "code",
    [
        "x == '.png'",
        "'.png' != x",
        "x in ('.tif', '.png')",
        "SHOWN = {'.png'}",
        "TYPES = {'.png': 1}",
        "match x:\n    case 'a' | '.png': pass",
        "isinstance(x, PNG)",
        "isinstance(x, TIFF | png.PNG)",
        "match x:\n    case PNG(): pass",
    ],
)
def test_the_check_can_fail(code):
    registry = Registry({".png": "pictures.formats.png"}, {"PNG": "pictures.formats.png"})
    assert found_in(ast.parse(code), "web.app", registry) <= {".png", "PNG"}
    assert found_in(ast.parse(code), "web.app", registry)
    assert not found_in(ast.parse(code), "pictures.formats.png", registry)
