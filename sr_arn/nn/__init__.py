"""Anchored regression as PyTorch modules, for any network. Needs the extra `torch`."""

try:
    import torch  # noqa: F401 - only to report in one line that it is missing
except ModuleNotFoundError as error:
    message = 'sr_arn.nn needs PyTorch: pip install "sr-arn[torch]"'
    raise ModuleNotFoundError(message, name="torch") from error

from sr_arn.nn.anchored import AnchoredRegression
from sr_arn.nn.conv import ConvAnchoredRegression2d
from sr_arn.nn.deep import DeepAnchoredRegression

__all__ = ["AnchoredRegression", "ConvAnchoredRegression2d", "DeepAnchoredRegression"]
