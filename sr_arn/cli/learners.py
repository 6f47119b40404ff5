"""Options of `sr-arn train`, made from the parameters of regressors and trainers."""

import argparse
from collections.abc import Iterator
from itertools import groupby
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Union, get_args, get_origin

if TYPE_CHECKING:
    from sr_arn.models.base import TrainedModel
    from sr_arn.regressors.parameters import Parameter
    from sr_arn.training.trainers import Learner

__all__ = ["LITERALS", "MODEL", "add_parameters", "set_parameters"]

MODEL = "NAME|FILE"
LITERALS = "literals"
"""The attribute of an argument that lists what its parameter may be, for completion."""

DEST = "parameter "  # begins the names of these arguments among those of the command


class Shared(NamedTuple):
    """What is said of a parameter that several learners have."""

    option: str
    metavar: str
    help: str
    least: int | None = None


SHARED = {
    "anchors": Shared(
        "anchors", "M", "default: 1024 (deep-arn and conv-arn: 16), or less for few images", 1
    ),
    "learning_rate": Shared("learning-rate", "R", "the highest, of what torch trains"),
    "epochs": Shared("epochs", "N", "of arn, deep-arn (default: 10), conv-arn (40)", 1),
    "device": Shared(
        "device",
        "NAME",
        "cpu, cuda or auto, the default of what torch trains; of aplus and global-arn: cpu",
    ),
    "precision": Shared(
        "precision",
        "NAME",
        "of torch's products: float32 (default), or bfloat16, faster where the CPU has it",
    ),
    "compiled": Shared(
        "compile",
        "",
        "let torch compile the network: faster, most of all in bfloat16; needs a C++ compiler",
    ),
    "random_state": Shared("seed", "N", "default: 0", 0),
}
"""By the parameter's name. All others are described by their docstrings."""


def add_parameters(parser: argparse.ArgumentParser) -> None:
    """Add an option for each parameter of each learner; those of one name are one option."""
    from sr_arn.training.trainers import learner_class, learner_names

    owners: dict[str, dict[str, Parameter]] = {}
    for learner in learner_names():
        for parameter in learner_class(learner).described():
            owners.setdefault(parameter.name, {})[learner] = parameter
    group = parser.add_argument_group("parameters of the regressor")
    for name, own in owners.items():
        shared = SHARED.get(name)
        parameter = next(iter(own.values()))
        option = f"--{_option(name)}"
        text = (_help(own) if shared is None else shared.help).replace("%", "%%")
        if option in parser._option_string_actions:  # the command means something else by it
            continue
        if isinstance(parameter.default, bool):
            flag = option.replace("--", "--no-") if parameter.default else option
            action = "store_false" if parameter.default else "store_true"
            group.add_argument(flag, dest=DEST + name, action=action, default=None, help=text)
        elif kind := _type_of(parameter):
            metavar = shared.metavar if shared else {int: "N", float: "R"}.get(kind, "NAME")
            if _model_of(parameter):
                metavar = MODEL
            argument = group.add_argument(
                option, dest=DEST + name, type=kind, metavar=metavar, help=text
            )
            texts = (text for each in own.values() for text in _literals(each))
            setattr(argument, LITERALS, list(dict.fromkeys(texts)))


def set_parameters(learner: "Learner", args: argparse.Namespace) -> None:
    """Set the parameters of a learner from the command line.

    Raises
    ------
    InputError
        If it has no such parameter, or a value is out of range.
    """
    from sr_arn.checks import check_integer
    from sr_arn.errors import InputError
    from sr_arn.system.devices import find_gpu

    own = {parameter.name: parameter for parameter in learner.described()}
    given: dict[str, Any] = {}
    for dest, value in vars(args).items():
        name = dest.removeprefix(DEST)
        if name == dest or value is None:
            continue
        option = _option(name)
        if name not in own:
            raise InputError(f"{option}: the regressor {learner.name} takes none")
        if name in SHARED and (least := SHARED[name].least) is not None:
            check_integer(value, option, least)
        if name == "device":
            find_gpu(value)  # raises at once if it is none
        kind = _model_of(own[name])
        given[name] = value if kind is None else _load(option, value, kind)
    learner.set_params(**given)
    learner.settle(given)


def _option(name: str) -> str:
    """Return what the option of a parameter is called, without dashes."""
    return SHARED[name].option if name in SHARED else name.replace("_", "-")


def _help(own: "dict[str, Parameter]") -> str:
    """Return the first description, the learners that have the parameter, and the defaults."""
    parts = []
    for default, alike in groupby(own, lambda learner: own[learner].default):
        is_shown = isinstance(default, int | float | str) and not isinstance(default, bool)
        parts.append(", ".join(alike) + (f" (default: {default})" if is_shown else ""))
    text = next((parameter.help for parameter in own.values() if parameter.help), "")
    known = list(dict.fromkeys(t for parameter in own.values() for t in _literals(parameter)))
    text += f" ({', '.join(known)})" if known else ""
    return f"{text}; of {', '.join(parts)}" if text else f"of {', '.join(parts)}"


def _type_of(parameter: "Parameter") -> type[int | float | str] | None:
    """Return what the text of an option stands for: a number, text, or nothing that we know."""
    parts = list(_parts(parameter.type))
    for kind in (int, float, str):
        if kind in parts:
            return kind
    return str if _literals(parameter) or _model_of(parameter) else None


def _model_of(parameter: "Parameter") -> "type[TrainedModel] | None":
    """Return the kind of model that a parameter takes, if it does."""
    from sr_arn.models.base import TrainedModel

    parts = (part for part in _parts(parameter.type) if isinstance(part, type))
    return next((part for part in parts if issubclass(part, TrainedModel)), None)


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield the members of a union, or the type itself."""
    if get_origin(annotation) in (Union, UnionType):
        for part in get_args(annotation):
            yield from _parts(part)
    else:
        yield annotation


def _literals(parameter: "Parameter") -> list[str]:
    """Return the texts that the type of a parameter names."""
    literals = (part for part in _parts(parameter.type) if get_origin(part) is Literal)
    return [text for part in literals for text in get_args(part) if isinstance(text, str)]


def _load(option: str, name_or_path: str, kind: "type[TrainedModel]") -> "TrainedModel":
    """Load the model that an option names."""
    from sr_arn.errors import InputError, display
    from sr_arn.upscaling.loading import load_model

    model = load_model(name_or_path).model
    if not isinstance(model, kind):
        raise InputError(f"{option}: {display(name_or_path)} is no {kind.title}")
    return model
