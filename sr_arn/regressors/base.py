"""The base class of regressors: a scikit-learn estimator that loads without scikit-learn.

A regressor maps feature vectors to target vectors and never sees an image. It follows
scikit-learn's estimator interface completely (`check_estimator` passes). It imports the library
only to train, and to check inputs that are not plain arrays of the right shape: enlarging a
picture does not need it.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sr_arn.errors import InputError
from sr_arn.regressors.parameters import Parameters
from sr_arn.regressors.samples import Samples

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Regressor"]

FloatArray = NDArray[np.floating[Any]]


class Regressor(Parameters, ABC):
    """Base class: parameters, validation, and the arrays that a model file keeps.

    A subclass states `name` and `array_axes`, stores its parameters in `__init__`, and
    defines `fit` and `predict`. The command line and model files know it once it is registered
    in `sr_arn.regressors`. Parameters that affect `predict` are its `settings`.

    Attributes
    ----------
    n_features_in_ : int
        Length d of a feature vector, set by `fit`.
    """

    name: ClassVar[str]
    """The regressor's name on the command line and in model files."""

    settings: ClassVar[tuple[str, ...]] = ()
    """Parameters of `__init__` that `predict` depends on; a model file stores them."""

    learns_from_parts: ClassVar[bool] = False
    """Whether it has a `fit_samples`, for samples on the workers of a cluster."""

    runs_by_torch: ClassVar[bool] = False
    """Whether it has a `to_torch`."""

    n_features_in_: int

    @abstractmethod
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn from features X [n, d] and targets y [n, t] or [n]."""

    def fit_samples(self, samples: Samples) -> Self:
        """Learn from samples in parts; a subclass that `learns_from_parts` defines this."""
        raise NotImplementedError

    @abstractmethod
    def predict(self, X: ArrayLike) -> FloatArray:
        """Return the targets [n, t] (or [n]) of features X [n, d]."""

    def to_torch(self) -> "nn.Module":
        """Return a torch module that predicts as it does, from rows [n, d] to [n, t].

        Its attribute `numbers` says how many numbers a prediction of one row holds at a time,
        `in_half` whether products may be of float16. A subclass that `runs_by_torch` defines this.
        """
        raise InputError(f"device: {self.name} runs on the CPU only")

    @property
    @abstractmethod
    def array_axes(self) -> dict[str, str]:
        """Learned arrays by name (without the ending _) with their axes, a letter each.

        m anchors, d features, t targets, and other letters; equal letters are equal lengths. It
        may depend on the `settings`.
        """

    @property
    def axis_lengths(self) -> dict[str, int]:
        """Lengths of axes that the `settings` fix, by their letters."""
        return {}

    def check_settings(self) -> None:
        """Raise `InputError` unless the `settings` are valid; defined where there are some."""
        if self.settings:
            raise NotImplementedError(f"{type(self).__name__}.check_settings")  # a bug

    # --- model files ---------------------------------------------------------------

    def arrays(self) -> dict[str, FloatArray]:
        """Return the learned arrays by name."""
        return {name: getattr(self, f"{name}_") for name in self.array_axes}

    @classmethod
    def from_arrays(cls, arrays: dict[str, FloatArray], **settings: Any) -> Self:
        """Return a fitted regressor from the result of `arrays` and from its `settings`."""
        regressor = cls(**settings)
        for name, axes in regressor.array_axes.items():
            setattr(regressor, f"{name}_", arrays[name])
            if "d" in axes:
                regressor.n_features_in_ = arrays[name].shape[axes.index("d")]
        return regressor

    # --- scikit-learn --------------------------------------------------------------

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the coefficient of determination R^2 of `predict(X)` against y."""
        from sklearn.metrics import r2_score

        return float(r2_score(y, self.predict(X), sample_weight=sample_weight))

    def __sklearn_tags__(self) -> Any:
        """Describe the estimator to scikit-learn."""
        from sklearn.utils import InputTags, RegressorTags, Tags, TargetTags

        return Tags(
            estimator_type="regressor",
            target_tags=TargetTags(required=True, multi_output=True, two_d_labels=True),
            regressor_tags=RegressorTags(),
            input_tags=InputTags(),
        )

    def _validate_fit(self, X: ArrayLike, y: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return X [n, d] and y [n, t] or [n], float32 or float64, both of X's dtype."""
        from sklearn.utils.validation import validate_data

        x_checked, y_checked = validate_data(
            self, X, y, dtype=(np.float32, np.float64), multi_output=True, y_numeric=True
        )
        return x_checked, np.asarray(y_checked, dtype=x_checked.dtype)

    def _validate_predict(self, X: ArrayLike) -> FloatArray:
        """Return X [n, d], float32 or float64; scikit-learn checks inputs of other kinds."""
        if (
            isinstance(X, np.ndarray)
            and X.dtype in (np.float32, np.float64)
            and X.ndim == 2
            and len(X) > 0
            and X.shape[1] == getattr(self, "n_features_in_", None)
            and not hasattr(self, "feature_names_in_")
            and np.isfinite(X).all()
        ):
            return X
        from sklearn.utils.validation import check_is_fitted, validate_data

        check_is_fitted(self, "n_features_in_")
        checked: FloatArray = validate_data(self, X, reset=False, dtype=(np.float32, np.float64))
        return checked
