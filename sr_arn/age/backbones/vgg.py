"""The VGG-16 of DEX, for weights from elsewhere."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sr_arn.checks import check_integer
from sr_arn.errors import InputError, display

__all__ = ["VGG16"]

SIDE = 224  # pixels of a face
CELLS = 7  # a side, after five pooling layers
BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels and convolutions
DROPPED = 0.5
MEAN = (103.939, 116.779, 123.68)  # of ImageNet's blue, green and red, as Caffe's VGG subtracts


class VGG16(nn.Module):
    """The network of DEX up to fc7: features [n, 4096] of faces [n, 3, 224, 224].

    Levels are 0 to 1 in the order red, green, blue, as for every backbone here; the network
    converts them to Caffe's order, range and means. A head replaces fc8 (Simonyan and Zisserman
    2015, configuration D; Rothe et al. 2015).

    Parameters
    ----------
    width : int, default 4096
        Width of fc6 and fc7.
    """

    side = SIDE
    mean: Tensor

    def __init__(self, width: int = 4096) -> None:
        super().__init__()
        self.features = check_integer(width, "width", 1)
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.convolutions = nn.ModuleDict()
        inputs = 3
        for block, (channels, count) in enumerate(BLOCKS, 1):
            for number in range(1, count + 1):
                layer = nn.Conv2d(inputs, channels, 3, padding=1)
                self.convolutions[f"conv{block}_{number}"] = layer
                inputs = channels
        self.fc6 = nn.Linear(inputs * CELLS**2, width)
        self.fc7 = nn.Linear(width, width)

    def forward(self, images: Tensor) -> Tensor:
        """Return the features [n, 4096] of faces [n, 3, 224, 224].

        Raises
        ------
        InputError
            If the faces have another size.
        """
        if images.ndim != 4 or images.shape[1:] != (3, SIDE, SIDE):
            raise InputError(
                f"faces: expected [n, 3, {SIDE}, {SIDE}], received {display(list(images.shape))}"
            )
        x = 255 * images.flip(1) - self.mean
        for block, (_, count) in enumerate(BLOCKS, 1):
            for number in range(1, count + 1):
                x = self.convolutions[f"conv{block}_{number}"](x).relu()
            x = nn.functional.max_pool2d(x, 2)
        x = x.flatten(1)  # channels, rows, columns, as in Caffe
        for layer in (self.fc6, self.fc7):
            x = nn.functional.dropout(layer(x).relu(), DROPPED, self.training)
        return x

    @torch.no_grad()
    def load_caffe(self, arrays: Mapping[str, NDArray[np.floating]]) -> None:
        """Load weights by Caffe's names: "conv1_1/weight", "conv1_1/bias" to "fc7/bias".

        Convolutions are [out, in, 3, 3] with inputs in the order blue, green, red; fc layers
        [out, in]. Other arrays are ignored; fc8 belongs to the head: see `sr_arn.age.arn_from_dex`.

        Raises
        ------
        InputError
            If an array is missing, or has another shape.
        """
        layers = {**dict(self.convolutions.items()), "fc6": self.fc6, "fc7": self.fc7}
        for name, layer in layers.items():
            for kind, tensor in layer.named_parameters():
                array = arrays.get(f"{name}/{kind}")
                if array is None:
                    raise InputError(f"weights: {name}/{kind} is missing")
                if array.shape != tensor.shape:
                    raise InputError(
                        f"weights: {name}/{kind}: expected {display(list(tensor.shape))}, "
                        f"received {display(list(array.shape))}"
                    )
                tensor.copy_(torch.from_numpy(np.ascontiguousarray(array)))
