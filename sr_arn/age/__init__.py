"""Age and other regression targets: heads, losses and backbones around the one ARN layer.

Needs torch. The wing shares `sr_arn.nn` with super-resolution and nothing else.
"""

from collections.abc import Callable
from typing import Any

try:
    from torch import Tensor
except ModuleNotFoundError as error:
    message = 'sr_arn.age needs PyTorch: pip install "sr-arn[torch]"'
    raise ModuleNotFoundError(message, name="torch") from error

from sr_arn.age.heads.energy import EnergyDensity, ascend, climb
from sr_arn.age.model import AgeModel
from sr_arn.age.transfer import arn_from_dex, parameter_groups
from sr_arn.errors import InputError

__all__ = ["AgeModel", "arn_from_dex", "ascend", "climb", "parameter_groups", "refine"]


def refine(
    head: EnergyDensity,
    features: Tensor,
    initial: Tensor,
    *,
    algorithm: Callable[..., Tensor] = climb,
    **options: Any,
) -> Tensor:
    """Return another head's estimates [n, targets], made better by climbing an energy.

    Parameters
    ----------
    head : EnergyDensity
    features : Tensor [n, features]
        That `head` was trained on.
    initial : Tensor [n, targets]
    algorithm : {climb, ascend}, default climb
        DCTD's algorithm S1 or 1; `options` are its own.

    Raises
    ------
    InputError
        If the head is no energy, or estimates and features do not fit together.

    Examples
    --------
    >>> import torch
    >>> head = EnergyDensity(8, hidden=(16,))
    >>> refine(head, torch.zeros(3, 8), torch.full((3, 1), 30.0), step=1.0).shape
    torch.Size([3, 1])
    """
    if not isinstance(head, EnergyDensity):
        raise InputError(f"head: expected an EnergyDensity, received {type(head).__name__}")
    wanted = (len(features), head.targets)
    if initial.shape != wanted:
        raise InputError(f"initial: expected {list(wanted)}, received {list(initial.shape)}")
    return algorithm(lambda y: head.energy(features, y[:, None])[:, 0], initial, **options)
