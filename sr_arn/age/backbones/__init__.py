"""Backbones: networks from faces to the features that heads take.

A backbone is a module from images [n, 3, h, w], with red, green and blue levels of 0 to 1, to
features [n, f]. Its attribute `features` is the number f.
"""

from torch import nn

from sr_arn.age.backbones.borrowed import Borrowed
from sr_arn.age.backbones.residual import CompactResidual
from sr_arn.age.backbones.ssrnet import SSRFeatures, SSRNet, SSRStages, keras_arrays
from sr_arn.age.backbones.vgg import VGG16

__all__ = [
    "BACKBONES",
    "VGG16",
    "Borrowed",
    "CompactResidual",
    "SSRFeatures",
    "SSRNet",
    "SSRStages",
    "keras_arrays",
]

BACKBONES: dict[str, type[nn.Module]] = {
    "ssrnet": SSRFeatures,
    "residual": CompactResidual,
    "vgg16": VGG16,
    "torchvision": Borrowed,
}
"""Backbones by their names on the command line."""
