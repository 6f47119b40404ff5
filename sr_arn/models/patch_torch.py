"""Patch models by torch, on a GPU for example, where `PatchModel` is not fast enough."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sr_arn.models.conv_torch import by_torch_alone
from sr_arn.models.features import FLAT, NEIGHBOURHOOD, WINDOW, needless, with_margin
from sr_arn.pictures.resize import imresize
from sr_arn.planes import NO_RIM, Rim
from sr_arn.system.devices import find_device

if TYPE_CHECKING:
    from sr_arn.models.patch import PatchModel

__all__ = ["TorchPatchModel", "in_half"]

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
        With a regressor that `runs_by_torch`.
    device : {"auto", "cpu", "cuda"}, default "auto"

    Raises
    ------
    InputError
        If the device is missing, or torch does not run the regressor.
    """

    def __init__(self, model: "PatchModel", device: str = "auto") -> None:
        self.name, self.scale, self.reach = model.name, model.scale, model.reach
        self.device = find_device(device)
        self.projection = torch.from_numpy(model.features.projection_).to(self.device)
        self.regressor: Any = model.regressor.to_torch().to(self.device).eval()
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
        patches = in_half(self.device, regress) if self.regressor.in_half else regress()
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

    In the bundled ARN models, that changes a pixel by a level of 255 at most; bfloat16, with
    three bits less, by two (`benchmarks/half.py`).
    """
    if device.type in HALF_ON:
        with torch.autocast(device.type, torch.float16):
            result = work().float()
        if bool(result.isfinite().all()):
            return result
    return work()
