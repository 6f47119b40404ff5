"""Windows' icons."""

import struct
from io import BytesIO
from typing import IO

from sr_arn.pictures.formats.base import Format, check_size
from sr_arn.pictures.formats.pillow import from_pil, opened
from sr_arn.pictures.formats.png import PNG
from sr_arn.pictures.left_out import leave_out
from sr_arn.pictures.picture import Picture

__all__ = ["ICO"]

HEADER, ENTRY = 6, "<4B2H2I"  # bytes; width, height, colours, 0, planes, bits, length, offset
BITMAP_SIDES = struct.Struct("<4xii")
LARGEST = 256  # pixels a side, which the directory states as 0


class ICO(Format):
    """An icon's largest picture; it is only read."""

    name = "ICO"
    suffixes = (".ico", ".cur")
    signature = rb"\0\0[\x01\x02]\0[^\0]\0"
    mime = "image/x-icon"
    shown_by_browsers = True

    def read(self, file: IO[bytes], name: str, max_pixels: int) -> Picture:
        """Return the picture of the largest size, of equal ones that with the most bits."""
        (count,) = struct.unpack("<4xH", file.read(HEADER))
        size = struct.calcsize(ENTRY)
        entries = [struct.unpack(ENTRY, file.read(size)) for _ in range(count)]
        largest = max(entries, key=lambda e: ((e[0] or LARGEST) * (e[1] or LARGEST), e[5]))
        file.seek(largest[-1])
        picture = self._read_one(largest, file.read(largest[-2]), name, max_pixels)
        if count > 1:
            leave_out(name, f"{count - 1} further sizes")
        return picture

    def _read_one(
        self, entry: tuple[int, ...], content: bytes, name: str, max_pixels: int
    ) -> Picture:
        """Return the picture of an entry."""
        if content.startswith(b"\x89PNG"):
            return PNG().read(BytesIO(content), name, max_pixels)
        width, height = BITMAP_SIDES.unpack_from(content)  # of the picture above its mask
        check_size(width, height // 2, max_pixels, name)
        # an icon of that size alone
        alone = struct.pack("<3H", 0, 1, 1) + struct.pack(
            ENTRY, *entry[:4], 1, entry[5], len(content), HEADER + struct.calcsize(ENTRY)
        )
        with opened(BytesIO(alone + content), self.name, name, max_pixels) as image:
            return from_pil(image, name)
