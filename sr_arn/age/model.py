"""Models from faces to ages: a backbone and a head, each chosen by one word."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from sr_arn.age.backbones import BACKBONES, SSRStages
from sr_arn.age.heads import HEADS
from sr_arn.age.heads.base import Head
from sr_arn.checks import check_integer
from sr_arn.errors import InputError, SrArnError, display

__all__ = ["AgeModel", "Plan"]

LARGEST_OPTION = 10_000  # widths, anchors and the like
LARGEST = {"targets": 16, "blocks": 50}  # what memory and time grow with
LONGEST = 200  # numbers of a list


class AgeModel(nn.Module):
    """From faces to ages.

    Calling it gives the ages [n] in years of faces [n, 3, h, w].

    Parameters
    ----------
    backbone : Module
        From faces [n, 3, h, w], red, green and blue levels of 0 to 1, to features.
    head : Head
    description : str, default ""
        Tells models apart whose modules look alike, in checkpoints.
    """

    def __init__(self, backbone: nn.Module, head: Head, description: str = "") -> None:
        super().__init__()
        self.backbone, self.head, self.description = backbone, head, description

    def extra_repr(self) -> str:
        """Return what else tells this model from others."""
        return self.description

    def features(self, faces: Tensor) -> Tensor:
        """Return the features [n, f] of faces [n, 3, h, w]: what the head takes."""
        features: Tensor = self.backbone(faces)
        return features

    def forward(self, faces: Tensor) -> Tensor:
        """Return the ages [n] in years of faces [n, 3, h, w]."""
        return self.head.predict(self.features(faces))[:, 0]


@dataclass(frozen=True)
class Plan:
    """What a model is made of, in plain values: it can be written into a file.

    Attributes
    ----------
    backbone : str
        A name in `sr_arn.age.backbones.BACKBONES`.
    head : str
        A name in `sr_arn.age.heads.HEADS`. On the backbone "ssrnet", "ssr" is that of `SSRNet`.
    backbone_options, head_options : dict
        Parameters of their classes: words, numbers, and lists of numbers.

    Examples
    --------
    The same backbone with another head:

    >>> for head in ("dex", "arn", "energy"):
    ...     model = Plan("residual", head, {"width": 4}).build()
    """

    backbone: str = "ssrnet"
    head: str = "arn"
    backbone_options: dict[str, Any] = field(default_factory=dict)
    head_options: dict[str, Any] = field(default_factory=dict)

    def build(self, seed: int = 0) -> AgeModel:
        """Return a model that is not trained; the seed draws its first numbers.

        Raises
        ------
        InputError
            If there is no such backbone or head, or an option is not one of theirs.
        """
        for name, value, known in (
            ("backbone", self.backbone, BACKBONES),
            ("head", self.head, HEADS),
        ):
            if not isinstance(value, str) or value not in known:
                raise InputError(f"{name}: expected {', '.join(known)}, received {display(value)}")
        for options in (self.backbone_options, self.head_options):
            for name, value in options.items():
                _check_option(name, value)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(check_integer(seed, "seed", 0) % 2**64)
            return self._build()

    def _build(self) -> AgeModel:
        backbone = _make(BACKBONES[self.backbone], self.backbone_options)
        options = dict(self.head_options)
        if "features" in options:
            raise InputError("features: expected those of the backbone, not an option")
        if "values" in options:
            options["values"] = _make(torch.tensor, {"data": options["values"]})
        whole = (self.backbone, self.head) == ("ssrnet", "ssr")
        kind = SSRStages if whole else HEADS[self.head]
        return AgeModel(
            backbone, _make(kind, {"features": backbone.features, **options}), str(self)
        )


def _check_option(name: str, value: Any) -> None:
    """Raise `InputError` unless a model of such an option can be built within reason."""
    numbers = value if isinstance(value, list | tuple) else [value]
    flat = [n for part in numbers for n in (part if isinstance(part, list | tuple) else [part])]
    most = LARGEST.get(name, LARGEST_OPTION)
    fits = len(numbers) <= LONGEST and len(flat) <= LONGEST
    for number in flat if fits else ():
        is_number = isinstance(number, int | float) and abs(number) <= most  # nor is NaN
        fits = fits and (number is None or isinstance(number, str) or is_number)
    if not fits:
        raise InputError(
            f"{name}: expected a word, numbers up to {most} or at most {LONGEST} of them, "
            f"received {display(value)}"
        )


def _make(kind: Callable[..., Any], options: dict[str, Any]) -> Any:
    try:
        return kind(**options)
    except SrArnError:
        raise
    except (TypeError, ValueError, IndexError, RuntimeError, AttributeError) as error:
        line = str(error).partition("\n")[0]
        raise InputError(f"{kind.__name__}: {display(line)}") from error
