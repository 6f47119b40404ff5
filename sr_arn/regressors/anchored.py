"""The base class of the three forms of ARN: layers with soft assignment, without torch."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from sr_arn.checks import check_integer, check_scale
from sr_arn.errors import InputError, display
from sr_arn.regressors.base import FloatArray, Regressor
from sr_arn.regressors.numpy_layer import SIMILARITIES, NumpyAnchoredRegression

if TYPE_CHECKING:
    from torch import nn

__all__ = ["AnchoredRegressor"]

SHARPEST = 1e9  # a larger number is not sharper, and overflows


class AnchoredRegressor(Regressor):
    """A regressor that predicts by an anchored regression layer.

    Attributes
    ----------
    anchors_ : ndarray [m, d]
    mixing_ : ndarray [m, r]
        With a rank only: see `sr_arn.regressors.numpy_layer.NumpyAnchoredRegression`.
    basis_ : ndarray [q, t]; without t if y was [n]
        With components only: likewise.
    weight_ : ndarray [m, t, d], or [r, t, d]; without t if y was [n]; q replaces t with
        components
    bias_ : ndarray [m, t], or [r, t]; likewise
    """

    settings: ClassVar[tuple[str, ...]] = ("similarity", "sharpness", "rank")
    runs_by_torch: ClassVar[bool] = True

    similarity: str
    sharpness: float
    rank: int | None
    components: int | None = None

    anchors_: FloatArray
    mixing_: FloatArray
    basis_: FloatArray
    weight_: FloatArray
    bias_: FloatArray

    @property
    def array_axes(self) -> dict[str, str]:
        """Axes of the learned arrays."""
        r = "m" if self.rank is None else "r"
        q = "t" if self.components is None else "q"
        axes = {"anchors": "md", "weight": f"{r}{q}d", "bias": f"{r}{q}"}
        if self.rank is not None:
            axes["mixing"] = "mr"
        if self.components is not None:
            axes["basis"] = "qt"
        return axes

    def check_settings(self) -> None:
        """Raise `InputError` unless the `settings` are valid."""
        if self.similarity not in SIMILARITIES:
            known = ", ".join(SIMILARITIES)
            raise InputError(
                f"similarity: expected one of {known}, received {display(self.similarity)}"
            )
        if check_scale(self.sharpness, "sharpness") > SHARPEST:
            raise InputError(
                f"sharpness: expected at most {SHARPEST:g}, received {display(self.sharpness)}"
            )
        if self.rank is not None:
            check_integer(self.rank, "rank", 1)
        if self.components is not None:
            check_integer(self.components, "components", 1)

    def predict(self, X: ArrayLike) -> FloatArray:
        """Return the targets of features.

        Parameters
        ----------
        X : array-like [n, d]

        Returns
        -------
        ndarray [n, t], or [n] where the training targets were [n]
        """
        rows = self._validate_predict(X)
        *hidden, last = self.soft_layers()
        for layer in hidden:
            rows = rows + layer(rows)
        return self._output(last(rows))

    def to_torch(self) -> "nn.Module":
        """Return `Layers`."""
        from sr_arn.regressors.predict_torch import Layers

        intercept = self.arrays().get("intercept", np.zeros(1, np.float32))
        return Layers(self.soft_layers(), intercept)

    def _output(self, rows: FloatArray) -> FloatArray:
        """Return rows [n, t] in the shape of the training targets."""
        like = self.bias_ if self.components is None else self.basis_
        return rows.reshape(len(rows), *like.shape[1:])

    def soft_layers(self) -> list[NumpyAnchoredRegression]:
        """Return the layers in order; all but the last are residual."""
        count, width = len(self.weight_), self.anchors_.shape[1]
        basis = None if self.components is None else self.basis_.reshape(len(self.basis_), -1)
        layer = NumpyAnchoredRegression(
            self.anchors_,
            self.weight_.reshape(count, -1, width),
            self.bias_.reshape(count, -1),
            None if self.rank is None else self.mixing_,
            basis,
            self.similarity,
            self.sharpness,
        )
        return [layer]
