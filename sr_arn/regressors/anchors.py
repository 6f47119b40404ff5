"""The initial anchors of regressors: given, or learned by K-SVD in a given number."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sr_arn.checks import check_integer
from sr_arn.errors import InputError
from sr_arn.regressors.base import FloatArray
from sr_arn.regressors.samples import Samples

__all__ = ["Anchors", "are_given", "count_anchors", "given_anchors", "learn_anchors"]

Anchors = int | ArrayLike | Literal["auto"]

AUTO_ANCHORS = 1024
SAMPLES_PER_ANCHOR = 8


def are_given(anchors: Any) -> bool:
    """Return whether `anchors` holds vectors, rather than their number or "auto"."""
    return not isinstance(anchors, str) and np.ndim(anchors) > 0


def count_anchors(anchors: Any, samples: int, most: int = AUTO_ANCHORS) -> int:
    """Return the number of anchors for an integer or "auto".

    Parameters
    ----------
    anchors : int or "auto"
        "auto" is min(most, max(1, samples // 8)).
    samples : int
        The maximum of an explicit number.
    most : int, default 1024
    """
    if isinstance(anchors, str):
        if anchors != "auto":
            raise InputError(
                f'anchors: expected an integer, an array or "auto", received {anchors!r}'
            )
        return min(most, max(1, samples // SAMPLES_PER_ANCHOR))
    count = check_integer(anchors, "anchors", 1)
    if count > samples:
        raise InputError(f"anchors: expected at most the {samples} samples, received {count}")
    return count


def given_anchors(anchors: ArrayLike, features: int, dtype: np.dtype[Any]) -> FloatArray:
    """Return explicit anchors [m, d] for d features, in a dtype."""
    array: FloatArray = np.array(anchors, dtype=dtype)
    if array.ndim != 2 or len(array) == 0 or array.shape[1] != features:
        raise InputError(f"anchors: expected an array [m, {features}], received {array.shape}")
    norms = np.linalg.norm(array, axis=1)
    if not np.isfinite(norms).all() or not norms.all():
        raise InputError("anchors: expected finite vectors other than zero")
    return array


def learn_anchors(
    anchors: Anchors, samples: Samples, dictionary_samples: int, seed: int
) -> FloatArray:
    """Return the given anchors, or K-SVD's atoms of unit norm, learned from some samples.

    Parameters
    ----------
    anchors : int, array-like [m, d] or "auto"
    samples : Samples
    dictionary_samples : int
        Maximum number of samples that K-SVD learns from, drawn at random.
    seed : int

    Returns
    -------
    ndarray [m, d], of the samples' dtype
    """
    from sr_arn.regressors.ksvd import KSVD

    if are_given(anchors):
        return given_anchors(anchors, samples.features, samples.dtype)
    is_candidate = np.concatenate(list(samples.map(_are_not_zero)))
    count = count_anchors(anchors, len(samples))
    if isinstance(anchors, str):
        count = max(1, min(count, int(is_candidate.sum())))
    draw = np.random.default_rng(seed).permutation(np.flatnonzero(is_candidate))
    drawn = samples.rows(np.sort(draw[: max(dictionary_samples, count)]))
    ksvd = KSVD(count, random_state=seed).fit(drawn)
    return ksvd.dictionary_.astype(samples.dtype)


def _are_not_zero(x: FloatArray, y: FloatArray) -> NDArray[np.bool_]:
    return (x != 0).any(axis=1)
