"""From a trained classifier to an ARN, and how fast each part of a model learns.

References
----------
E. Agustsson, R. Timofte, L. Van Gool, "Anchored Regression Networks applied to age estimation and
super resolution", ICCV 2017, section 4.1.
"""

from typing import Any

import torch
from torch import Tensor, nn

from sr_arn.age.heads.base import OLDEST
from sr_arn.errors import InputError, display
from sr_arn.nn import AnchoredRegression

__all__ = ["arn_from_dex", "parameter_groups"]

KINDS_WITHOUT_DECAY = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)


@torch.no_grad()
def arn_from_dex(classifier: nn.Linear, values: Tensor | None = None) -> AnchoredRegression:
    """Return an anchored regression that equals the expectation of a classifier, to begin with.

    Anchors are the classifier's rows, similarity biases its biases, regressors 0 and their biases
    the classes' values. Without the similarity biases, which the paper's formula does not
    write, it would be years off.

    Parameters
    ----------
    classifier : nn.Linear
        From features [n, d] to logits [n, c].
    values : Tensor [c], optional
        What the classes stand for; by default ages 0 to 100.

    Raises
    ------
    InputError
        If the classifier has not as many classes as there are values.
    """
    classes, features = classifier.weight.shape
    values = torch.arange(OLDEST + 1.0) if values is None else values
    if values.shape != (classes,):
        raise InputError(
            f"classifier: expected {len(values)} classes, received {classes}; give their values"
        )
    layer = AnchoredRegression(features, 1, classes, "dot", similarity_bias=True)
    layer.to(classifier.weight)
    layer.anchors.copy_(classifier.weight)
    bias: Tensor | None = classifier.bias
    torch.as_tensor(layer.similarity_bias).copy_(torch.zeros(classes) if bias is None else bias)
    layer.weight.zero_()
    torch.as_tensor(layer.bias).copy_(values[:, None])
    return layer


def parameter_groups(
    backbone: nn.Module,
    head: nn.Module,
    lr: float,
    *,
    head_multiplier: float = 10.0,
    weight_decay: float = 5e-4,
) -> list[dict[str, Any]]:
    """Return the groups of parameters that a torch optimiser takes.

    The head learns `head_multiplier` times as fast as the backbone (Agustsson et al. 2017). Biases,
    an ARN's biases and similarity biases among them, and the numbers of norms do not decay: ages
    would be drawn to 0.

    Parameters
    ----------
    backbone, head : Module
    lr : float
        Of the backbone.
    head_multiplier : float, default 10.0
    weight_decay : float, default 5e-4

    Raises
    ------
    InputError
        If a number is out of range.
    """
    for name, value in {"lr": lr, "head_multiplier": head_multiplier}.items():
        if not value > 0:
            raise InputError(f"{name}: expected a number above 0, received {display(value)}")
    if not weight_decay >= 0:
        raise InputError(f"weight_decay: expected 0 or more, received {display(weight_decay)}")
    groups = []
    for module, rate in ((backbone, lr), (head, lr * head_multiplier)):
        still = {
            id(parameter)
            for part in module.modules()
            for name, parameter in part.named_parameters(recurse=False)
            if name.endswith("bias") or isinstance(part, KINDS_WITHOUT_DECAY)
        }
        parameters = [p for p in module.parameters() if p.requires_grad]
        for kept, decay in ((False, weight_decay), (True, 0.0)):
            own = [p for p in parameters if (id(p) in still) == kept]
            if own:
                groups.append({"params": own, "lr": rate, "weight_decay": decay})
    return groups
