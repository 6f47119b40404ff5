"""Images as torch tensors, channels first; torch is there where one comes."""

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["as_array", "as_tensor", "is_tensor"]

MOST_CHANNELS = 4


def is_tensor(image: object) -> bool:
    """Tell whether it is a torch tensor, without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(image, torch.Tensor)


def as_array(image: "Tensor") -> NDArray[Any]:
    """Return a tensor [h, w] or [c, h, w] as an array [h, w] or [h, w, c].

    Raises
    ------
    InputError
        If it has other axes.
    """
    try:
        array: NDArray[Any] = image.detach().cpu().numpy()
    except TypeError:  # of a dtype that NumPy has not
        raise InputError(f"image: expected uint8 or floats, received {image.dtype}") from None
    if array.ndim not in (2, 3) or (array.ndim == 3 and not 1 <= len(array) <= MOST_CHANNELS):
        shape = tuple(array.shape)
        raise InputError(f"image: expected a tensor [h, w] or [1 to 4, h, w], received {shape}")
    if array.ndim == 3:
        array = array[0] if len(array) == 1 else np.moveaxis(array, 0, -1)
    return np.ascontiguousarray(array)


def as_tensor(array: NDArray[Any], like: "Tensor") -> "Tensor":
    """Return an array [h, w] or [h, w, c] as a tensor with the axes of another, on its device."""
    import torch

    if like.ndim == 3:
        array = np.moveaxis(np.atleast_3d(array), -1, 0)
    return torch.from_numpy(np.ascontiguousarray(array)).to(like.device)
