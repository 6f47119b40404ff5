"""How well ages are estimated: mean absolute error, epsilon-error, cumulative accuracy."""

import numpy as np
from numpy.typing import ArrayLike

from sr_arn.errors import InputError

__all__ = ["cumulative_accuracy", "epsilon_error", "mean_absolute_error"]

LEAST_SIGMA = 1e-10  # in place of annotators who all agree


def mean_absolute_error(target: ArrayLike, estimate: ArrayLike) -> float:
    """Return the mean of abs(target - estimate) over [n], in their unit; nothing is rounded."""
    return float(np.abs(_errors(target, estimate)).mean())


def epsilon_error(target: ArrayLike, estimate: ArrayLike, sigma: ArrayLike) -> float:
    """Return the mean of 1 - exp(-(y - y')^2 / 2 sigma^2), 0 to 1 (ChaLearn LAP).

    Parameters
    ----------
    target, estimate : array_like [n]
    sigma : array_like [n]
        Standard deviation of what annotators said.
    """
    errors, scale = _errors(target, estimate), np.asarray(sigma, float)
    if scale.shape != errors.shape or not (scale >= 0).all():
        raise InputError(f"sigma: expected 0 or more, of each of {len(errors)} ages")
    return float((1 - np.exp(-0.5 * (errors / np.maximum(scale, LEAST_SIGMA)) ** 2)).mean())


def cumulative_accuracy(
    target: ArrayLike, estimate: ArrayLike, years: float, strict: bool = False
) -> float:
    """Return CA(n), the share of errors of at most so many years, 0 to 1.

    Parameters
    ----------
    target, estimate : array_like [n]
    years : float
    strict : bool, default False
        Whether an error must be smaller, as SSR-Net's text says and its code does not.
    """
    errors = np.abs(_errors(target, estimate))
    return float((errors < years if strict else errors <= years).mean())


def _errors(target: ArrayLike, estimate: ArrayLike) -> np.ndarray:
    y, out = np.asarray(target, float), np.asarray(estimate, float)
    if y.shape != out.shape or y.ndim != 1 or not y.size:
        raise InputError(f"ages: expected two arrays [n], received {y.shape} and {out.shape}")
    if not (np.isfinite(y).all() and np.isfinite(out).all()):
        raise InputError("ages: expected finite numbers, received NaN or infinity")
    return y - out
