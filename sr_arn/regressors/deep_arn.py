"""Deep ARN: residual anchored regression layers, then one layer to the targets.

References
----------
E. Agustsson, R. Timofte, L. Van Gool, "Anchored Regression Networks applied to Age
Estimation and Super Resolution", ICCV 2017.
"""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from sr_arn.checks import RandomState, check_integer
from sr_arn.regressors.anchors import Anchors
from sr_arn.regressors.base import FloatArray
from sr_arn.regressors.gradient import GradientRegressor
from sr_arn.regressors.numpy_layer import NumpyAnchoredRegression

if TYPE_CHECKING:
    from sr_arn.nn import AnchoredRegression

__all__ = ["DeepARNRegressor"]


class DeepARNRegressor(GradientRegressor):
    """Deep Anchored Regression Network (Agustsson et al. 2017), trained by torch.

    L - 1 layers x + ARN(x) from R^d to R^d, then one ARN to the targets, all learned
    together. `predict` runs without torch.

    Parameters
    ----------
    anchors : int, array-like [m, d] or "auto", default "auto"
        Of every layer: their number, or their initial values; "auto" is min(16, max(1, n // 8)).
    layers : int, default 7
        Number of layers, L, at least 1.
    similarity : {"abs_cosine", "abs_dot", "dot", "neg_sqdist"}, default "abs_cosine"
        The similarity s(x, c): abs(x^T c) / ||x||, abs(x^T c) (the paper's), x^T c, or
        -||x - c||^2.
    sharpness : float, default 8.0
        K.
    recipe : {"one-cycle", "paper"}, default "one-cycle"
        The training recipe: see `ARNRegressor`.
    epochs : int, optional
        Passes over the samples; by default the recipe's, 10, or up to 50 if they would be under
        1000 steps.
    batch_size : int, optional
        Samples per step; by default the recipe's, 2048, or less for under 131,072 samples.
    learning_rate : float, optional
        The highest rate; by default the recipe's, 0.008 or 20.
    device : {"auto", "cpu", "cuda"}, default "auto"
        Where torch trains.
    precision : {"float32", "bfloat16"}, default "float32"
        Of products in training.
    compiled : bool, default False
        Whether torch compiles the network, by the machine's C++ compiler or, for a GPU, Triton.
        On processors with bfloat16 instructions, steps in bfloat16 then take half of the time;
        without compilation, bfloat16 gains nothing.
    random_state : int, RandomState, Generator or None, default 0
        Determines initial values and the order of the samples.

    Attributes
    ----------
    hidden_anchors_ : ndarray [L - 1, m, d]
    hidden_weight_ : ndarray [L - 1, m, d, d]
    hidden_bias_ : ndarray [L - 1, m, d]
        Of the residual layers; absent with one layer.
    anchors_ : ndarray [m, d]
    weight_ : ndarray [m, t, d], or [m, d] where y was [n]
    bias_ : ndarray [m, t] or [m]
        Of the last layer.
    intercept_ : ndarray [t] or []
        Added to all predictions.
    """

    name: ClassVar[str] = "deep-arn"
    settings: ClassVar[tuple[str, ...]] = ("layers", "similarity", "sharpness")

    rank = None
    most_anchors = 16
    default_rate = 0.008

    hidden_anchors_: FloatArray
    hidden_weight_: FloatArray
    hidden_bias_: FloatArray

    def __init__(
        self,
        anchors: Anchors = "auto",
        *,
        layers: int = 7,
        similarity: str = "abs_cosine",
        sharpness: float = 8.0,
        recipe: Literal["one-cycle", "paper"] = "one-cycle",
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        device: str = "auto",
        precision: Literal["float32", "bfloat16"] = "float32",
        compiled: bool = False,
        random_state: RandomState = 0,
    ) -> None:
        self.anchors = anchors
        self.layers = layers
        self.similarity = similarity
        self.sharpness = sharpness
        self.recipe = recipe
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.device = device
        self.precision = precision
        self.compiled = compiled
        self.random_state = random_state

    @property
    def array_axes(self) -> dict[str, str]:
        """Axes of the learned arrays."""
        hidden = {"hidden_anchors": "lmd", "hidden_weight": "lmdd", "hidden_bias": "lmd"}
        return super().array_axes | (hidden if self.layers > 1 else {})

    @property
    def axis_lengths(self) -> dict[str, int]:
        """Number of the residual layers."""
        return {"l": self.layers - 1}

    def check_settings(self) -> None:
        """Raise `InputError` unless layers, similarity and sharpness are valid."""
        check_integer(self.layers, "layers", 1)
        super().check_settings()

    def soft_layers(self) -> list[NumpyAnchoredRegression]:
        """Return the layers in order; all but the last are residual."""
        last = super().soft_layers()
        if self.layers == 1:
            return last
        hidden = zip(self.hidden_anchors_, self.hidden_weight_, self.hidden_bias_, strict=True)
        alike: Any = {"similarity": self.similarity, "sharpness": self.sharpness}
        return [*(NumpyAnchoredRegression(*arrays, **alike) for arrays in hidden), *last]

    def _network(self, in_features: int, out_features: int, anchors: int, sharpness: float) -> Any:
        from sr_arn.nn import DeepAnchoredRegression

        return DeepAnchoredRegression(
            in_features,
            out_features,
            anchors,
            self.layers,
            self.similarity,  # type: ignore[arg-type] # checked before training
            sharpness,
        )

    def _torch_layers(self, module: Any) -> "list[AnchoredRegression]":
        return [*module.hidden, module.last]

    def _keep_hidden(self, layers: list[NumpyAnchoredRegression]) -> None:
        if layers:
            self.hidden_anchors_ = np.stack([layer.anchors for layer in layers])
            self.hidden_weight_ = np.stack([layer.weight for layer in layers])
            self.hidden_bias_ = np.stack([layer.bias for layer in layers])
