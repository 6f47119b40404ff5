"""Time one 3 x 3 convolution by all that could do it, on one core.

    OMP_NUM_THREADS=1 python benchmarks/convolution.py [CHANNELS]

From and to so many channels (64), over 256 x 256 pixels, in turns, medians of seven; NumPy's
product is given the windows ready-made. (`pip install -e ".[dev,torch]"`)
"""

import argparse
import statistics
from collections.abc import Callable

import numpy as np
from speed import REPEATS, onnx_session, seconds

from sr_arn.kernels.convolution import Filters, convolve, padded

SIDE = 256


def convolutions(channels: int) -> dict[str, Callable[[], object]]:
    """Return 3 x 3 convolutions of so many channels by all that could do them, on one core."""
    import torch
    from torch.nn.functional import conv2d

    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    features = np.zeros((SIDE + 2, SIDE + 2, padded(channels)), np.float32)
    features[1:-1, 1:-1, :channels] = rng.normal(size=(SIDE, SIDE, channels))
    weight = rng.normal(size=(channels, channels, 3, 3)).astype(np.float32)
    filters, out = Filters.of(weight, np.zeros(channels, np.float32)), np.zeros_like(features)
    windows = rng.normal(size=(SIDE**2, 9 * channels)).astype(np.float32)
    columns = np.ascontiguousarray(weight.reshape(channels, -1).T)
    product = np.empty((SIDE**2, channels), np.float32)
    x, w = (
        torch.from_numpy(features[..., :channels].transpose(2, 0, 1)[None]),
        torch.from_numpy(weight),
    )
    images = x.contiguous(), x.contiguous(memory_format=torch.channels_last)
    layer = torch.nn.Conv2d(channels, channels, 3, bias=False)
    layer.weight.data = w
    run = onnx_session(layer, images[0], threads=1)
    return {
        "NumPy, product alone": lambda: np.matmul(windows, columns, out=product),
        "PyTorch": lambda: conv2d(images[0], w),
        "PyTorch, channels last": lambda: conv2d(images[1], w),
        "onnxruntime": run,
        "sr_arn": lambda: convolve(features, filters, out),
    }


def time_convolutions(channels: int) -> None:
    """Time them in turns and print a table."""
    work = convolutions(channels)
    times = {name: [seconds(run)] for name, run in work.items()}  # compiles
    for _ in range(REPEATS):
        for name, run in work.items():
            times[name].append(seconds(run))
    products = 2 * 9 * channels**2 * SIDE**2
    print("| | microseconds per pixel | GFLOP/s of the plain sum |\n|---|---|---|")
    for name, spent in times.items():
        median = statistics.median(spent[1:])
        print(f"| {name} | {1e6 * median / SIDE**2:.3f} | {products / median / 1e9:.0f} |")


def main() -> None:
    """Time them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("channels", nargs="?", type=int, default=64)
    time_convolutions(parser.parse_args().channels)


if __name__ == "__main__":
    main()
