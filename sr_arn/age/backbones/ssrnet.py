"""The complete soft stagewise regression network, and its streams for other heads.

References
----------
T.-Y. Yang, Y.-H. Huang, Y.-Y. Lin, P.-C. Hsiu, Y.-Y. Chuang, "SSR-Net: A compact soft stagewise
regression network for age estimation", IJCAI 2018. Where the paper and the authors' code differ,
this follows the code, as the released weights do.
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
from sr_arn.checks import check_integer, check_scale
from sr_arn.errors import InputError, display

__all__ = ["SSRFeatures", "SSRNet", "SSRStages", "keras_arrays"]

SIDE = 64  # pixels of a face
FIRST, SECOND = 32, 16  # channels of the streams
FUSED = 10  # channels in a fusion block
POOLS = (None, 4, 8)  # sizes of pooling in the fusion blocks, from the coarsest stage
CELLS = (16, 9, 9)  # cells after pooling
DROPPED = 0.2
EPS, MOMENTUM = 1e-3, 0.01  # of the normalisation in Keras


class _Streams(nn.Module):
    """Two streams of four blocks, from a face."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = _stream(FIRST), _stream(SECOND)

    def forward(self, images: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return the maps of both streams for each stage, from the coarsest."""
        if images.ndim != 4 or images.shape[1:] != (3, SIDE, SIDE):
            raise InputError(
                f"faces: expected [n, 3, {SIDE}, {SIDE}], received {display(list(images.shape))}"
            )
        images = images.contiguous(memory_format=torch.channels_last)  # faster on CPUs
        first, second, seen = images, images, []
        for number, (a, b) in enumerate(zip(self.first, self.second, strict=True)):
            first, second = a(first).relu(), b(second).tanh()
            if number < 3:
                first, second = F.avg_pool2d(first, 2), F.max_pool2d(second, 2)
            if number != 2:  # maps of the third block go to the fourth only
                seen.append((first, second))
        return seen[::-1]


def _stream(channels: int) -> nn.ModuleList:
    """Return four blocks of a 3 x 3 convolution without padding, and normalisation."""
    inputs = (3, channels, channels, channels)
    return nn.ModuleList(
        nn.Sequential(nn.Conv2d(n, channels, 3), nn.BatchNorm2d(channels, EPS, MOMENTUM))
        for n in inputs
    )


class _Fusion(nn.Module):
    """Reduces the maps of both streams to few channels in few cells."""

    def __init__(self, pool: int | None) -> None:
        super().__init__()
        self.pool = pool
        self.second, self.first = nn.Conv2d(SECOND, FUSED, 1), nn.Conv2d(FIRST, FUSED, 1)

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Return the reduced maps of the second and the first stream, [n, FUSED cells] each."""
        u, v = self.second(second).relu(), self.first(first).relu()
        if self.pool is not None:
            u, v = F.max_pool2d(u, self.pool), F.avg_pool2d(v, self.pool)
        u, v = (x.permute(0, 2, 3, 1).flatten(1) for x in (u, v))  # rows, columns, channels
        return u, v


class _Stage(nn.Module):
    """A stage: p, eta and Delta from the fused maps of two streams."""

    def __init__(self, bins: int, cells: int, activation: Literal["relu", "softmax"]) -> None:
        super().__init__()
        self.activation = activation
        width = FUSED * cells
        self.of_second, self.of_first = nn.Linear(width, bins), nn.Linear(width, bins)
        self.both = nn.Linear(bins, 2 * bins)
        self.p, self.eta = nn.Linear(2 * bins, bins), nn.Linear(2 * bins, bins)
        self.delta = nn.Linear(width, 1)

    def bins(self, u: Tensor, v: Tensor) -> Tensor:
        """Return the product of both streams' bins [n, s]."""
        of_second, of_first = (
            layer(F.dropout(x, DROPPED, self.training)).relu()
            for layer, x in ((self.of_second, u), (self.of_first, v))
        )
        product: Tensor = of_second * of_first
        return product

    def forward(self, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return p [n, s], eta [n, s] and Delta [n]."""
        delta = self.delta(u * v).tanh()[:, 0]
        both = self.both(self.bins(u, v)).relu()
        p = self.p(both)
        p = p.relu() if self.activation == "relu" else p.softmax(dim=1)
        return p, self.eta(both).tanh(), delta


class SSRFeatures(nn.Module):
    """The streams and fused maps of SSR-Net, as features [n, 680] of faces [n, 3, 64, 64].

    For each stage, from the coarsest: those of the second stream, then of the first.
    """

    features = 2 * FUSED * sum(CELLS)

    def __init__(self) -> None:
        super().__init__()
        self.streams = _Streams()
        self.fusions = nn.ModuleList(_Fusion(pool) for pool in POOLS)
        _begin_as_keras(self)

    def forward(self, images: Tensor) -> Tensor:
        """Return the features [n, 680] of faces [n, 3, 64, 64].

        Raises
        ------
        InputError
            If the faces have another size.
        """
        maps = self.streams(images)
        fused = [fuse(*pair) for fuse, pair in zip(self.fusions, maps, strict=True)]
        return torch.cat([x for pair in fused for x in pair], dim=1)


class SSRStages(Head):
    """The stages of SSR-Net, on `SSRFeatures`.

    Parameters
    ----------
    features : int, default 680
        No other number is possible.
    bins : (int, int, int), default (3, 3, 3)
        Bins of each stage, from the coarsest.
    largest : float, default 101.0
        V.
    local, dynamic : float, default 1.0
        Weights of shifted bins and of scaled widths; 0 for none.
    activation : {"relu", "softmax"}, default "relu"
        Activation of p. The released models have "relu", with which stages may die: see
        `share_alive`.

    Raises
    ------
    InputError
        If there are not three stages, or another number of features.
    """

    def __init__(
        self,
        features: int = SSRFeatures.features,
        bins: tuple[int, int, int] = (3, 3, 3),
        largest: float = OLDEST + 1.0,
        local: float = 1.0,
        dynamic: float = 1.0,
        activation: Literal["relu", "softmax"] = "relu",
    ) -> None:
        super().__init__()
        if features != SSRFeatures.features:
            raise InputError(f"features: expected {SSRFeatures.features}, received {features}")
        if len(bins) != len(POOLS):
            raise InputError(f"bins: expected those of three stages, received {display(bins)}")
        if activation not in ("relu", "softmax"):
            raise InputError(f"activation: expected relu or softmax, received {activation}")
        for name, value in {"local": local, "dynamic": dynamic}.items():
            if not 0 <= value <= 1:
                raise InputError(f"{name}: expected 0 to 1, received {display(value)}")
        self.largest = check_scale(largest, "largest")
        self.local, self.dynamic = local, dynamic
        self.stages = nn.ModuleList(
            _Stage(check_integer(count, "bins", 1), cells, activation)
            for count, cells in zip(bins, CELLS, strict=True)
        )
        _begin_as_keras(self)

    def parts(self, features: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Return p, eta and Delta of each stage."""
        return [stage(*pair) for stage, pair in zip(self.stages, _by_stage(features), strict=True)]

    def predict(self, features: Tensor) -> Tensor:
        """Return the ages [n, 1]."""
        ages = stagewise(self.parts(features), self.largest, self.local, self.dynamic)
        return ages[:, None]

    def _loss(self, features: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(self.predict(features), target)

    @torch.no_grad()
    def share_alive(self, features: Tensor) -> list[float]:
        """Return, for each stage, the fraction of bins that are not 0 before the last layers.

        It is 0 in three of the four released models: their ages depend on Delta alone.
        """
        stages: list[Any] = list(self.stages)
        learns = self.training
        self.eval()  # without dropout
        pairs = zip(stages, _by_stage(features), strict=True)
        shares = [float((stage.bins(*pair) != 0).float().mean()) for stage, pair in pairs]
        self.train(learns)
        return shares


def _by_stage(features: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Return u and v for each stage."""
    split = features.split([FUSED * cells for cells in CELLS for _ in range(2)], dim=1)  # type: ignore[no-untyped-call] # torch does not type it
    return list(zip(split[::2], split[1::2], strict=True))


class SSRNet(Head):
    """The soft stagewise regression network: from a face to an age.

    It has 40,531 parameters, or 40,915 numbers with the moving statistics of normalisation. Its
    `features` are images [n, 3, 64, 64]; the authors trained on levels 0 to 255 in the order blue,
    green, red.

    Parameters
    ----------
    bins : (int, int, int), default (3, 3, 3)
        Bins of each stage, from the coarsest.
    **options
        Other parameters of `SSRStages`.

    Raises
    ------
    InputError
        As `SSRStages`, or if the faces have another size.
    """

    def __init__(self, bins: tuple[int, int, int] = (3, 3, 3), **options: Any) -> None:
        super().__init__()
        self.backbone = SSRFeatures()
        self.stages = SSRStages(bins=bins, **options)

    def predict(self, features: Tensor) -> Tensor:
        """Return the ages [n, 1] of faces [n, 3, 64, 64]."""
        return self.stages.predict(self.backbone(features))

    def _loss(self, features: Tensor, target: Tensor) -> Tensor:
        return self.stages._loss(self.backbone(features), target)

    @torch.no_grad()
    def load_keras(self, arrays: Mapping[str, NDArray[np.floating]]) -> None:
        """Load weights by the names of the authors' Keras model: see `keras_arrays`.

        Raises
        ------
        InputError
            If an array is missing, or has another shape.
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
        """Return all parameters and statistics by their names in the authors' model."""
        layers: dict[str, Any] = {}
        streams = self.backbone.streams
        for number in range(4):
            for stream, start in ((streams.first, 1), (streams.second, 5)):
                convolution, norm = list(stream)[number].children()
                layers[f"conv2d_{start + number}"] = convolution
                layers[f"batch_normalization_{start + number}"] = norm
        stage: Any
        fusion: Any
        for k, (stage, fusion) in enumerate(
            zip(self.stages.stages, self.backbone.fusions, strict=True)
        ):
            layers[f"conv2d_{9 + 2 * k}"] = fusion.second
            layers[f"conv2d_{10 + 2 * k}"] = fusion.first
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


def _begin_as_keras(module: nn.Module) -> None:
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(torch.as_tensor(layer.bias))


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
