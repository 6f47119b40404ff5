"""The anchors that regressors start from: given, counted, or learned by K-SVD."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from sr_arn.checks import InputError, check_integer
from sr_arn.regressors.base import FloatArray

__all__ = ["Anchors", "are_given", "count_anchors", "given_anchors", "learn_anchors"]

Anchors = int | ArrayLike | Literal["auto"]

AUTO_ANCHORS = 1024
SAMPLES_PER_ANCHOR = 8


def are_given(anchors: Any) -> bool:
    """Return whether `anchors` holds vectors, rather than their number or "auto"."""
    return not isinstance(anchors, str) and np.ndim(anchors) > 0


def count_anchors(anchors: Any, samples: int, most: int = AUTO_ANCHORS) -> int:
    """Return how many anchors an integer or "auto" asks for.

    Parameters
    ----------
    anchors : int or "auto"
        "auto" is min(most, max(1, samples // 8)).
    samples : int
        Which an explicit number may not exceed.
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


def given_anchors(anchors: ArrayLike, X: FloatArray) -> FloatArray:
    """Return explicit anchors [m, d] in the dtype of the features X [n, d]."""
    array = np.array(anchors, dtype=X.dtype)
    if array.ndim != 2 or len(array) == 0 or array.shape[1] != X.shape[1]:
        raise InputError(f"anchors: expected an array [m, {X.shape[1]}], received {array.shape}")
    norms = np.linalg.norm(array, axis=1)
    if not np.isfinite(norms).all() or not norms.all():
        raise InputError("anchors: expected finite vectors other than zero")
    return array


def learn_anchors(
    anchors: Anchors, X: FloatArray, dictionary_samples: int, random_state: int
) -> FloatArray:
    """Return the given anchors, or K-SVD's atoms, of unit norm, on some of the samples.

    Parameters
    ----------
    anchors : int, array-like [m, d] or "auto"
    X : ndarray [n, d]
    dictionary_samples : int
        Samples that K-SVD learns from at most, drawn at random.
    random_state : int

    Returns
    -------
    ndarray [m, d], of X's dtype
    """
    from sr_arn.ksvd import KSVD

    if are_given(anchors):
        return given_anchors(anchors, X)
    is_candidate = X.any(axis=1)
    count = count_anchors(anchors, len(X))
    if isinstance(anchors, str):
        count = max(1, min(count, int(is_candidate.sum())))
    draw = np.random.default_rng(random_state).permutation(np.flatnonzero(is_candidate))
    samples = X[np.sort(draw[: max(dictionary_samples, count)])]
    ksvd = KSVD(count, random_state=random_state).fit(samples)
    return ksvd.dictionary_.astype(X.dtype)
