"""How a function of luminance enlarges pictures of any kind: grey, colour, inks, transparency."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sr_arn.models.base import LuminanceModel, chroma_of, copies
from sr_arn.pictures.color import rgb_to_ycbcr, ycbcr_to_rgb
from sr_arn.pictures.resize import imresize
from sr_arn.planes import NO_RIM, Rim

__all__ = ["WITH_ALPHA", "reach_of", "upscale_channels"]

WITH_ALPHA = ("LA", "RGBA", "BANDSA")
"""Modes whose last channel is alpha; that of bands is within only."""

OVERSHOOT = 0.5
"""How far hardly visible colours may go beyond those around them, in units of their range."""

TINY = np.float32(1e-6)

Plane = NDArray[np.float32]


def reach_of(model: LuminanceModel, mode: str) -> int:
    """Return how far away, in LR pixels, a pixel of such a picture still matters."""
    return _reach(model) + (_spread(model) if mode in WITH_ALPHA else 0)


def _reach(model: LuminanceModel) -> int:
    """Return how far away a pixel matters to luminance or colour."""
    chroma = chroma_of(model)
    return max(model.reach, chroma.reach) if chroma else model.reach


def upscale_channels(model: LuminanceModel, pixels: Plane, mode: str, rim: Rim = NO_RIM) -> Plane:
    """Return pixels in [0, 1] enlarged, not clipped, without the rim.

    Parameters
    ----------
    model : LuminanceModel
    pixels : ndarray of float32 [h, w] or [h, w, c] in [0, 1]
    mode : {"L", "LA", "RGB", "RGBA", "CMYK", "BANDS", "BANDSA"}
        What the channels are. Grey is luminance. Of colour, luminance goes through the model,
        and the rest through its network for chroma or, without one, through bicubic, as in the
        publications. Each ink or band is a plane of its own.
        Alpha has a path of its own: see `_enlarge_with_alpha`. A model that copies pixels copies
        those of every channel.
    rim : Rim, default none
        LR pixels at the edges that are only seen.
    """
    if mode == "L":
        return model(pixels, rim)
    if copies(model):
        return _enlarge_planes(model, pixels, rim)
    if mode == "RGB":
        return _enlarge_rgb(model, pixels, rim)
    if mode in ("CMYK", "BANDS"):
        return _enlarge_planes(model, pixels, rim)
    enlarge_colour = _enlarge_rgb if mode == "RGBA" else _enlarge_planes
    return _enlarge_with_alpha(model, pixels, rim, enlarge_colour)


def _enlarge_rgb(model: LuminanceModel, rgb: Plane, rim: Rim) -> Plane:
    """Enlarge RGB [h, w, 3]: luminance by the model, colour by its network or by bicubic."""
    ycbcr, chroma = rgb_to_ycbcr(rgb), chroma_of(model)
    y = model(np.ascontiguousarray(ycbcr[..., 0]), rim)
    if chroma:
        cbcr = chroma(ycbcr, rim)
    else:
        cbcr = rim.cut(imresize(ycbcr[..., 1:], model.scale), model.scale)
    return ycbcr_to_rgb(np.concatenate([y[..., None], cbcr], axis=-1))


def _enlarge_planes(model: LuminanceModel, pixels: Plane, rim: Rim) -> Plane:
    """Enlarge [h, w, c], each channel as if it were luminance."""
    planes = (np.ascontiguousarray(plane) for plane in np.moveaxis(pixels, -1, 0))
    return np.stack([model(plane, rim) for plane in planes], axis=-1)


def _enlarge_with_alpha(
    model: LuminanceModel,
    pixels: Plane,
    rim: Rim,
    enlarge_colour: Callable[[LuminanceModel, Plane, Rim], Plane],
) -> Plane:
    """Enlarge [h, w, c] of which the last channel is alpha, without a fringe at its edges.

    Colour that is hidden must not leak into what is seen. So the colour, multiplied by alpha,
    is laid over a backdrop of its own surroundings; this opaque picture is enlarged, and
    what the backdrop gave to it is taken off again.
    """
    colour, alpha = pixels[..., :-1], pixels[..., -1:]
    if (alpha == 1).all():  # for speed: the same result
        hr = enlarge_colour(model, np.ascontiguousarray(colour), rim)
        return np.concatenate([hr, np.ones_like(hr[..., :1])], axis=-1)

    # 1. An opaque picture: colour over its surroundings.
    seen = colour * alpha
    backdrop = _surroundings(seen, alpha, _spread(model))
    opaque = enlarge_colour(model, seen + (1 - alpha) * backdrop, rim)

    # 2. Alpha by itself, between the values around it: what is opaque stays opaque.
    bounds = _range_around(alpha, np.True_, model.scale, rim)
    hr_alpha = np.clip(_enlarge_planes(model, alpha, rim), *bounds)

    # 3. The colour that, over the enlarged backdrop, gives the enlarged opaque picture. Where
    # alpha is small so is its certainty: it stays near the colours around it.
    hr_backdrop = rim.cut(imresize(backdrop, model.scale), model.scale)
    visible = np.where(hr_alpha > 0, hr_alpha, np.float32(np.inf))
    with np.errstate(over="ignore"):  # it is clipped
        straight = hr_backdrop + (opaque - hr_backdrop) / visible
        low, high = _range_around(colour, alpha > 0, model.scale, rim)
        margin = OVERSHOOT * (high - low) / np.maximum(1 - hr_alpha, TINY)
    straight = np.where(hr_alpha > 0, np.clip(straight, low - margin, high + margin), hr_backdrop)
    return np.concatenate([np.where(hr_alpha == 1, opaque, straight), hr_alpha], axis=-1)


def _spread(model: LuminanceModel) -> int:
    """Return how far, in LR pixels, the backdrop must go on beyond what is seen."""
    return _reach(model) + 2  # the model sees one less from an HR pixel that is not transparent


def _surroundings(seen: Plane, alpha: Plane, radius: int) -> Plane:
    """Return the mean colour around each pixel, weighted by alpha and nearness.

    Where nothing is seen within the radius it is black.
    """
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / (radius / 4)) ** 2)
    sums = np.concatenate([seen, alpha], axis=-1)
    for axis in (0, 1):
        sums = _filtered(sums, weights.astype(np.float32), axis)
    mass = sums[..., -1:]
    mass[mass == 0] = np.inf
    return sums[..., :-1] / mass


def _filtered(pixels: Plane, weights: Plane, axis: int) -> Plane:
    """Convolve along an axis; nothing lies beyond the edges."""
    radius, length = len(weights) // 2, pixels.shape[axis]
    padding = [(radius, radius) if a == axis else (0, 0) for a in range(3)]
    padded = np.moveaxis(np.pad(pixels, padding), axis, 0)
    parts = (weight * padded[k : k + length] for k, weight in enumerate(weights))
    return np.moveaxis(sum(parts, np.zeros_like(padded[:length])), 0, axis)


def _range_around(
    pixels: Plane, counted: NDArray[np.bool_] | np.bool_, scale: int, rim: Rim
) -> tuple[Plane, Plane]:
    """Return the least and the largest of the 3 x 3 LR pixels around each HR pixel.

    Of those that are counted; where none is, 0 and 0.
    """
    bounds = []
    for bound, nothing in ((np.min, np.float32(np.inf)), (np.max, np.float32(-np.inf))):
        padded = np.pad(np.where(counted, pixels, nothing), ((1, 1), (1, 1), (0, 0)), mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
        extreme = bound(windows, axis=(-2, -1))
        extreme[np.isinf(extreme)] = 0
        bounds.append(rim.cut(extreme).repeat(scale, axis=0).repeat(scale, axis=1))
    return bounds[0], bounds[1]
