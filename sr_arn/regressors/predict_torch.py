"""Regressors as torch modules, which predict on a GPU: see `Regressor.to_torch`."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sr_arn.nn import AnchoredRegression
from sr_arn.regressors.numpy_layer import NumpyAnchoredRegression

__all__ = ["Layers", "Strongest"]

Array = NDArray[np.float32]


class Strongest(nn.Module):
    """A+: each row is mapped by the anchor with the largest |c^T x|."""

    in_half = False  # it would choose other anchors

    anchors: Tensor
    maps: Tensor

    def __init__(self, anchors: Array, maps: Array) -> None:
        super().__init__()
        self.register_buffer("anchors", torch.from_numpy(np.asarray(anchors, np.float32)))
        self.register_buffer("maps", torch.from_numpy(np.asarray(maps, np.float32)))
        self.numbers = 2 * len(anchors) + maps[0].size

    def forward(self, x: Tensor) -> Tensor:
        """Return the targets [n, t] of rows [n, d]."""
        chosen = (x @ self.anchors.T).abs().argmax(dim=1)
        return torch.bmm(x[:, None], self.maps[chosen])[:, 0]


class Layers(nn.Module):
    """The forms of ARN: layers, all but the last residual, and an intercept."""

    in_half = True

    def __init__(self, layers: list[NumpyAnchoredRegression], intercept: Array) -> None:
        super().__init__()
        self.hidden = nn.ModuleList(_layer_of(layer) for layer in layers[:-1])
        self.last = _layer_of(layers[-1])
        self.register_buffer("intercept", torch.from_numpy(intercept))
        self.numbers = max(
            2 * len(layer.anchors) + layer.bias.shape[0] * min(layer.weight.shape[1:])
            for layer in layers
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the targets [n, t] of rows [n, d]."""
        for layer in self.hidden:
            x = x + layer(x)
        result: Tensor = self.last(x) + self.intercept
        return result


def _layer_of(layer: NumpyAnchoredRegression) -> AnchoredRegression:
    """Return a layer of arrays as a torch layer."""
    (m, d), (count, q, _) = layer.anchors.shape, layer.weight.shape
    with torch.random.fork_rng(devices=[]):  # random initial values are not used
        module = AnchoredRegression(
            d,
            q if layer.basis is None else layer.basis.shape[1],
            m,
            layer.similarity,  # type: ignore[arg-type] # checked when the model was loaded
            layer.sharpness,
            rank=None if layer.mixing is None else count,
            components=None if layer.basis is None else q,
        )
    arrays = {name: getattr(layer, name) for name, _ in module.named_parameters()}
    module.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    return module
