"""Other networks as backbones: those of torchvision, or any that ends in a classifier."""

import torch
from torch import Tensor, nn

from sr_arn.errors import InputError, UnavailableError, display

__all__ = ["Borrowed"]

MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's levels, as torchvision


class Borrowed(nn.Module):
    """A network of torchvision, or of the user's, without its classifier.

    Parameters
    ----------
    network : str or Module, default "mobilenet_v3_small"
        torchvision's name of a network, which is untrained; or a module whose last linear layer
        is its classifier, which is removed.

    Raises
    ------
    InputError
        If torchvision has no such network, or there is no linear layer.
    UnavailableError
        If torchvision is missing.

    Examples
    --------
    >>> import torch
    >>> own = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 5), torch.nn.Linear(5, 2))
    >>> backbone = Borrowed(own)
    >>> backbone.features, backbone(torch.zeros(3, 3, 2, 2)).shape
    (5, torch.Size([3, 5]))
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, network: str | nn.Module = "mobilenet_v3_small") -> None:
        super().__init__()
        self.network = _of_torchvision(network) if isinstance(network, str) else network
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.register_buffer("spread", torch.tensor(SPREAD)[:, None, None])
        linear = [(n, m) for n, m in self.network.named_modules() if isinstance(m, nn.Linear) and n]
        if not linear:
            raise InputError("network: expected one whose last layer is linear")
        place, classifier = linear[-1]
        owner, _, name = place.rpartition(".")
        self.features = classifier.in_features
        setattr(self.network.get_submodule(owner), name, nn.Identity())

    def forward(self, images: Tensor) -> Tensor:
        """Return the features [n, f] of images [n, 3, h, w], red, green, blue, 0 to 1."""
        features: Tensor = self.network((images - self.mean) / self.spread)
        return features


def _of_torchvision(name: str) -> nn.Module:
    try:
        from torchvision import models
    except (ImportError, RuntimeError) as error:  # or for another version of torch
        raise UnavailableError(
            f"network: {display(name)} is torchvision's, which is missing or does not fit this "
            f"torch: {display(error)}"
        ) from error
    if name not in models.list_models(module=models):  # classifiers; others may download
        raise InputError(f"network: torchvision has no {display(name)} that classifies pictures")
    network: nn.Module = models.get_model(name, weights=None)
    return network
