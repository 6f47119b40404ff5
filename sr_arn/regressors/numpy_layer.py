"""An anchored regression layer as plain arrays: prediction without torch.

References
----------
E. Agustsson, R. Timofte, L. Van Gool, "Anchored Regression Networks applied to Age
Estimation and Super Resolution", ICCV 2017, equations 4 to 6.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SIMILARITIES", "NumpyAnchoredRegression", "assignments"]

SIMILARITIES = ("dot", "abs_dot", "neg_sqdist", "abs_cosine")
ABSOLUTE = ("abs_dot", "abs_cosine")

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class NumpyAnchoredRegression:
    """f(x) = sum_i alpha_i(x) (W_i x + b_i), alpha(x) = softmax_i(K s_i(x)).

    The same function as `sr_arn.nn.AnchoredRegression`, without its similarity bias.

    Attributes
    ----------
    anchors : ndarray [m, d]
        c_i.
    weight : ndarray [m, t, d], or [r, t, d] with `mixing`
        W_i.
    bias : ndarray [m, t], or [r, t]
        b_i.
    mixing : ndarray [m, r], optional
        The anchors share r regressors: W_i = sum_j mixing_ij weight_j, likewise b_i.
    basis : ndarray [q, t], optional
        The regressors give q numbers, the coefficients of f(x) along the rows of this matrix:
        weight is [m, q, d] and bias [m, q], or with r for m.
    similarity : str, default "abs_cosine"
        One of `SIMILARITIES`: c_i^T x, abs(c_i^T x), -||x - c_i||^2 or abs(c_i^T x) / ||x||.
    sharpness : float, default 1.0
        K.
    """

    anchors: FloatArray
    weight: FloatArray
    bias: FloatArray
    mixing: FloatArray | None = None
    basis: FloatArray | None = None
    similarity: str = "abs_cosine"
    sharpness: float = 1.0

    def __call__(self, x: FloatArray) -> FloatArray:
        """Return f(x) [n, t] for x [n, d], float32 or float64, in the dtype of x.

        A row's result depends on that row alone, to the last bit.
        """
        from sr_arn.kernels.rows import soft_rows

        anchors, offsets = _logit_columns(self.anchors, self.similarity, self.sharpness)
        maps = np.concatenate([self.weight, self.bias[:, :, None]], axis=2).transpose(0, 2, 1)
        return soft_rows(
            x,
            anchors.astype(x.dtype),
            offsets.astype(x.dtype),
            maps.astype(x.dtype),
            None if self.mixing is None else self.mixing.astype(x.dtype),
            None if self.basis is None else self.basis.astype(x.dtype),
            absolute=self.similarity in ABSOLUTE,
            cosine=self.similarity == "abs_cosine",
        )

    def rescaled(self, x_scale: float, y_scale: float) -> "NumpyAnchoredRegression":
        """Return the layer g with g(x) = f(x_scale * x) / y_scale."""
        anchors, sharpness = self.anchors, self.sharpness
        if self.similarity == "neg_sqdist":
            anchors, sharpness = anchors / x_scale, sharpness * x_scale**2
        elif self.similarity != "abs_cosine":
            anchors = anchors * x_scale
        weight, bias = self.weight * (x_scale / y_scale), self.bias / y_scale
        return replace(self, anchors=anchors, weight=weight, bias=bias, sharpness=sharpness)


def assignments(
    x: FloatArray, anchors: FloatArray, similarity: str, sharpness: float
) -> FloatArray:
    """Return alpha(x) [n, m], rows that sum to 1, for x [n, d] and anchors [m, d].

    The arguments are those of `NumpyAnchoredRegression`. Computed by matrix products, for training.
    """
    columns, offsets = _logit_columns(anchors, similarity, sharpness)
    if similarity == "abs_cosine":
        x = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    logits = x @ columns.T.astype(x.dtype)
    if similarity in ABSOLUTE:
        np.abs(logits, out=logits)
    logits += offsets.astype(x.dtype)
    np.exp(logits - logits.max(axis=1, keepdims=True), out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    return logits


def _logit_columns(
    anchors: FloatArray, similarity: str, sharpness: float
) -> tuple[FloatArray, FloatArray]:
    """Return c' [m, d] and o [m] such that the logits are x^T c' + o, or |x^T c'| + o."""
    if similarity == "neg_sqdist":  # softmax cancels -||x||^2, equal for all anchors
        return 2 * sharpness * anchors, -sharpness * np.square(anchors).sum(axis=1)
    return sharpness * anchors, np.zeros(len(anchors))
