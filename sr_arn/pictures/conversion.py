"""Pictures in colours that more formats hold: without transparency, in sRGB."""

from dataclasses import replace
from io import BytesIO

import numpy as np

from sr_arn.errors import InputError, display
from sr_arn.pictures.metadata import ICC_SPACE, ICC_SPACES
from sr_arn.pictures.picture import Picture
from sr_arn.planes import WHITE, to_levels

__all__ = ["colour_of", "flattened", "in_srgb"]

Colour = tuple[int, int, int]


def colour_of(text: str) -> Colour:
    """Return the RGB levels of a colour as CSS names it, white or #fff or rgb(255, 255, 255).

    Raises
    ------
    InputError
        If it is none, or transparent.
    """
    from PIL.ImageColor import getrgb

    try:
        colour: tuple[int, ...] = getrgb(text)
        red, green, blue = colour
    except ValueError:  # with alpha there are four
        raise InputError(
            f"background: expected a colour such as white or #ffcc00, received {display(text)}"
        ) from None
    return red, green, blue


def flattened(picture: Picture, colour: Colour) -> Picture:
    """Return a picture with transparency as it looks over a colour; grey over grey stays grey."""
    if picture.mode not in ("LA", "RGBA"):
        return picture
    pixels = picture.pixels / np.float64(WHITE[picture.pixels.dtype.name])
    seen, alpha = pixels[..., :-1], pixels[..., -1:]
    stays_grey = picture.mode == "LA" and len(set(colour)) == 1
    behind = np.array(colour[:1] if stays_grey else colour) / 255
    levels = to_levels(seen * alpha + (1 - alpha) * behind, picture.pixels.dtype)
    if stays_grey:
        return replace(picture, pixels=levels[..., 0])
    return replace(picture, pixels=levels, metadata=picture.metadata.for_mode("RGB"))


def in_srgb(picture: Picture, name: str) -> Picture:
    """Return a CMYK picture in sRGB, by its ICC profile; others as they are.

    Perceptual, with black as black (black point compensation), by littleCMS; the profile then is
    left out, for sRGB needs none.

    Raises
    ------
    InputError
        If it has no profile of inks, or more than 8 bits.
    """
    from PIL import Image, ImageCms

    if not picture.is_cmyk:
        return picture
    profile = picture.metadata.icc_profile or b""
    if profile[ICC_SPACE] != ICC_SPACES["CMYK"]:
        raise InputError(
            f"to-srgb: {name} has no ICC profile, without which inks are no known colours; embed "
            "that of its printer"
        )
    if picture.pixels.dtype != np.uint8:
        raise InputError(f"to-srgb: expected 8 bits, {name} has more; convert it first")
    image = Image.frombytes("CMYK", picture.pixels.shape[1::-1], picture.pixels.tobytes())
    try:
        converted = ImageCms.profileToProfile(
            image,
            BytesIO(profile),
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.PERCEPTUAL,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except ImageCms.PyCMSError as error:
        raise InputError(f"to-srgb: the ICC profile of {name} cannot be used: {error}") from error
    metadata = replace(picture.metadata, icc_profile=None)
    return replace(picture, pixels=np.asarray(converted), metadata=metadata, is_cmyk=False)
