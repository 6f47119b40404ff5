"""The convolutional ARN: learned features of an image, then anchored regression of its details."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from sr_arn.checks import check_integer
from sr_arn.errors import InputError
from sr_arn.nn.conv import ConvAnchoredRegression2d
from sr_arn.nn.symmetry import channel_moves, pixel_moves, tie

__all__ = ["ConvAnchoredNetwork", "DoesNotTurn", "check_sizes"]

SHARPNESS = 3.0
FASTEST = torch.channels_last  # layout of the convolutions in pairs
INPUT_GAIN, OUTPUT_GAIN = 16.0, 0.1
"""Bring luminance, and what bicubic up-scaling lacks of it, to a size that layers start with."""


class DoesNotTurn(InputError):
    """A network that is not equivariant, where one is expected that is."""


class ConvAnchoredNetwork(nn.Module):
    """From LR luminance to what bicubic up-scaling lacks of the HR luminance; or of other planes.

    The differences of each pixel to its eight neighbours go through a 3 x 3 convolution, then
    through pairs of them with shortcuts, h + conv(ReLU(conv(h))), at LR resolution; a
    `ConvAnchoredRegression2d` gives the s^2 HR pixels of each LR pixel and plane. Brightness
    does not matter: x and x + constant have the same details. And the network turns with the
    picture: a turned or mirrored x has the turned or mirrored details (`sr_arn.nn.symmetry`).

    Parameters
    ----------
    scale : int
        s, HR pixels per LR pixel along each axis, at least 1.
    channels : int
        Of the features, at least 1. Eight at a time are one feature seen from all sides; those
        left over look the same from all sides.
    layers : int
        Convolutions in pairs with shortcuts: an even number, at least 2.
    anchors : int
        m, at least 1, likewise in eights; with one anchor the last layer is a convolution.
    equivariant : bool, default True
        Whether it turns with the picture. If not, 8 times as many numbers are learned, for
        less.
    inputs, outputs : int, default 1
        LR planes that are seen and HR planes that are given; 1 each if it is equivariant.

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

    def __init__(
        self,
        scale: int,
        channels: int,
        layers: int,
        anchors: int,
        equivariant: bool = True,
        inputs: int = 1,
        outputs: int = 1,
    ) -> None:
        super().__init__()
        self.scale = check_integer(scale, "scale", 1)
        check_sizes(channels, layers, anchors)
        self.reach = layers + 2
        self.first = nn.Conv2d(inputs, channels, 3)
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
            outputs * self.scale**2,
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
        if equivariant:
            self._tie()
        else:
            for convolution in self._convolutions():
                weight = convolution.weight
                weight.data = weight.data.contiguous(memory_format=FASTEST)

    def forward(self, x: Tensor) -> Tensor:
        """Return the details [n, outputs, s h, s w] of planes [n, inputs, h, w]."""
        h = F.pad(INPUT_GAIN * x, (1, 1, 1, 1), mode="replicate")
        h = F.relu(F.conv2d(h, self.first_weight(), self.first.bias))
        h = h.contiguous(memory_format=torch.channels_last)
        for pair in self.pairs:
            h = h + pair(h)
        return OUTPUT_GAIN * F.pixel_shuffle(self.last(h), self.scale)

    def first_weight(self) -> Tensor:
        """Return the first filters [channels, inputs, 3, 3], each less its mean."""
        weight = self.first.weight
        return weight - weight.mean(dim=(2, 3), keepdim=True)

    def folded(self) -> dict[str, Tensor]:
        """Return the parameters, multiplied by gains and sharpness: see `sr_arn.models.conv`."""
        convolutions, last = self._convolutions(), self.last
        first = INPUT_GAIN * self.first_weight()
        weights = torch.stack([c.weight for c in convolutions])
        biases = torch.stack([_get(c, "bias") for c in convolutions])
        return {
            "first_weight": first[:, 0] if first.shape[1] == 1 else first,
            "first_bias": _get(self.first, "bias"),
            "pair_weight": weights.reshape(-1, 2, *weights.shape[1:]),
            "pair_bias": biases.reshape(-1, 2, biases.shape[1]),
            "anchors": SHARPNESS * last.anchors,
            "anchor_bias": _get(last, "similarity_bias"),
            "last_weight": OUTPUT_GAIN * last.weight,
            "last_bias": OUTPUT_GAIN * _get(last, "bias"),
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
        DoesNotTurn
            If it does not turn with the picture, as this one does.
        """
        own, given = self.folded(), folded["pair_weight"]
        fits = folded["anchors"].shape == own["anchors"].shape  # channels, too
        if not fits or len(given) > len(own["pair_weight"]):
            anchors, channels = folded["anchors"].shape[:2]
            sizes = f"{channels} channels, {2 * len(given)} layers and {anchors} anchors"
            raise InputError(f"start: the model has {sizes}; expected the same, or fewer layers")
        first = folded["first_weight"].clone()
        first[..., 1, 1] -= first.sum(dim=(-2, -1))  # the pixel in the middle does not matter there
        _set(self.first, "weight", first.reshape(self.first.weight.shape) / INPUT_GAIN)
        _set(self.first, "bias", folded["first_bias"])
        convolutions = self._convolutions()
        parts = zip(given.flatten(0, 1), folded["pair_bias"].flatten(0, 1), strict=True)
        for convolution, (weight, bias) in zip(convolutions, parts, strict=False):
            _set(convolution, "weight", weight)
            _set(convolution, "bias", bias)
        for second in convolutions[2 * len(given) + 1 :: 2]:
            _set(second, "weight", torch.zeros_like(second.weight))
            _set(second, "bias", torch.zeros_like(_get(second, "bias")))
        _set(self.last, "anchors", folded["anchors"] / SHARPNESS)
        _set(self.last, "similarity_bias", folded["anchor_bias"])
        if folded["last_weight"].shape == own["last_weight"].shape:
            _set(self.last, "weight", folded["last_weight"] / OUTPUT_GAIN)
            _set(self.last, "bias", folded["last_bias"] / OUTPUT_GAIN)
        folded = {**folded, "first_weight": first}
        for name, tensor in self.folded().items():
            if tensor.shape[1:] == folded[name].shape[1:]:  # not a last layer for another scale
                taken, given = tensor[: len(folded[name])], folded[name]
                if not torch.allclose(taken, given, atol=1e-3 * float(given.abs().max())):
                    raise DoesNotTurn("start: the model does not turn with the picture")

    def _tie(self) -> None:
        """Let it turn with the picture."""
        channels, window = channel_moves(self.first.out_channels), pixel_moves(3)
        anchors, pixels = channel_moves(len(self.last.anchors)), pixel_moves(self.scale)
        tie(self.first, "weight", channels, window)
        tie(self.first, "bias", channels)
        for convolution in self._convolutions():
            tie(convolution, "weight", channels, channels, window, layout=FASTEST)
            tie(convolution, "bias", channels)
        tie(self.last, "anchors", anchors, channels, window)
        tie(self.last, "weight", anchors, pixels, channels, window)
        tie(self.last, "bias", anchors, pixels)
        tie(self.last, "similarity_bias", anchors)

    def _convolutions(self) -> list[nn.Conv2d]:
        """Return those in pairs, in order."""
        return [module for module in self.pairs.modules() if isinstance(module, nn.Conv2d)]


def check_sizes(channels: int, layers: int, anchors: int) -> None:
    """Raise `InputError` unless a network can have these sizes."""
    check_integer(channels, "channels", 1)
    check_integer(anchors, "anchors", 1)
    if check_integer(layers, "layers", 2) % 2:
        raise InputError(f"layers: expected an even number, received {layers}")


def _get(module: nn.Module, name: str) -> Tensor:
    """Return one of its parameters, which it has."""
    parameter = getattr(module, name)
    if not isinstance(parameter, Tensor):
        raise TypeError(f"{module} without {name}")
    return parameter


def _set(module: nn.Module, name: str, value: Tensor) -> None:
    """Set one of its parameters."""
    if parametrize.is_parametrized(module, name):
        setattr(module, name, value.detach())  # else it would become a parameter of its own
    else:
        _get(module, name).copy_(value)


def _same(channels: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 3, padding=1)
