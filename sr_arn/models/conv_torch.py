"""The convolutional ARN by torch, on a GPU for example, where `ConvModel` is not fast enough."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from sr_arn.models.conv_network import ConvAnchoredNetwork
from sr_arn.models.restoration import Strengths
from sr_arn.pictures.resize import imresize
from sr_arn.planes import NO_RIM, Rim
from sr_arn.system.devices import find_device

if TYPE_CHECKING:
    from sr_arn.models.conv import ConvModel

__all__ = ["TorchConvModel", "by_torch_alone"]

ONE_AT_A_TIME = threading.Lock()  # torch has threads of its own, and a GPU its memory

Array = NDArray[np.float32]


@contextmanager
def by_torch_alone() -> Iterator[None]:
    """Predict by torch, one thread after another; raise `MemoryError` if the GPU is full.

    Without TF32, which torch would take for convolutions on GPUs.
    """
    exact = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
    with ONE_AT_A_TIME, torch.inference_mode(), exact:
        try:
            yield
        except torch.cuda.OutOfMemoryError as error:  # by its name in torch 2.4, too
            raise MemoryError("the GPU's memory") from error


class TorchConvModel:
    """A luminance model that gives what a `ConvModel` gives, but for rounding.

    Unlike there, the last bits may depend on tiles, device and version of torch. Products are of
    float32: in float16, which has the bits of the TF32 that torch would take on GPUs, some pixels
    change by two levels of 255 (`benchmarks/half.py`).

    Parameters
    ----------
    model : ConvModel
    device : {"auto", "cpu", "cuda"}, default "auto"

    Raises
    ------
    InputError
        If the device is missing.
    """

    def __init__(self, model: "ConvModel", device: str = "auto") -> None:
        self.name, self.scale, self.reach = model.name, model.scale, model.reach
        self.plain, self.restores = model, model.restores
        self.chroma = model.chroma  # it is small: not worth the way to a GPU
        self.device = find_device(device)
        arrays = {name: torch.from_numpy(array) for name, array in model.arrays.items()}
        with torch.random.fork_rng(devices=[]):  # what it starts from is drawn in vain
            self.network = ConvAnchoredNetwork(model.scale, **model.sizes, equivariant=False)
        self.network.start_from(arrays)
        self.network.to(self.device).eval()
        side = 2 * self.reach + 1
        middle = Rim(self.reach, self.reach, self.reach, self.reach)
        self._flat = middle.cut(self._details(np.zeros((side, side), np.float32)), self.scale)

    def restored(self, strengths: Strengths) -> "TorchConvModel":
        """Return the model for pictures of these strengths."""
        return TorchConvModel(self.plain.restored(strengths), self.device.type)

    def __call__(self, lr: Array, rim: Rim = NO_RIM) -> Array:
        """Return the HR plane without the rim."""
        details = self._details(lr) - np.tile(self._flat, lr.shape)
        return rim.cut(imresize(lr, self.scale) + details, self.scale)

    def _details(self, lr: Array) -> Array:
        """Return [h * scale, w * scale] as the network gives them."""
        with by_torch_alone():
            x = torch.from_numpy(lr)[None, None].to(self.device)
            details: Array = self.network(x)[0, 0].cpu().numpy()
        return details
