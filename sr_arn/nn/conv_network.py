"""The convolutional ARN: learned features of an image, then anchored regression of its details."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sr_arn.checks import InputError, check_integer
from sr_arn.nn.conv import ConvAnchoredRegression2d

__all__ = ["ConvAnchoredNetwork", "check_sizes"]

SHARPNESS = 3.0
INPUT_GAIN, OUTPUT_GAIN = 16.0, 0.1
"""Bring luminance, and what bicubic up-scaling lacks of it, to a size that layers start with."""


class ConvAnchoredNetwork(nn.Module):
    """From LR luminance to what bicubic up-scaling lacks of the HR luminance.

    The differences of each pixel to its eight neighbours go through a 3 x 3 convolution, then
    through pairs of them with shortcuts, h + conv(ReLU(conv(h))), at LR resolution; a
    `ConvAnchoredRegression2d` gives the s^2 HR pixels of each LR pixel. Brightness does not
    matter: x and x + constant have the same details.

    Parameters
    ----------
    scale : int
        s, HR pixels per LR pixel along each axis, at least 1.
    channels : int
        Of the features, at least 1.
    layers : int
        Convolutions in pairs with shortcuts: an even number, at least 2.
    anchors : int
        m, at least 1; with one anchor the last layer is a convolution.

    Attributes
    ----------
    reach : int
        How far away, in LR pixels along either axis, a pixel still matters.

    Examples
    --------
    >>> import torch
    >>> network = ConvAnchoredNetwork(scale=3, channels=8, layers=2, anchors=4)
    >>> network(torch.zeros(2, 1, 20, 30)).shape
    torch.Size([2, 1, 60, 90])
    """

    def __init__(self, scale: int, channels: int, layers: int, anchors: int) -> None:
        super().__init__()
        self.scale = check_integer(scale, "scale", 1)
        check_sizes(channels, layers, anchors)
        self.reach = layers + 2
        self.first = nn.Conv2d(1, channels, 3)
        self.pairs = nn.ModuleList(
            nn.Sequential(_same(channels), nn.ReLU(), _same(channels)) for _ in range(layers // 2)
        )
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            else:
                nn.init.kaiming_normal_(parameter)
        self.last = ConvAnchoredRegression2d(
            channels,
            self.scale**2,
            3,
            anchors,
            sharpness=SHARPNESS,
            similarity_bias=True,
            padding=1,
        )
        with torch.no_grad():  # so that nothing much is added to bicubic up-scaling at first
            for second in self._convolutions()[1::2]:
                second.weight.mul_(0.3)
            self.last.anchors.mul_(0.1)
            self.last.weight.mul_(0.1)
        for convolution in self._convolutions():  # laid out as convolutions are fastest
            weight = convolution.weight
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        """Return the details [n, 1, s h, s w] of luminance [n, 1, h, w]."""
        h = F.pad(INPUT_GAIN * x, (1, 1, 1, 1), mode="replicate")
        h = F.relu(F.conv2d(h, self.first_weight(), self.first.bias))
        h = h.contiguous(memory_format=torch.channels_last)
        for pair in self.pairs:
            h = h + pair(h)
        return OUTPUT_GAIN * F.pixel_shuffle(self.last(h), self.scale)

    def first_weight(self) -> Tensor:
        """Return the first filters [channels, 1, 3, 3], each less its mean."""
        weight = self.first.weight
        return weight - weight.mean(dim=(2, 3), keepdim=True)

    def folded(self) -> dict[str, Tensor]:
        """Return the parameters, multiplied by gains and sharpness: see `sr_arn.conv_model`."""
        last = dict(self.last.named_parameters())
        weights = torch.stack([c.weight for c in self._convolutions()])
        biases = torch.stack([_bias(c) for c in self._convolutions()])
        return {
            "first_weight": INPUT_GAIN * self.first_weight()[:, 0],
            "first_bias": _bias(self.first),
            "pair_weight": weights.reshape(-1, 2, *weights.shape[1:]),
            "pair_bias": biases.reshape(-1, 2, biases.shape[1]),
            "anchors": SHARPNESS * last["anchors"],
            "anchor_bias": last["similarity_bias"],
            "last_weight": OUTPUT_GAIN * last["weight"],
            "last_bias": OUTPUT_GAIN * last["bias"],
        }

    @torch.no_grad()
    def start_from(self, folded: Mapping[str, Tensor]) -> None:
        """Begin with what another network has learned, as its `folded` returned it.

        Layers that this one has beyond the other's add nothing at first; a last layer for
        another scale begins anew, but for its anchors.

        Raises
        ------
        InputError
            If the other network has other channels or anchors, or more layers.
        """
        own, given = self.folded(), folded["pair_weight"]
        fits = folded["anchors"].shape == own["anchors"].shape  # channels, too
        if not fits or len(given) > len(own["pair_weight"]):
            anchors, channels = folded["anchors"].shape[:2]
            sizes = f"{channels} channels, {2 * len(given)} layers and {anchors} anchors"
            raise InputError(f"start: the model has {sizes}; expected the same, or fewer layers")
        first = folded["first_weight"].clone()
        first[:, 1, 1] -= first.sum(dim=(1, 2))  # the pixel in the middle does not matter there
        self.first.weight.copy_(first[:, None] / INPUT_GAIN)
        convolutions = self._convolutions()
        parts = zip(given.flatten(0, 1), folded["pair_bias"].flatten(0, 1), strict=True)
        for convolution, (weight, bias) in zip(convolutions, parts, strict=False):
            convolution.weight.copy_(weight)
            _bias(convolution).copy_(bias)
        for second in convolutions[2 * len(given) + 1 :: 2]:
            second.weight.zero_()
            _bias(second).zero_()
        _bias(self.first).copy_(folded["first_bias"])
        last = dict(self.last.named_parameters())
        last["anchors"].copy_(folded["anchors"] / SHARPNESS)
        last["similarity_bias"].copy_(folded["anchor_bias"])
        if folded["last_weight"].shape == own["last_weight"].shape:
            last["weight"].copy_(folded["last_weight"] / OUTPUT_GAIN)
            last["bias"].copy_(folded["last_bias"] / OUTPUT_GAIN)

    def _convolutions(self) -> list[nn.Conv2d]:
        """Return those in pairs, in order."""
        return [module for module in self.pairs.modules() if isinstance(module, nn.Conv2d)]


def check_sizes(channels: int, layers: int, anchors: int) -> None:
    """Raise `InputError` unless a network can have these sizes."""
    check_integer(channels, "channels", 1)
    check_integer(anchors, "anchors", 1)
    if check_integer(layers, "layers", 2) % 2:
        raise InputError(f"layers: expected an even number, received {layers}")


def _bias(convolution: nn.Conv2d) -> Tensor:
    """Return its bias: all have one."""
    if convolution.bias is None:
        raise TypeError("a convolution without bias")
    return convolution.bias


def _same(channels: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 3, padding=1)
