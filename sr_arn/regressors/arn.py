"""ARN: anchors and regressors learned together by stochastic gradient descent.

References
----------
E. Agustsson, R. Timofte, L. Van Gool, "Anchored Regression Networks applied to Age
Estimation and Super Resolution", ICCV 2017.
"""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from sr_arn.regressors.anchors import Anchors
from sr_arn.regressors.gradient import GradientRegressor

if TYPE_CHECKING:
    from sr_arn.nn import AnchoredRegression

__all__ = ["ARNRegressor"]


class ARNRegressor(GradientRegressor):
    """Anchored Regression Network (Agustsson et al. 2017), trained by torch.

    f(x) = sum_i alpha_i(x) (W_i x + b_i) with alpha(x) = softmax_i(K s(x, c_i)), eq. 4 to
    6; the c_i, W_i and b_i minimise the mean squared error. `predict` runs without torch.

    Parameters
    ----------
    anchors : int, array-like [m, d] or "auto", default "auto"
        Their number, or their initial values; "auto" is min(1024, max(1, n // 8)).
    similarity : {"abs_cosine", "abs_dot", "dot", "neg_sqdist"}, default "abs_cosine"
        The similarity s(x, c): abs(x^T c) / ||x||, abs(x^T c) (the paper's for
        super-resolution), x^T c, or -||x - c||^2.
    sharpness : float, default 12.0
        K.
    rank : int or None, default 32
        The anchors share that many regressors, W_i = sum_j U_ij V_j, which trains and
        predicts many times as fast as a regressor of its own for each (None). For pictures,
        128 of all pixels take four times the multiplications and gain 0.008 dB.
    components : int or None, default 48
        Directions of the targets, q: the regressors give the coefficients along min(q, t) of
        them, which are learned with them. None is the targets themselves.
    recipe : {"one-cycle", "paper"}, default "one-cycle"
        How it is trained. "one-cycle": Adam, a rate that rises and falls, features and targets
        scaled, anchors that start at samples. "paper": momentum 0.9, rate 20 halved every 20 of
        90 epochs, batches of 1000, decay 1e-8, nothing scaled, random start.
    epochs : int, optional
        Passes over the samples; by default the recipe's, 10, or up to 50 where they would be
        under 1000 steps.
    batch_size : int, optional
        Samples of a step; by default the recipe's, 2048, or less for under 131,072 samples.
    learning_rate : float, optional
        The highest; by default the recipe's, 0.01 or 20.
    device : {"auto", "cpu", "cuda"}, default "auto"
        Where torch trains.
    precision : {"float32", "bfloat16"}, default "float32"
        Of products in training. Processors that multiply bfloat16 themselves then take less
        time for wide layers; the result is as good.
    compiled : bool, default False
        Whether torch compiles the network, by the machine's C++ compiler or, for a GPU, Triton.
        Steps take less time then, most of all in bfloat16.
    random_state : int, default 0
        Determines initial values and the order of the samples.

    Attributes
    ----------
    anchors_ : ndarray [m, d]
    mixing_ : ndarray [m, r]
        U; absent without a rank.
    basis_ : ndarray [q, t], or [q] where y was [n]
        The directions; absent without components.
    weight_ : ndarray [r, q, d]
        V; with rank None the W_i, [m, ...]. With components None [r, t, d], or [r, d] where y
        was [n].
    bias_ : ndarray [r, q]; with components None [r, t] or [r]
    intercept_ : ndarray [t] or []
        Added to all predictions.
    """

    name: ClassVar[str] = "arn"
    settings: ClassVar[tuple[str, ...]] = (*GradientRegressor.settings, "components")

    def __init__(
        self,
        anchors: Anchors = "auto",
        similarity: str = "abs_cosine",
        sharpness: float = 12.0,
        rank: int | None = 32,
        components: int | None = 48,
        recipe: Literal["one-cycle", "paper"] = "one-cycle",
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        device: str = "auto",
        precision: Literal["float32", "bfloat16"] = "float32",
        compiled: bool = False,
        random_state: int = 0,
    ) -> None:
        self.anchors = anchors
        self.similarity = similarity
        self.sharpness = sharpness
        self.rank = rank
        self.components = components
        self.recipe = recipe
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.device = device
        self.precision = precision
        self.compiled = compiled
        self.random_state = random_state

    def _network(self, in_features: int, out_features: int, anchors: int, sharpness: float) -> Any:
        from sr_arn.nn import AnchoredRegression

        return AnchoredRegression(
            in_features,
            out_features,
            anchors,
            self.similarity,  # type: ignore[arg-type] # checked before training
            sharpness,
            rank=self.rank,
            components=None if self.components is None else min(self.components, out_features),
        )

    def _torch_layers(self, module: Any) -> "list[AnchoredRegression]":
        return [module]
