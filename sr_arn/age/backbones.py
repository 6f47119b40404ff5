"""Networks from faces to features or ages.

References
----------
T.-Y. Yang, Y.-H. Huang, Y.-Y. Lin, P.-C. Hsiu, Y.-Y. Chuang, "SSR-Net: A compact soft stagewise
regression network for age estimation", IJCAI 2018. Where the paper and the authors' code differ,
the released weights decide: the code.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from sr_arn.age.heads.base import OLDEST, Head
from sr_arn.age.heads.stagewise import stagewise
from sr_arn.checks import InputError, display

__all__ = ["CompactResidual", "SSRNet", "keras_arrays"]

SIDE = 64  # pixels of a face
FIRST, SECOND = 32, 16  # channels of the streams
FUSED = 10  # channels in a fusion block
POOLS = (None, 4, 8)  # of the fusion blocks, from the coarsest stage
CELLS = (16, 9, 9)  # that are left
DROPPED = 0.2
EPS, MOMENTUM = 1e-3, 0.01  # of Keras' norms


class _Stage(nn.Module):
    """The fusion block of a stage: p, eta and Delta from the maps of two streams."""

    def __init__(
        self, bins: int, cells: int, pool: int | None, activation: Literal["relu", "softmax"]
    ) -> None:
        super().__init__()
        self.pool, self.activation = pool, activation
        self.second, self.first = nn.Conv2d(SECOND, FUSED, 1), nn.Conv2d(FIRST, FUSED, 1)
        width = FUSED * cells
        self.of_second, self.of_first = nn.Linear(width, bins), nn.Linear(width, bins)
        self.both = nn.Linear(bins, 2 * bins)
        self.p, self.eta = nn.Linear(2 * bins, bins), nn.Linear(2 * bins, bins)
        self.delta = nn.Linear(width, 1)

    def product(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Return the streams' product at each place, and that of their bins."""
        u, v = self.second(second).relu(), self.first(first).relu()
        if self.pool is not None:
            u, v = F.max_pool2d(u, self.pool), F.avg_pool2d(v, self.pool)
        u, v = (x.permute(0, 2, 3, 1).flatten(1) for x in (u, v))  # rows, columns, channels
        bins = [
            layer(F.dropout(x, DROPPED, self.training)).relu()
            for layer, x in ((self.of_second, u), (self.of_first, v))
        ]
        return u * v, bins[0] * bins[1]

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return p [n, s], eta [n, s] and Delta [n]."""
        places, bins = self.product(first, second)
        delta = self.delta(places).tanh()[:, 0]
        both = self.both(bins).relu()
        p = self.p(both)
        p = p.relu() if self.activation == "relu" else p.softmax(dim=1)
        return p, self.eta(both).tanh(), delta


class SSRNet(Head):
    """The soft stagewise regression network: from a face to an age, with 40,915 numbers.

    Its `features` are images [n, 3, 64, 64]; those the authors trained on have levels 0 to 255 in
    the order blue, green, red.

    Parameters
    ----------
    bins : (int, int, int), default (3, 3, 3)
        Of each stage, from the coarsest.
    largest : float, default 101.0
        V.
    local, dynamic : float, default 1.0
        Of shifted bins and scaled widths: 0 without.
    activation : {"relu", "softmax"}, default "relu"
        Of p. The released models have "relu", under which stages may die: see `share_alive`.

    Raises
    ------
    InputError
        If there are not three stages, or of faces of another size.
    """

    def __init__(
        self,
        bins: tuple[int, int, int] = (3, 3, 3),
        largest: float = OLDEST + 1.0,
        local: float = 1.0,
        dynamic: float = 1.0,
        activation: Literal["relu", "softmax"] = "relu",
    ) -> None:
        super().__init__()
        if len(bins) != len(POOLS):
            raise InputError(f"bins: expected those of three stages, received {display(bins)}")
        if activation not in ("relu", "softmax"):
            raise InputError(f"activation: expected relu or softmax, received {activation}")
        self.largest, self.local, self.dynamic = largest, local, dynamic
        self.first = _stream(FIRST)
        self.second = _stream(SECOND)
        self.stages = nn.ModuleList(
            _Stage(count, cells, pool, activation)
            for count, cells, pool in zip(bins, CELLS, POOLS, strict=True)
        )
        for module in self.modules():  # as Keras begins
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(torch.as_tensor(module.bias))

    def maps(self, images: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return the maps of both streams that the stages see, from the coarsest.

        Raises
        ------
        InputError
            If the images are not [n, 3, 64, 64].
        """
        if images.ndim != 4 or images.shape[1:] != (3, SIDE, SIDE):
            raise InputError(
                f"faces: expected [n, 3, {SIDE}, {SIDE}], received {display(list(images.shape))}"
            )
        first, second, seen = images, images, []
        for number, (a, b) in enumerate(zip(self.first, self.second, strict=True)):
            first, second = a(first).relu(), b(second).tanh()
            if number < 3:
                first, second = F.avg_pool2d(first, 2), F.max_pool2d(second, 2)
            if number != 2:  # the third block's feed the fourth alone
                seen.append((first, second))
        return seen[::-1]

    def parts(self, images: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Return p, eta and Delta of each stage."""
        maps = self.maps(images)
        return [stage(*pair) for stage, pair in zip(self.stages, maps, strict=True)]

    def predict(self, features: Tensor) -> Tensor:
        """Return the ages [n, 1] of faces [n, 3, 64, 64]."""
        ages = stagewise(self.parts(features), self.largest, self.local, self.dynamic)
        return ages[:, None]

    def _loss(self, features: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(self.predict(features), target)

    @torch.no_grad()
    def share_alive(self, images: Tensor) -> list[float]:
        """Return, of each stage, the share of bins that are not 0 before the last layers.

        In three of the four released models it is 0: all that they know of a face is in Delta.
        """
        shares = []
        stages: list[Any] = list(self.stages)
        for stage, pair in zip(stages, self.maps(images), strict=True):
            _, bins = stage.product(*pair)
            shares.append(float((bins != 0).float().mean()))
        return shares

    @torch.no_grad()
    def load_keras(self, arrays: Mapping[str, NDArray[np.floating]]) -> None:
        """Take over weights by the names of the authors' Keras model: see `keras_arrays`.

        Raises
        ------
        InputError
            If one is missing, or of another shape.
        """
        for name, tensor in self._keras_names().items():
            if name not in arrays:
                raise InputError(f"weights: {name} is missing")
            array = torch.from_numpy(np.ascontiguousarray(arrays[name]))
            if array.ndim == 4:  # rows, columns, in, out
                array = array.permute(3, 2, 0, 1)
            elif array.ndim == 2:
                array = array.T
            if array.shape != tensor.shape:
                raise InputError(
                    f"weights: {name}: expected {display(list(tensor.shape))}, "
                    f"received {display(list(array.shape))}"
                )
            tensor.copy_(array)

    def _keras_names(self) -> dict[str, Tensor]:
        """Return all numbers by their names in the authors' model."""
        layers: dict[str, Any] = {}
        for number in range(4):
            for stream, start in ((self.first, 1), (self.second, 5)):
                convolution, norm = list(stream)[number].children()
                layers[f"conv2d_{start + number}"] = convolution
                layers[f"batch_normalization_{start + number}"] = norm
        stage: Any
        for k, stage in enumerate(self.stages):
            layers[f"conv2d_{9 + 2 * k}"], layers[f"conv2d_{10 + 2 * k}"] = (
                stage.second,
                stage.first,
            )
            dense = (stage.of_second, stage.of_first, stage.both)
            layers |= {f"dense_{3 * k + 1 + i}": layer for i, layer in enumerate(dense)}
            layers[f"pred_age_stage{k + 1}"] = stage.p
            layers[f"local_delta_stage{k + 1}"] = stage.eta
            layers[f"delta_s{k + 1}"] = stage.delta
        names: dict[str, Tensor] = {}
        for name, layer in layers.items():
            if isinstance(layer, nn.BatchNorm2d):
                kinds = {"gamma": "weight", "beta": "bias"}
                kinds |= {"moving_mean": "running_mean", "moving_variance": "running_var"}
            else:
                kinds = {"kernel": "weight", "bias": "bias"}
            names |= {f"{name}/{keras}": getattr(layer, ours) for keras, ours in kinds.items()}
        return names


def _stream(channels: int) -> nn.ModuleList:
    """Return four blocks of a 3 x 3 convolution without padding and a norm."""
    inputs = (3, channels, channels, channels)
    return nn.ModuleList(
        nn.Sequential(nn.Conv2d(n, channels, 3), nn.BatchNorm2d(channels, EPS, MOMENTUM))
        for n in inputs
    )


def keras_arrays(path: str) -> dict[str, NDArray[np.floating]]:
    """Return the arrays of a Keras 2 weights file (HDF5) by layer and kind: "conv2d_1/kernel".

    Needs h5py.
    """
    import h5py

    arrays = {}
    with h5py.File(path) as file:
        for layer in file.attrs["layer_names"]:
            for weight in file[layer].attrs["weight_names"]:
                name = weight.decode() if isinstance(weight, bytes) else weight
                owner, _, kind = name.rpartition("/")
                key = f"{owner.rpartition('/')[2]}/{kind.partition(':')[0]}"
                arrays[key] = np.array(file[layer][name])
    return arrays


class CompactResidual(nn.Module):
    """A small residual network for faces of 64 x 64: features [n, 4 width] of [n, 3, 64, 64].

    Four stages of two residual blocks (He et al. 2016), each stage after the first at half the
    size and twice as wide, up to 4 times; then the mean over all places.

    Parameters
    ----------
    width : int, default 32
        Channels of the first stage.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        widths = (width, 2 * width, 4 * width, 4 * width)
        self.features = widths[-1]
        blocks: list[nn.Module] = [_normed(3, width), nn.ReLU()]
        inputs = width
        for number, outputs in enumerate(widths):
            blocks += [_Residual(inputs, outputs, 2 if number else 1), _Residual(outputs, outputs)]
            inputs = outputs
        self.blocks = nn.Sequential(*blocks)

    def forward(self, images: Tensor) -> Tensor:
        """Return the features [n, 4 width] of images [n, 3, h, w]."""
        features: Tensor = self.blocks(images).mean(dim=(2, 3))
        return features


class _Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first, self.second = _normed(inputs, outputs, 3, stride), _normed(outputs, outputs)
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else _normed(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        inner: Tensor = self.second(self.first(x).relu())
        return (inner + self.shortcut(x)).relu()


def _normed(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs))
