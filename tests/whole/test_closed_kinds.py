"""No list of kinds of models, regressors or trainers is closed: code asks classes, not names.

Outside the file of a kind there is no `isinstance` with its class, and no text equal to a
registered name in a comparison, a `match`, or the keys of a dict.
"""

import ast
import inspect
from importlib import import_module
from pathlib import Path

import pytest

from sr_arn.datasets.degradation import COMPONENTS, Component
from sr_arn.models.base import BicubicModel, TrainedModel
from sr_arn.models.kinds import KINDS
from sr_arn.regressors import REGRESSORS, Regressor
from sr_arn.training.patch import PatchTrainer
from sr_arn.training.trainer import Trainer
from sr_arn.training.trainers import TRAINERS

PACKAGE = Path(__file__).parents[2] / "sr_arn"
CLASSES = [BicubicModel, *KINDS.values(), *REGRESSORS.values(), *TRAINERS.values()]
NAMES = {BicubicModel.name, *KINDS, *REGRESSORS, *TRAINERS}
OWN_NAMES = {"age", "cli/age"}  # rooms whose names are of heads and protocols, "arn" among them
REGISTRIES = {"models/kinds.py", "regressors/__init__.py", "training/trainers.py"}
ALLOWED = {
    ("datasets/degradation.py", "bicubic"): "a degradation without components is written so",
    ("training/conv_arn.py", "ConvModel"): "the trainer of the kind checks what it starts from",
}


def found_in(code):
    """Return the names, and the classes in `isinstance`, that code decides by."""
    texts, classes = [], []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
            within = (ast.Tuple, ast.List, ast.Set)
            texts += [e for p in parts for e in (p.elts if isinstance(p, within) else [p])]
        elif isinstance(node, ast.MatchValue):
            texts.append(node.value)
        elif isinstance(node, ast.Dict):
            texts += filter(None, node.keys)
        elif isinstance(node, ast.MatchClass):
            classes.append(node.cls)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "issubclass"):
            classes.append(node.args[1])
    names = {text.value for text in texts if isinstance(text, ast.Constant)} & NAMES
    used = {part for node in classes for part in ast.walk(node)}
    ids = {getattr(part, "id", getattr(part, "attr", None)) for part in used}
    return names | ids & {cls.__name__ for cls in CLASSES}


def is_exempt(path):
    """Return whether a file is a registry's, a class's own, or in a room with names of its own."""
    own = {cls.__module__.partition(".")[2].replace(".", "/") + ".py" for cls in CLASSES}
    own -= {name for name, _ in ALLOWED}
    return path in REGISTRIES | own or any(path.startswith(f"{room}/") for room in OWN_NAMES)


FOUND = {
    (path, name)
    for file in sorted(PACKAGE.rglob("*.py"))
    if not is_exempt(path := file.relative_to(PACKAGE).as_posix())
    for name in found_in(file.read_text())
}


def test_nothing_decides_by_a_registered_name_or_class():
    assert FOUND - ALLOWED.keys() == set()


def test_what_is_allowed_is_needed():
    assert ALLOWED.keys() - FOUND == set()


def is_ours(cls):
    """Whether a class lies in the package: other tests make more, in modules called so."""
    return Path(inspect.getfile(cls)).is_relative_to(PACKAGE)


@pytest.mark.parametrize(
    ("room", "base", "registered"),
    [
        ("models", TrainedModel, KINDS),
        ("regressors", Regressor, REGRESSORS),
        ("training", Trainer, {**TRAINERS, "any regressor's": PatchTrainer}),
        ("datasets", Component, COMPONENTS),
    ],
)
def test_every_class_of_ours_is_registered(room, base, registered):
    for file in (PACKAGE / room).glob("*.py"):
        if not file.stem.endswith(("_torch", "conv_network")):  # which need torch
            import_module(f"sr_arn.{room}.{file.stem}")
    todo, found = [base], set()
    while todo:
        todo += (cls := todo.pop()).__subclasses__()
        if cls is not base and not inspect.isabstract(cls) and is_ours(cls):
            found.add(cls)
    assert found == set(filter(is_ours, registered.values()))


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("if kind == 'conv': pass", {"conv"}),
        ("if name in ('aplus', 'x'): pass", {"aplus"}),
        ("match name:\n    case 'deep-arn' | 'y': pass", {"deep-arn"}),
        ("table = {'patch': 1, **others}", {"patch"}),
        ("isinstance(model, ConvModel | int)", {"ConvModel"}),
        ("isinstance(model, (int, patch.PatchModel))", {"PatchModel"}),
        ("match model:\n    case ConvARN(): pass", {"ConvARN"}),
        ("name = 'conv'; isinstance(model, TrainedModel); load('bicubic')", set()),
    ],
)
def test_the_check_can_fail(code, found):
    assert found_in(code) == found
