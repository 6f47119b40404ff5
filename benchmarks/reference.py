"""A+ as the paper tells it, in plain NumPy: to be read, and to be compared with.

The engine fuses, blocks and compiles; this does one thing after another on whole arrays.
`benchmarks/speed.py` times both, `tests/whole/test_reference.py` holds them together.
"""

import numpy as np
from numpy.typing import NDArray

from sr_arn.models.patch import PatchModel
from sr_arn.pictures.resize import imresize

__all__ = ["upscale"]

Array = NDArray[np.float32]


def upscale(lr: Array, model: PatchModel) -> Array:
    """Return the HR luminance of LR luminance, by A+; the outermost LR pixel stays bicubic."""
    scale, size = model.scale, 3 * model.scale
    anchors, maps = (model.regressor.arrays()[name] for name in ("anchors", "projections"))
    # 1. bicubic up-scaling
    hr = imresize(lr, scale)
    # 2. features of every 3 x 3 window: gradients and PCA in one matrix for its 9 x 9 surroundings
    surroundings = np.lib.stride_tricks.sliding_window_view(np.pad(lr, 2, mode="edge"), (9, 9))
    rows, columns = surroundings.shape[:2]
    x = surroundings.reshape(rows * columns, 81) @ model.features.projection_.T
    # 3. the anchor that is nearest, but for sign
    nearest = np.abs(x @ anchors.T).argmax(axis=1)
    # 4. its linear map: all windows of an anchor in one product
    order = np.argsort(nearest, kind="stable")
    ends = np.searchsorted(nearest[order], np.arange(1, len(anchors)))
    patches = np.empty((rows * columns, size * size), np.float32)
    for anchor, own in enumerate(np.split(order, ends)):
        patches[own] = x[own] @ maps[anchor].astype(np.float32)
    # 5. the mean over the patches that cover a pixel
    total, count = np.zeros((2, rows + 2, scale, columns + 2, scale), np.float32)
    parts = patches.reshape(rows, columns, 3, scale, 3, scale)
    for i in range(3):
        for j in range(3):
            total[i : i + rows, :, j : j + columns] += parts[:, :, i, :, j].transpose(0, 2, 1, 3)
            count[i : i + rows, :, j : j + columns] += 1
    hr[scale:-scale, scale:-scale] += (total / count).reshape(scale * (rows + 2), -1)
    return hr
