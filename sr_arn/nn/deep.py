"""A stack of anchored regression layers with shortcuts.

References
----------
E. Agustsson, R. Timofte, L. Van Gool, "Anchored Regression Networks applied to Age
Estimation and Super Resolution", ICCV 2017: Deep ARN.
"""

from torch import Tensor, nn

from sr_arn.checks import check_integer
from sr_arn.nn.anchored import AnchoredRegression, Similarity

__all__ = ["DeepAnchoredRegression"]


class DeepAnchoredRegression(nn.Module):
    """L - 1 residual layers x + ARN(x) from R^d to R^d, then one ARN from R^d to R^d'.

    Parameters
    ----------
    in_features, out_features : int
        d and d', at least 1.
    anchors : int
        m of every layer, at least 1.
    layers : int
        L, at least 1; with one layer it is `AnchoredRegression`.
    similarity : {"dot", "abs_dot", "neg_sqdist", "abs_cosine"}, default "abs_dot"
    sharpness : float, default 1.0
        Above 0.

    Attributes
    ----------
    hidden : ModuleList of AnchoredRegression
        The L - 1 residual layers.
    last : AnchoredRegression

    Examples
    --------
    >>> import torch
    >>> DeepAnchoredRegression(30, 81, anchors=16, layers=7)(torch.zeros(5, 30)).shape
    torch.Size([5, 81])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        anchors: int,
        layers: int,
        similarity: Similarity = "abs_dot",
        sharpness: float = 1.0,
    ) -> None:
        super().__init__()
        check_integer(layers, "layers", 1)
        self.hidden = nn.ModuleList(
            AnchoredRegression(in_features, in_features, anchors, similarity, sharpness)
            for _ in range(layers - 1)
        )
        self.last = AnchoredRegression(in_features, out_features, anchors, similarity, sharpness)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs [..., d'] for x [..., d]."""
        for layer in self.hidden:
            x = x + layer(x)
        output: Tensor = self.last(x)
        return output
