"""A residual network for small faces."""

import torch
from torch import Tensor, nn

from sr_arn.checks import check_integer
from sr_arn.errors import InputError, display

__all__ = ["CompactResidual"]

SMALLEST = 16  # pixels a side: the stages halve it four times


class CompactResidual(nn.Module):
    """A small residual network: features [n, 8 width] of faces [n, 3, 64, 64].

    A convolution of stride 2, then four stages of residual blocks (He et al. 2016), each after the
    first with half the size and twice the width; then the mean over all positions.

    Parameters
    ----------
    width : int, default 32
        Channels of the first stage.
    blocks : int, default 2
        Blocks of each stage.
    """

    def __init__(self, width: int = 32, blocks: int = 2) -> None:
        super().__init__()
        check_integer(width, "width", 1)
        check_integer(blocks, "blocks", 1)
        parts: list[nn.Module] = [_normed(3, width, stride=2), nn.ReLU()]
        inputs = width
        for number in range(4):
            outputs = width << number
            parts.append(_Residual(inputs, outputs, 2 if number else 1))
            parts += [_Residual(outputs, outputs) for _ in range(blocks - 1)]
            inputs = outputs
        self.features = inputs
        self.blocks = nn.Sequential(*parts)

    def forward(self, images: Tensor) -> Tensor:
        """Return the features [n, 8 width] of images [n, 3, h, w], 16 pixels a side or more."""
        if images.ndim != 4 or images.shape[1] != 3 or min(images.shape[2:]) < SMALLEST:
            raise InputError(
                f"faces: expected [n, 3, h, w] of {SMALLEST} pixels a side or more, "
                f"received {display(list(images.shape))}"
            )
        images = images.contiguous(memory_format=torch.channels_last)  # faster on CPUs
        features: Tensor = self.blocks(images).mean(dim=(2, 3))
        return features


class _Residual(nn.Module):
    """Two convolutions beside a shortcut; initially the shortcut alone.

    The shortcut drops pixels before it multiplies. A 1 x 1 convolution of stride 2 is the same, but
    torch's kernel for AVX2 hangs, crashes or returns wrong gradients on 2 to 7 channels of
    `channels_last` images.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.first, self.second = _normed(inputs, outputs, 3, stride), _normed(outputs, outputs)
        nn.init.zeros_(torch.as_tensor(self.second[1].weight))
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else _normed(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return maps [n, outputs, h / stride, w / stride] of maps [n, inputs, h, w]."""
        inner: Tensor = self.second(self.first(x).relu())
        kept = x[:, :, :: self.stride, :: self.stride]
        return (inner + self.shortcut(kept)).relu()


def _normed(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs))
