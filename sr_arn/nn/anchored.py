"""The Anchored Regression Network layer: linear regressors, mixed by similarity to anchors.

References
----------
E. Agustsson, R. Timofte, L. Van Gool, "Anchored Regression Networks applied to Age
Estimation and Super Resolution", ICCV 2017, equations 4 to 6.
"""

import math
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from sr_arn.checks import check_integer
from sr_arn.errors import InputError, display

__all__ = ["AnchoredRegression", "Similarity", "check_similarity"]

Similarity = Literal["dot", "abs_dot", "neg_sqdist", "abs_cosine"]


def check_similarity(similarity: str, sharpness: float) -> None:
    """Raise `InputError` unless the similarity exists and the sharpness is finite and above 0."""
    if similarity not in get_args(Similarity):
        known = ", ".join(get_args(Similarity))
        raise InputError(f"similarity: expected one of {known}, received {display(similarity)}")
    if not 0 < sharpness < math.inf:
        raise InputError(f"sharpness: expected a finite number above 0, received {sharpness}")


class AnchoredRegression(nn.Module):
    """A soft assignment to anchors, each with a linear regressor (Agustsson et al. 2017).

    With similarities s_i(x) to the anchors c_i and sharpness K (eq. 4 to 6)::

        alpha(x) = softmax_i(K s_i(x) + o_i)
        f(x) = sum_i alpha_i(x) (W_i x + b_i)

    As K grows, f approaches the regressor of the most similar anchor.

    Parameters
    ----------
    in_features, out_features : int
        d and d', at least 1.
    anchors : int
        m, at least 1.
    similarity : {"dot", "abs_dot", "neg_sqdist", "abs_cosine"}, default "dot"
        s_i(x) = c_i^T x, abs(c_i^T x), -||x - c_i||^2 or abs(c_i^T x) / ||x||, which is 0 at 0.
    sharpness : float, default 1.0
        K, above 0. Not learned.
    bias : bool, default True
        Whether the regressors have biases b_i.
    similarity_bias : bool, default False
        Whether there are offsets o_i, as if a 1 were appended to x in the similarity.
    rank : int, optional
        r: the anchors share r regressors, W_i = sum_j U_ij V_j and likewise the b_i, so
        that sum_i alpha_i W_i = sum_j (U^T alpha)_j V_j costs r, not m, regressors. By
        default each anchor has its own.
    components : int, optional
        q: the regressors give q numbers, which one matrix B maps to d'. For example, neighbouring
        pixels of a patch are alike, so fewer directions than pixels are enough.

    Attributes
    ----------
    anchors : Parameter [m, d]
        Initialised as normal with standard deviation d^-1/2: similarities are near 1 for x
        near unit variance. For "neg_sqdist", the standard deviation is 1, that of such x.
    weight : Parameter [m, d', d], or [r, d', d] with a rank; q replaces d' with components
        Initialised as Glorot-uniform, different for each anchor: equal regressors would give
        the anchors no gradient.
    bias : Parameter [m, d'], or [r, d'], or None; likewise
        Initialised as 0.
    similarity_bias : Parameter [m] or None
        Initialised as 0.
    mixing : Parameter [m, r] or None
        U, with a rank only. Initialised as normal with standard deviation 1.
    basis : Parameter [q, d'] or None
        B, with components only. Initialised as orthogonal.

    Raises
    ------
    InputError
        If a parameter is out of range.

    Examples
    --------
    >>> import torch
    >>> layer = AnchoredRegression(3, 2, anchors=4)
    >>> layer(torch.zeros(5, 3)).shape
    torch.Size([5, 2])
    >>> layer.assignments(torch.zeros(3))
    tensor([0.2500, 0.2500, 0.2500, 0.2500], grad_fn=<SoftmaxBackward0>)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        anchors: int,
        similarity: Similarity = "dot",
        sharpness: float = 1.0,
        bias: bool = True,
        similarity_bias: bool = False,
        rank: int | None = None,
        components: int | None = None,
    ) -> None:
        super().__init__()
        self.in_features = check_integer(in_features, "in_features", 1)
        self.out_features = check_integer(out_features, "out_features", 1)
        m = check_integer(anchors, "anchors", 1)
        check_similarity(similarity, sharpness)
        self.similarity = similarity
        self.sharpness = float(sharpness)
        self.anchors = nn.Parameter(torch.empty(m, in_features))
        regressors = m if rank is None else check_integer(rank, "rank", 1)
        q = out_features if components is None else check_integer(components, "components", 1)
        self.weight = nn.Parameter(torch.empty(regressors, q, in_features))
        self.bias = nn.Parameter(torch.empty(regressors, q)) if bias else None
        self.mixing = None if rank is None else nn.Parameter(torch.empty(m, regressors))
        self.basis = None if components is None else nn.Parameter(torch.empty(q, out_features))
        self.similarity_bias = nn.Parameter(torch.empty(m)) if similarity_bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise anchors and regressors by torch's global generator."""
        spread = 1.0 if self.similarity == "neg_sqdist" else self.in_features**-0.5
        nn.init.normal_(self.anchors, std=spread)
        limit = math.sqrt(6 / (self.in_features + self.weight.shape[1]))
        nn.init.uniform_(self.weight, -limit, limit)
        if self.mixing is not None:
            nn.init.normal_(self.mixing)
        if self.basis is not None:
            nn.init.orthogonal_(self.basis)
        for parameter in (self.bias, self.similarity_bias):
            if parameter is not None:
                nn.init.zeros_(parameter)

    def assignments(self, x: Tensor) -> Tensor:
        """Return alpha(x) [..., m] for x [..., d]: at least 0, and 1 in sum over the anchors."""
        if self.similarity == "abs_cosine":
            x = nn.functional.normalize(x, dim=-1)
        logits = x @ self.anchors.T
        if self.similarity in ("abs_dot", "abs_cosine"):
            logits = logits.abs()
        elif self.similarity == "neg_sqdist":  # softmax cancels -||x||^2, equal for all
            logits = 2 * logits - self.anchors.square().sum(dim=1)
        logits = self.sharpness * logits
        if self.similarity_bias is not None:
            logits = logits + self.similarity_bias
        return logits.softmax(dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        """Return f(x) [..., d'] for x [..., d].

        This is one matrix product, and needs memory for n m min(d, d') more numbers; r replaces m
        with a rank, and q replaces d' with components.
        """
        alpha = self.assignments(x)
        if self.mixing is not None:
            alpha = alpha @ self.mixing
        _, outputs, in_features = self.weight.shape
        if outputs < in_features:  # all regressors, then the mixture
            each = x @ self.weight.reshape(-1, in_features).T
            each = each.reshape(*alpha.shape, outputs)
            mixed = (alpha.unsqueeze(-1) * each).sum(dim=-2)
        else:  # alpha kron x, then all regressors at once
            lifted = (alpha.unsqueeze(-1) * x.to(alpha.dtype).unsqueeze(-2)).flatten(-2)
            mixed = lifted @ self.weight.transpose(1, 2).reshape(-1, outputs)
        if self.bias is not None:
            mixed = mixed + alpha @ self.bias
        return mixed if self.basis is None else mixed @ self.basis

    def extra_repr(self) -> str:
        """Show sizes and similarity."""
        rank = "" if self.mixing is None else f", rank={len(self.weight)}"
        components = "" if self.basis is None else f", components={len(self.basis)}"
        return (
            f"{self.in_features}, {self.out_features}, anchors={len(self.anchors)}, "
            f"similarity={self.similarity!r}, sharpness={self.sharpness}{rank}{components}"
        )
