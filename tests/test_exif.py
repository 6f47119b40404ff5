import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.ExifTags import IFD

from sr_arn import exif

MAKER_NOTE = bytes(range(200))


def block(order=b"II", thumbnail=b""):
    """An EXIF block, made by Pillow, to which a second directory with a thumbnail is put."""
    tags = Image.Exif()
    tags.endian = "<" if order == b"II" else ">"
    tags[0x010F], tags[0x0112] = "A maker", 6  # Make, Orientation
    tags[0x0100], tags[0x0101] = 40, 30
    inner = tags.get_ifd(IFD.Exif)
    inner[0xA002], inner[0xA003] = 40, 30
    inner[0x9003] = "2020:01:02 03:04:05"  # DateTimeOriginal
    inner[0x927C] = MAKER_NOTE
    tags.get_ifd(IFD.GPSInfo)[1] = "N"
    data = bytearray(tags.tobytes().removeprefix(b"Exif\0\0"))
    if thumbnail:
        mark = "<" if data[:2] == b"II" else ">"
        place = len(data) + 2 + 2 * 12 + 4
        entries = [(0x0201, 4, 1, place), (0x0202, 4, 1, len(thumbnail))]
        second = struct.pack(mark + "H", 2)
        second += b"".join(struct.pack(mark + "HHII", *entry) for entry in entries) + bytes(4)
        first = struct.unpack_from(mark + "I", data, 4)[0]
        count = struct.unpack_from(mark + "H", data, first)[0]
        struct.pack_into(mark + "I", data, first + 2 + 12 * count, len(data))
        data += second + thumbnail
    return bytes(data)


def read(data):
    """What Pillow reads in a block."""
    tags = Image.Exif()
    tags.load(data)
    return dict(tags), dict(tags.get_ifd(IFD.Exif)), dict(tags.get_ifd(IFD.GPSInfo))


def test_a_picture_is_upright_of_its_new_size_and_all_else_stays():
    before = read(block())
    after = read(exif.for_picture(block(), 120, 90_000))
    assert after[0].pop(0x0112) == 1
    assert before[0].pop(0x0112) == 6
    for tags in (after[0], after[1]):
        width, length = (0x0100, 0x0101) if 0x0100 in tags else (0xA002, 0xA003)
        assert (tags.pop(width), tags.pop(length)) == (120, 90_000)  # more than a SHORT holds
    for tags, names in ((before[0], (0x0100, 0x0101)), (before[1], (0xA002, 0xA003))):
        for name in names:
            del tags[name]
    for tags in (before[0], after[0]):
        tags.pop(0x8769), tags.pop(0x8825)
    assert before == after


def test_makers_notes_stay_where_they_are():
    data = block(thumbnail=b"\xff\xd8 a thumbnail \xff\xd9")
    assert exif.for_picture(data, 9, 9).index(MAKER_NOTE) == data.index(MAKER_NOTE)


def test_the_thumbnail_goes():
    thumbnail = b"\xff\xd8 a thumbnail \xff\xd9"
    data = block(thumbnail=thumbnail)
    assert exif.Tiff.read(io.BytesIO(data)).next[1] > 0
    result = exif.for_picture(data, 9, 9)
    assert thumbnail not in result
    assert exif.Tiff.read(io.BytesIO(result)).next[1] == 0
    assert len(result) == len(data) - len(thumbnail)


@pytest.mark.parametrize("order", ["<", ">"])
def test_written_directories_are_read_back_by_another_program(order):
    directory = {
        0x010F: exif.Field(2, b"A maker\0"),
        0x8769: {0x9003: exif.Field(2, b"2020:01:02 03:04:05\0"), 0x9000: exif.Field(7, b"0232")},
    }
    directory = exif.with_resolution(directory, order, (300, 72.5))
    data = exif.exif_block(directory, order)
    first, inner, _ = read(data)
    assert first[0x010F] == "A maker"
    assert (first[0x011A], first[0x011B], first[0x0128]) == (300, 72.5, 2)
    assert inner == {0x9003: "2020:01:02 03:04:05", 0x9000: b"0232"}
    assert exif.Tiff.read(io.BytesIO(data)).resolution() == (300, 72.5)


def test_a_resolution_is_added_but_never_to_makers_notes():
    added = exif.block_with_resolution(
        exif.exif_block({0x010F: exif.Field(2, b"M\0")}, ">"), (9, 9)
    )
    assert read(added)[0] == {0x010F: "M", 0x011A: 9, 0x011B: 9, 0x0128: 2}
    assert exif.block_with_resolution(added, (7, 7)) == added
    assert exif.block_with_resolution(block(), (9, 9)) == block()


def test_centimetres():
    fields = exif.with_resolution({}, "<", (100, 100)) | {0x0128: exif.short(3, "<")}
    data = exif.exif_block(fields, "<")
    assert exif.Tiff.read(io.BytesIO(data)).resolution() == (254, 254)


def circle():
    entry = struct.pack("<HHII", 0x8769, 4, 1, 8)
    return struct.pack("<2sHIH", b"II", 42, 8, 1) + entry + bytes(4)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "ends too early"),
        (b"II*\0", "ends too early"),
        (b"no TIFF at all", "no TIFF header"),
        (struct.pack("<2sHI", b"II", 42, 999), "ends too early"),
        (circle(), "in a circle"),
        (struct.pack("<2sHIH", b"II", 42, 8, 65535), "ends too early"),
        (b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 1 << 60), "fields too large"),
    ],
)
def test_damaged_blocks(data, message):
    with pytest.raises(ValueError, match=message):
        exif.for_picture(data, 9, 9)


@given(
    place=st.integers(0, len(block()) - 1),
    new=st.binary(min_size=1, max_size=8),
    end=st.integers(0, len(block())),
)
def test_any_damage_is_a_value_error_or_harmless(place, new, end):
    data = block(thumbnail=b"\xff\xd8 a thumbnail \xff\xd9")
    data = (data[:place] + new + data[place + len(new) :])[: end or None]
    try:
        assert len(exif.for_picture(data, 70, 60)) <= len(data)
        exif.orientation(data)
    except ValueError:
        pass
