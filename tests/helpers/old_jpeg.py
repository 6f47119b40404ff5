"""TIFF files with old-style JPEG, which nothing writes any more. [TIFF 6.0, section 22]."""

import struct
from io import BytesIO

from PIL import Image


def old_jpeg(pixels) -> bytes:
    """Return a TIFF file of RGB pixels: a whole JPEG file that a field points at."""
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95, subsampling="4:2:0")
    content, (height, width) = stream.getvalue(), pixels.shape[:2]
    content += bytes(len(content) % 2)
    scan = content.index(b"\xff\xda")
    start = scan + 2 + struct.unpack_from(">H", content, scan + 2)[0]
    bits = 8 + len(content)
    fields = [
        *((256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, bits), (259, 3, 1, 6)),
        *((262, 3, 1, 6), (273, 4, 1, 8 + start), (277, 3, 1, 3), (278, 4, 1, height)),
        *((279, 4, 1, len(content) - start), (284, 3, 1, 1), (512, 3, 1, 1), (513, 4, 1, 8)),
        *((514, 4, 1, len(content)), (530, 3, 2, 2 | 2 << 16)),
    ]
    directory = b"".join(struct.pack("<HHII", *field) for field in fields)
    return (
        struct.pack("<2sHI", b"II", 42, bits + 6)
        + content
        + struct.pack("<3HH", 8, 8, 8, len(fields))
        + directory
        + bytes(4)
    )
