"""Drawings: parts of results side by side, and a gallery of the anchors of a model."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sr_arn.errors import InputError
from sr_arn.models.base import BicubicModel, TrainedModel
from sr_arn.pictures.color import luminance
from sr_arn.pictures.picture import Picture
from sr_arn.planes import WHITE, to_levels
from sr_arn.upscaling.upscaler import Upscaler

__all__ = ["gallery", "preview", "side_by_side", "visible"]

GAP, CAPTION = 4, 18  # pixels
ZOOM = 2  # pixels of a drawing for one of a result
PART = 64  # LR pixels a side that a preview shows
TILE = 36  # pixels of a gallery for a patch: whole multiples of those of x2, x3 and x4
COLUMNS = 24

Levels = NDArray[np.uint8]


def side_by_side(parts: Sequence[tuple[str, Levels]], zoom: int = ZOOM) -> Levels:
    """Return named pictures [h, w] or [h, w, 3] in a row, as RGB levels.

    Each pixel is drawn as `zoom` x `zoom` pixels.
    """
    names = [name for name, _ in parts]
    images = [Image.fromarray(pixels).convert("RGB") for _, pixels in parts]
    width, height = (zoom * max(image.size[axis] for image in images) for axis in (0, 1))
    canvas = Image.new("RGB", (len(images) * (width + GAP) - GAP, CAPTION + height), "white")
    draw = ImageDraw.Draw(canvas)
    for column, (name, image) in enumerate(zip(names, images, strict=True)):
        left = column * (width + GAP)
        large = image.resize((zoom * image.width, zoom * image.height), Image.Resampling.NEAREST)
        canvas.paste(large, (left, CAPTION))
        draw.text((left + GAP, 3), name, fill="black")
    return np.asarray(canvas)


def visible(picture: Picture) -> Levels:
    """Return a picture of any kind as 8-bit grey or RGB, straight alpha kept as it is.

    Inks become RGB by subtraction; numbers are scaled, and of bands the first is shown.
    """
    picture = picture.in_unit()
    pixels = picture.pixels
    white = np.float32(WHITE[pixels.dtype.name])
    if picture.is_cmyk:
        ink, black = pixels[..., :3] / white, pixels[..., 3:] / white
        return to_levels((1 - ink) * (1 - black))
    return pixels if pixels.dtype == np.uint8 else to_levels(pixels / white)


def preview(picture: Picture, upscaler: Upscaler) -> Levels:
    """Return the most detailed part of a picture by bicubic and by a model, as RGB levels.

    Transparent pixels are shown as opaque ones.
    """
    pixels = visible(picture.without_alpha())
    top, left = _most_detailed(luminance(pixels))
    reach = upscaler.model.reach
    first = max(0, top - reach), max(0, left - reach)
    seen = np.ascontiguousarray(
        pixels[first[0] : top + PART + reach, first[1] : left + PART + reach]
    )
    rows, columns = (
        slice((start - begin) * upscaler.scale, (start - begin + PART) * upscaler.scale)
        for start, begin in zip((top, left), first, strict=True)
    )
    bicubic = Upscaler(BicubicModel(upscaler.scale))
    return side_by_side(
        [(u.name, u.upscale(seen, restore="off")[rows, columns]) for u in (bicubic, upscaler)]
    )


def _most_detailed(plane: NDArray[np.float32]) -> tuple[int, int]:
    """Return the top left corner of the part whose neighbouring pixels differ most."""
    detail = np.zeros(plane.shape)
    detail[1:] += np.abs(np.diff(plane, axis=0))
    detail[:, 1:] += np.abs(np.diff(plane, axis=1))
    starts = [range(0, max(1, side - PART + 1), PART // 2) for side in plane.shape]
    places = [(top, left) for top in starts[0] for left in starts[1]]
    return max(places, key=lambda p: detail[p[0] : p[0] + PART, p[1] : p[1] + PART].sum())


def gallery(upscaler: Upscaler) -> Levels:
    """Return what a model knows as grey tiles, in pairs: see `TrainedModel.gallery`.

    The left tile shows what the model looks for; the right one shows the detail that it adds there.
    Each tile has its own contrast; grey is zero.

    Raises
    ------
    InputError
        If the model cannot be drawn so.
    """
    model = upscaler.model
    pairs = model.gallery() if isinstance(model, TrainedModel) else ()
    tiles = [np.hstack([_tile(patch), _tile(detail)]) for patch, detail in pairs]
    if not tiles:
        raise InputError(
            f"model: {upscaler.name} has no anchors to draw; patch models such as aplus-x3 have"
        )
    rows = -(-len(tiles) // COLUMNS)
    height, width = TILE + GAP, 2 * TILE + GAP
    canvas = np.full((rows * height + GAP, COLUMNS * width + GAP), 255, np.uint8)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, COLUMNS)
        top, left = GAP + row * height, GAP + column * width
        canvas[top : top + TILE, left : left + 2 * TILE] = tile
    return canvas


def _tile(patch: NDArray[np.floating]) -> Levels:
    """Return a patch as a tile: 0 becomes grey, the largest value black or white."""
    repeats = TILE // len(patch)
    patch = patch - patch.mean()
    levels = to_levels(0.5 + 0.5 * patch / max(np.abs(patch).max(), 1e-12))
    return levels.repeat(repeats, axis=0).repeat(repeats, axis=1)
