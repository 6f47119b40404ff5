"""The patch model: bicubic up-scaling plus what a regressor predicts, window by window.

LR plane -> bicubic up-scaling                                     (the smooth part)
-> features of every window -> regressor -> HR residual patches
-> overlap-average                                        (the missing part)
"""

from collections.abc import Iterable
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError, display
from sr_arn.kernels.patches import overlap_average
from sr_arn.models.base import Arrays, Axes, Header, LuminanceModel, TrainedModel, check_fields
from sr_arn.models.features import FLAT, NEIGHBOURHOOD, WINDOW, GradientFeatures, needless
from sr_arn.pictures.resize import imresize
from sr_arn.planes import NO_RIM, Rim
from sr_arn.regressors import REGRESSORS
from sr_arn.regressors.base import Regressor

__all__ = ["PatchModel"]

OF_REGRESSOR = "regressor."  # begins the names of its arrays

Plane = NDArray[np.float32]


class PatchModel(TrainedModel):
    """Bicubic up-scaling plus the residual that a regressor predicts, patch by patch.

    Parameters
    ----------
    features : GradientFeatures
        Fitted; its scale is the model's.
    regressor : Regressor
        Fitted on its features and on residual patches.
    """

    kind: ClassVar[str] = "patch"
    title: ClassVar[str] = "patch model"
    reach = NEIGHBOURHOOD // 2 + WINDOW // 2

    def __init__(self, features: GradientFeatures, regressor: Regressor) -> None:
        self.features = features
        self.regressor = regressor
        self.name = regressor.name
        self.scale = features.scale

    def __call__(self, lr: Plane, rim: Rim = NO_RIM) -> Plane:
        """Return the HR plane without the rim.

        The outermost LR pixel of `lr` stays bicubic, as in the papers.
        """
        hr = imresize(lr, self.scale)
        unseen, uncovered = needless(rim)
        features = unseen.cut(self.features.transform(lr))
        rows, columns, length = features.shape
        if rows and columns:
            rows_of_features = features.reshape(-1, length)
            residuals = self.regressor.predict(rows_of_features)
            if not self.keeps_flat_areas:
                faint = np.flatnonzero(np.abs(rows_of_features[:, 0]) < FLAT)  # others are longer
                squares = np.square(rows_of_features[faint]).sum(axis=1, keepdims=True)
                residuals[faint] *= np.minimum(np.sqrt(squares) / FLAT, 1)
            size = WINDOW * self.scale
            residual = overlap_average(residuals.reshape(rows, columns, size, size), self.scale)
            uncovered.cut(hr, self.scale)[...] += residual
        return rim.cut(hr, self.scale)

    @cached_property
    def keeps_flat_areas(self) -> bool:
        """Whether the regressor has no intercept."""
        nothing = np.zeros((1, len(self.features.projection_)), np.float32)
        return not self.regressor.predict(nothing).any()

    @property
    def runs_by_torch(self) -> bool:
        """Whether its regressor does."""
        return self.regressor.runs_by_torch

    def to(self, device: str) -> LuminanceModel:
        """Return a `TorchPatchModel`."""
        from sr_arn.models.patch_torch import TorchPatchModel

        return TorchPatchModel(self, device)

    def gallery(self) -> Iterable[tuple[Plane, Plane]]:
        """Return the anchors as LR pixels [9, 9], and the details [3 s, 3 s] that they give.

        The LR pixels are those of least contrast that have an anchor's features. Regressors
        without anchors in the space of features have none.
        """
        anchors = getattr(self.regressor, "anchors_", None)
        if anchors is None:
            return ()
        patches = anchors @ np.linalg.pinv(self.features.projection_).T
        details = self.regressor.predict(np.ascontiguousarray(anchors, np.float32))
        side = WINDOW * self.scale
        return zip(
            patches.reshape(-1, NEIGHBOURHOOD, NEIGHBOURHOOD),
            details.reshape(-1, side, side),
            strict=True,
        )

    # --- model files ---------------------------------------------------------------

    def to_file(self) -> tuple[Header, dict[str, NDArray[Any]]]:
        """Return the features' energy, the regressor's settings, and the arrays of both."""
        regressor = self.regressor
        fields: Header = {"features": {"energy": self.features.energy}}
        if regressor.settings:
            settings = {name: getattr(regressor, name) for name in regressor.settings}
            fields["settings"] = {name: _plain(value) for name, value in settings.items()}
        arrays = {"features.projection": self.features.projection_}
        own = regressor.arrays().items()
        return fields, arrays | {f"{OF_REGRESSOR}{name}": array for name, array in own}

    @classmethod
    def check_header(cls, header: Header) -> None:
        """Raise `InputError` unless regressor, features and settings are sound."""
        features = header.get("features")
        energy = features.get("energy") if isinstance(features, dict) else None
        is_sound = {
            "regressor": header.get("regressor") in REGRESSORS,
            "features": isinstance(energy, int | float) and 0 < energy <= 1,
        }
        check_fields(header, is_sound)
        regressor = REGRESSORS[header["regressor"]]
        settings = header.setdefault("settings", {})
        if not isinstance(settings, dict) or set(settings) != set(regressor.settings):
            raise InputError(
                f"header field 'settings' is {display(settings)}, expected "
                f"{', '.join(regressor.settings) or 'none'}; train it again"
            )
        try:
            regressor(**settings).check_settings()
        except InputError as error:
            raise InputError(f"header field 'settings': {error}") from error

    @classmethod
    def axes(cls, header: Header) -> Axes:
        """Return those of the projection and of the regressor's arrays."""
        lengths: dict[str, str | int] = {"t": (WINDOW * header["scale"]) ** 2}
        axes: Axes = {"features.projection": ("d", NEIGHBOURHOOD**2)}
        regressor = REGRESSORS[header["regressor"]](**header["settings"])
        lengths |= regressor.axis_lengths
        for name, letters in regressor.array_axes.items():
            own = tuple(lengths.get(letter, letter) for letter in letters)
            axes[f"{OF_REGRESSOR}{name}"] = own
        return axes

    @classmethod
    def from_file(cls, header: Header, arrays: Arrays) -> Self:
        """Return the model."""
        features = GradientFeatures(header["scale"], header["features"]["energy"])
        features.projection_ = arrays["features.projection"]
        own = {
            name.removeprefix(OF_REGRESSOR): array
            for name, array in arrays.items()
            if name.startswith(OF_REGRESSOR)
        }
        regressor = REGRESSORS[header["regressor"]].from_arrays(own, **header["settings"])
        return cls(features, regressor)


def _plain(value: Any) -> Any:
    """Return a NumPy scalar as what JSON can hold."""
    return value.item() if isinstance(value, np.generic) else value
