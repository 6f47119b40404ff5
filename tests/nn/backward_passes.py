"""Every network of ours, of each width from 1 to 16: oneDNN's gradients beside those without it.

`python backward_passes.py` prints each network and width before it runs, and fails at one whose
gradients are wrong. What hangs or crashes is the one printed last.
"""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor, nn

from sr_arn.age.backbones import VGG16, Borrowed, CompactResidual, SSRNet
from sr_arn.models.conv_network import ConvAnchoredNetwork
from sr_arn.nn import AnchoredRegression, ConvAnchoredRegression2d, DeepAnchoredRegression

WIDTHS = range(1, 17)
DIFFERENCE = 1e-3  # of the gradients' norm


def networks() -> Iterator[tuple[str, Callable[[], nn.Module], Tensor]]:
    """Yield names with widths, what makes each network, and its inputs."""
    faces, plane = torch.rand(4, 3, 32, 32), torch.rand(2, 1, 12, 13)
    for width in WIDTHS:
        rows, maps = torch.rand(20, width), torch.rand(2, width, 9, 8)
        flat = maps.contiguous(memory_format=torch.channels_last)
        yield f"CompactResidual, width {width}", partial(CompactResidual, width, 1), faces
        yield f"Borrowed, width {width}", partial(_borrowed, width), faces
        for turns in (True, False):
            network = partial(ConvAnchoredNetwork, 2, width, 2, width, equivariant=turns)
            yield f"ConvAnchoredNetwork, width {width}, {turns}", network, plane
        for size in (1, 3):
            layer = partial(ConvAnchoredRegression2d, width, width, size, width)
            yield f"ConvAnchoredRegression2d {size} x {size}, width {width}", layer, maps
            yield f"the same, channels last, width {width}", layer, flat
        yield f"AnchoredRegression, width {width}", partial(AnchoredRegression, *[width] * 3), rows
        deep = partial(DeepAnchoredRegression, width, width, width, 3)
        yield f"DeepAnchoredRegression, width {width}", deep, rows
    yield "SSRNet", _ssrnet, torch.rand(4, 3, 64, 64)
    yield "VGG16, width 16", partial(VGG16, 16), torch.rand(1, 3, 224, 224)


def _borrowed(width: int) -> nn.Module:
    kinds = nn.Conv2d(3, width, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()
    return Borrowed(nn.Sequential(*kinds, nn.Linear(4 * width, width), nn.Linear(width, 2)))


def _ssrnet() -> nn.Module:
    network = SSRNet(activation="softmax")
    network.forward = network.predict  # type: ignore[method-assign]
    return network


def gradients(network: nn.Module, inputs: Tensor) -> Tensor:
    """Return those of inputs and parameters as a vector."""
    inputs = inputs.detach().clone().requires_grad_()
    torch.manual_seed(1)  # of dropout
    outputs = network(inputs)
    outputs.square().sum().backward()
    found = [inputs, *(p for p in network.parameters() if p.grad is not None)]
    vector = torch.cat([p.grad.reshape(-1) for p in found])
    network.zero_grad()
    return vector


def main() -> None:
    """Run all of them."""
    torch.set_num_threads(1)  # two wait for each other where the machine has other work
    torch.manual_seed(0)
    for name, make, inputs in networks():
        print(name, flush=True)
        network = make()
        found = gradients(network, inputs)
        with torch.backends.mkldnn.flags(enabled=False):
            expected = gradients(network, inputs)
        difference = float((found - expected).norm() / expected.norm())
        assert difference < DIFFERENCE, f"{name}: wrong gradients, {difference}"
    print("done")


if __name__ == "__main__":
    main()
