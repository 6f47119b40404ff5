"""AVIF files."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from io import BytesIO
from typing import IO, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import features

from sr_arn.pictures import exif
from sr_arn.pictures.formats.avif_items import Items, with_colours
from sr_arn.pictures.formats.base import ALPHA, check_size, report_frames
from sr_arn.pictures.formats.pillow import PillowFormat, metadata_of, opened
from sr_arn.pictures.levels import stretched
from sr_arn.pictures.metadata import Metadata
from sr_arn.pictures.picture import Picture, PictureInfo

__all__ = ["AVIF"]

HEAD = 4096  # bytes that hold the depth
USUAL = 8  # bits
DEEP, DEEPER = 0x40, 0x20  # flags


class AVIF(PillowFormat):
    """AVIF, where Pillow was built with it; written without chroma subsampling."""

    name = "AVIF"
    suffixes = (".avif",)
    signature = rb"....ftyp(avif|avis|(mif1|msf1).{4}(.{4}){0,12}?avif)"
    mime = "image/avif"
    modes = ALPHA
    longest_side = 32_768  # what libavif reads with its defaults
    most_pixels = 1 << 28
    quality = 90
    holds = PillowFormat.holds | {"cicp"}
    holds_grey = holds_resolution = False
    save_options: ClassVar[Mapping[str, Any]] = {"subsampling": "4:4:4"}

    def read(self, file: IO[bytes], name: str, max_pixels: int) -> Picture:
        """Return the picture in a file, of 8 or 16 bits."""
        bits = _bits(file)
        file.seek(0)
        if bits == USUAL:
            return super().read(file, name, max_pixels)
        from imagecodecs import avif_decode

        with opened(file, self.name, name, max_pixels) as image:
            check_size(*image.size, max_pixels, name)
            metadata = metadata_of(image)
            file.seek(0)
            pixels = stretched(avif_decode(file.read(), index=0, numthreads=1), bits)
            report_frames(getattr(image, "n_frames", 1), name)
        file.seek(0)
        metadata = self.attached(file, metadata)
        return Picture(pixels, metadata).upright(metadata.orientation())

    def attached(self, file: IO[bytes], metadata: Metadata) -> Metadata:
        """Return the metadata with colours by numbers, and names of further pictures."""
        cicp, names = Items.of(file)
        return metadata.without(*names, cicp=None if metadata.icc_profile else cicp)

    def write(
        self,
        file: IO[bytes],
        info: PictureInfo,
        strips: Iterable[NDArray[Any]],
        threads: int,
        quality: int | None = None,
    ) -> None:
        """Write a picture; its colours by numbers stand where Pillow has those of sRGB."""
        if not info.metadata.cicp:
            super().write(file, info, strips, threads, quality)
            return
        whole = BytesIO()
        super().write(whole, info, strips, threads, quality)
        file.write(with_colours(whole.getvalue(), info.metadata.cicp))

    def lacks(self, shape: tuple[int, ...], dtype: np.dtype[Any], mode: str) -> str | None:
        """Return what keeps it from holding such a picture, if anything does."""
        if not features.check("avif"):
            return "this Pillow was built without AVIF"
        return super().lacks(shape, dtype, mode)

    def fit(self, metadata: Metadata) -> Metadata:
        """Return the metadata that its files hold."""
        kept = super().fit(metadata)
        if kept.exif:  # else Pillow would write it anew, not as it was
            kept = replace(kept, exif=exif.without_orientation(kept.exif))
        return kept


def _bits(file: IO[bytes]) -> int:
    """Return the bits per colour that a file has. [AV1-ISOBMFF, section 2.3.3]."""
    _, _, configuration = file.read(HEAD).partition(b"av1C")
    flags = configuration[2] if len(configuration) > 2 else 0
    return USUAL if not flags & DEEP else 12 if flags & DEEPER else 10
