"""Patch models by torch, on a GPU say, where `PatchModel` is not fast enough."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sr_arn.errors import InputError
from sr_arn.models.conv_torch import by_torch_alone
from sr_arn.models.features import NEIGHBOURHOOD, WINDOW, with_margin
from sr_arn.models.patch import FLAT, PatchModel, needless
from sr_arn.nn import AnchoredRegression
from sr_arn.pictures.resize import imresize
from sr_arn.planes import NO_RIM, Rim
from sr_arn.regressors import APlusRegressor, Regressor
from sr_arn.regressors.anchored import AnchoredRegressor
from sr_arn.regressors.numpy_layer import SoftLayer
from sr_arn.system.devices import find_device

__all__ = ["Strongest", "TorchPatchModel", "in_half"]

MEMORY = 2**25  # numbers of float32 that predictions of some windows at a time take, or less
HALF_ON = ("cuda",)  # devices that multiply faster in half precision
MIDDLE = NEIGHBOURHOOD**2 // 2

Array = NDArray[np.float32]


class TorchPatchModel:
    """A luminance model that gives what a `PatchModel` gives, but for rounding.

    Unlike there, the last bits may depend on tiles, device and version of torch; on GPUs products
    of ARN in its forms are of float16: see `in_half`. Those of A+ are not: where two anchors are
    equally near but for rounding, either may be taken.

    Parameters
    ----------
    model : PatchModel
        With a regressor of ours.
    device : {"auto", "cpu", "cuda"}, default "auto"

    Raises
    ------
    InputError
        If the device is missing, or the regressor is not ours.
    """

    def __init__(self, model: PatchModel, device: str = "auto") -> None:
        self.name, self.scale, self.reach = model.name, model.scale, model.reach
        self.device = find_device(device)
        self.projection = torch.from_numpy(model.features.projection_).to(self.device)
        self.regressor = _module_of(model.regressor).to(self.device).eval()
        self._keeps_flat_areas = model.keeps_flat_areas

    def __call__(self, lr: Array, rim: Rim = NO_RIM) -> Array:
        """Return the HR plane without the rim."""
        hr = imresize(lr, self.scale)
        unseen, uncovered = needless(rim)
        seen = unseen.cut(with_margin(lr))
        if min(seen.shape) >= NEIGHBOURHOOD:
            uncovered.cut(hr, self.scale)[...] += self._residual(seen)
        return rim.cut(hr, self.scale)

    def _residual(self, seen: Array) -> Array:
        """Return the mean of what the regressor adds to each pixel that windows cover."""
        with by_torch_alone():
            plane = torch.from_numpy(seen).to(self.device)
            windows = plane.unfold(0, NEIGHBOURHOOD, 1).unfold(1, NEIGHBOURHOOD, 1)
            rows, columns = windows.shape[:2]
            size = WINDOW * self.scale
            patches = torch.empty((size**2, rows * columns), device=self.device)
            band = max(1, MEMORY // (self.regressor.numbers * columns))
            for start in range(0, rows, band):
                some = windows[start : start + band].flatten(2).flatten(0, 1)
                patches[:, start * columns : start * columns + len(some)] = self._patches(some).T
            shape = (rows + WINDOW - 1) * self.scale, (columns + WINDOW - 1) * self.scale
            total = nn.functional.fold(patches[None], shape, size, stride=self.scale)[0, 0]
            counts = torch.outer(self._covering(rows), self._covering(columns))
            residual: Array = (total / counts).cpu().numpy()
        return residual

    def _patches(self, windows: Tensor) -> Tensor:
        """Return the residual patches [n, t] of windows [n, 81]."""
        # what is flat is then 0 before it is multiplied: products in TF32 would not make it so
        x = (windows - windows[:, MIDDLE : MIDDLE + 1]) @ self.projection.T
        regress = partial(self.regressor, x)
        is_exact = isinstance(self.regressor, Strongest)  # half precision takes other anchors
        patches = regress() if is_exact else in_half(self.device, regress)
        if not self._keeps_flat_areas:
            patches *= (x.norm(dim=1, keepdim=True) / FLAT).clamp(max=1)
        return patches

    def _covering(self, windows: int) -> Tensor:
        """Return by how many windows in a row each pixel is covered."""
        cells = torch.arange(1, windows + WINDOW, device=self.device)
        counts = torch.minimum(cells, cells.flip(0)).clamp(max=min(WINDOW, windows))
        return counts.repeat_interleave(self.scale)


def in_half(device: torch.device, work: Callable[[], Tensor]) -> Tensor:
    """Return what `work` gives: of products in float16 where these are fast and do not overflow.

    Of the ARN models in the box, that changes a pixel by a level of 255 at most; bfloat16, with
    three bits less, by two (`benchmarks/half.py`).
    """
    if device.type in HALF_ON:
        with torch.autocast(device.type, torch.float16):
            result = work().float()
        if bool(result.isfinite().all()):
            return result
    return work()


class Strongest(nn.Module):
    """A+: each row is mapped by the anchor with the largest |c^T x|.

    Attributes
    ----------
    numbers : int
        That a prediction holds at a time.
    """

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


class _Layers(nn.Module):
    """ARN in its forms: layers of which all but the last are residual, and an intercept.

    Attributes
    ----------
    numbers : int
        That a prediction holds at a time.
    """

    def __init__(self, layers: list[SoftLayer], intercept: Array) -> None:
        super().__init__()
        self.hidden = nn.ModuleList(_layer_of(layer) for layer in layers[:-1])
        self.last = _layer_of(layers[-1])
        self.register_buffer("intercept", torch.from_numpy(intercept))
        self.numbers = max(
            2 * len(layer.anchors) + layer.bias.shape[0] * min(layer.weight.shape[1:])
            for layer in layers
        )

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.hidden:
            x = x + layer(x)
        result: Tensor = self.last(x) + self.intercept
        return result


def _module_of(regressor: Regressor) -> Strongest | _Layers:
    """Return a regressor as a module."""
    arrays = regressor.arrays()
    if isinstance(regressor, APlusRegressor):
        return Strongest(arrays["anchors"], arrays["projections"])
    if isinstance(regressor, AnchoredRegressor):
        return _Layers(regressor.soft_layers(), arrays.get("intercept", np.zeros(1, np.float32)))
    raise InputError(f"device: {regressor.name} runs on the CPU only")


def _layer_of(layer: SoftLayer) -> AnchoredRegression:
    """Return a layer of arrays as torch's."""
    (m, d), (count, q, _) = layer.anchors.shape, layer.weight.shape
    with torch.random.fork_rng(devices=[]):  # what it starts from is drawn in vain
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
