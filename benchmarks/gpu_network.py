"""The network that `train_gpu.py` trains to restore: it is told how a picture was degraded."""

from collections.abc import Iterable
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from sr_arn.models.conv_network import INPUT_GAIN, OUTPUT_GAIN, SHARPNESS, ConvAnchoredNetwork
from sr_arn.models.restoration import RESTORING_AXES
from sr_arn.training import conv_arn


class Restoring(nn.Module):
    """A network whose channels have gains and shifts that depend on two strengths.

    See `sr_arn.models.restoration.folded`. At first all gains are 1 and all shifts 0.

    Parameters
    ----------
    network : ConvAnchoredNetwork
        Not equivariant. Its parameters are trained with those of the gains and shifts.
    """

    HIDDEN = 32

    def __init__(self, network: ConvAnchoredNetwork) -> None:
        super().__init__()
        self.network = network
        lengths = {
            "c": network.first.out_channels,
            "p": len(network.pairs),
            "z": 2,
            "m": len(network.last.anchors),
            "t": network.last.weight.shape[1],
            "k": self.HIDDEN,
        }
        self.hidden = nn.Linear(2, self.HIDDEN)
        with torch.no_grad():  # each bends somewhere between 0 and the strongest
            self.hidden.weight.uniform_(-3, 3)
            self.hidden.bias.copy_(-(self.hidden.weight * torch.rand(self.HIDDEN, 2)).sum(1))
        self.modifiers = nn.ParameterDict(
            {
                name: nn.Parameter(torch.zeros([lengths[axis] for axis in axes]))
                for name, axes in RESTORING_AXES.items()
                if not name.startswith("hidden")
            }
        )

    def forward(self, lr: Tensor, strengths: Tensor) -> Tensor:
        """Return the details [n, outputs, s h, s w].

        Parameters
        ----------
        lr : Tensor [n, inputs, h, w] in [0, 1]
        strengths : Tensor [n, 2]
            `sr_arn.models.restoration.Strengths.coordinates`.
        """
        network, last = self.network, self.network.last
        m = len(last.anchors)
        by = self._modifiers(strengths)
        # 1. the first layer
        h = F.pad(INPUT_GAIN * lr, (1, 1, 1, 1), mode="replicate")
        h = F.conv2d(h, network.first_weight(), network.first.bias)  # [n, c, h, w]
        h = F.relu(_modified(h, by["first_gain"], by["first_shift"]))
        h = h.contiguous(memory_format=torch.channels_last)
        # 2. pairs with shortcuts
        gains, shifts = (by[f"pair_{kind}"].flatten(1, 2).unbind(1) for kind in ("gain", "shift"))
        for number, (first, relu, second) in enumerate(
            cast(Iterable[nn.Sequential], network.pairs)
        ):
            one, two = 2 * number, 2 * number + 1
            inner = relu(_modified(first(h), gains[one], shifts[one]))
            h = h + _modified(second(inner), gains[two], shifts[two])
        # 3. anchored regression: m similarities, and s^2 pixels for each of m anchors
        h = _modified(h, by["last_gain"])
        filters = torch.cat([last.anchors, last.weight.flatten(0, 1)])  # [m + m s^2, c, 3, 3]
        both = F.conv2d(h, filters, padding=1).float()
        bias, similarity_bias = cast(Tensor, last.bias), cast(Tensor, last.similarity_bias)
        logits = SHARPNESS * both[:, :m] + (similarity_bias + by["anchor_shift"])[..., None, None]
        pixels = both[:, m:].reshape(len(lr), *bias.shape, *lr.shape[2:])
        pixels = pixels + (bias + by["last_shift"])[..., None, None]  # [n, m, outputs s^2, h, w]
        details = (logits.softmax(1).unsqueeze(2) * pixels).sum(1)  # [n, outputs s^2, h, w]
        return OUTPUT_GAIN * F.pixel_shuffle(details, network.scale)

    def _modifiers(self, strengths: Tensor) -> dict[str, Tensor]:
        """Return gains less 1, and shifts, each [n, ...], in float32."""
        with torch.autocast(strengths.device.type, enabled=False):
            hidden = F.relu(self.hidden(strengths))  # [n, k]
            return {
                name: (hidden @ weight.flatten(0, -2).T).unflatten(1, weight.shape[:-1])
                for name, weight in self.modifiers.items()
            }

    def folded(self) -> dict[str, NDArray[np.float32]]:
        """Return its arrays by the names of `sr_arn.models.conv.ConvModel.restoring_axes`."""
        own = {"hidden_weight": self.hidden.weight, "hidden_bias": self.hidden.bias}
        own |= dict(self.modifiers.items())
        own["last_shift"] = OUTPUT_GAIN * own["last_shift"]
        return conv_arn.plain_arrays(self.network.folded() | own)


def _modified(h: Tensor, gain: Tensor, shift: Tensor | None = None) -> Tensor:
    """Return (1 + gain) h + shift of features [n, c, h, w] and numbers [n, c], in h's dtype."""
    factor = gain[..., None, None].to(h.dtype)
    start = h if shift is None else h + shift[..., None, None].to(h.dtype)
    return torch.addcmul(start, h, factor)
