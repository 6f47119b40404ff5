import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.ExifTags import IFD

from sr_arn.pictures import exif
from sr_arn.pictures.change import Change
from sr_arn.pictures.tiff_tags import Field, block_of, short

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


def to(width, height):
    """The change of the block's picture to another size."""
    return Change((40, 30), (width, height))


def test_a_picture_is_upright_of_its_new_size_and_all_else_stays():
    before = read(block())
    after = read(exif.changed(block(), to(120, 90_000)))
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
    assert exif.changed(data, to(9, 9)).index(MAKER_NOTE) == data.index(MAKER_NOTE)


def test_the_thumbnail_goes():
    thumbnail = b"\xff\xd8 a thumbnail \xff\xd9"
    data = block(thumbnail=thumbnail)
    assert exif.read(data).next[1] > 0
    result = exif.changed(data, to(9, 9))
    assert thumbnail not in result
    assert exif.read(result).next[1] == 0
    assert len(result) == len(data) - len(thumbnail)


@pytest.mark.parametrize("order", ["<", ">"])
def test_written_directories_are_read_back_by_another_program(order):
    directory = {
        0x010F: Field(2, b"A maker\0"),
        0x8769: {0x9003: Field(2, b"2020:01:02 03:04:05\0"), 0x9000: Field(7, b"0232")},
    }
    directory = exif.with_resolution(directory, order, (300, 72.5))
    data = block_of(directory, order)
    first, inner, _ = read(data)
    assert first[0x010F] == "A maker"
    assert (first[0x011A], first[0x011B], first[0x0128]) == (300, 72.5, 2)
    assert inner == {0x9003: "2020:01:02 03:04:05", 0x9000: b"0232"}
    assert exif.resolution_of(exif.read(data)) == (300, 72.5)


def test_a_resolution_is_added_but_never_to_makers_notes():
    added = exif.block_with_resolution(block_of({0x010F: Field(2, b"M\0")}, ">"), (9, 9))
    assert read(added)[0] == {0x010F: "M", 0x011A: 9, 0x011B: 9, 0x0128: 2}
    changed = exif.block_with_resolution(added, (7, 300))
    assert read(changed)[0] == {0x010F: "M", 0x011A: 7, 0x011B: 300, 0x0128: 2}
    assert len(changed) == len(added)  # in place
    assert exif.block_with_resolution(changed, (7, 300.001)) == changed
    assert exif.block_with_resolution(block(), (9, 9)) == block()


def test_centimetres():
    fields = exif.with_resolution({}, "<", (100, 100)) | {0x0128: short(3, "<")}
    data = block_of(fields, "<")
    assert exif.resolution_of(exif.read(data)) == (254, 254)


def field(tag, kind, count, value):
    return struct.pack("<HHII", tag, kind, count, value)


def with_fields(*fields, following=bytes(4)):
    return struct.pack("<2sHIH", b"II", 42, 8, len(fields)) + b"".join(fields) + following


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "ends too early"),
        (b"II*\0", "ends too early"),
        (b"no TIFF at all", "no TIFF header"),
        (struct.pack("<2sHI", b"II", 42, 999), "ends too early"),
        (struct.pack("<2sHIH", b"II", 42, 8, 65535), "ends too early"),
        (b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 1 << 60), "ends too early"),
        (b"II+\0\x08\0\0\0" + struct.pack("<QQQ", 16, 0, 0), "BigTIFF"),
    ],
)
def test_blocks_without_a_directory(data, message):
    with pytest.raises(ValueError, match=message):
        exif.changed(data, to(9, 9))


SIDEWAYS = field(0x0112, 3, 1, 6)


@pytest.mark.parametrize(
    "data",
    [
        with_fields(SIDEWAYS, following=b""),  # no pointer to the next directory
        with_fields(SIDEWAYS, field(0x8825, 4, 1, 0)),
        with_fields(SIDEWAYS, field(0x8825, 4, 1, 9999)),
        with_fields(SIDEWAYS, field(0x8769, 4, 1, 8)),  # a circle
        with_fields(SIDEWAYS, field(0x013B, 2, 99, 9999)),
        with_fields(SIDEWAYS, field(0x013B, 2, 2**32 - 1, 0)),
        with_fields(SIDEWAYS, field(0x013B, 99, 1, 0)),
    ],
)
def test_what_is_damaged_does_not_hide_the_rest(data):
    assert exif.orientation_of(exif.read(data)) == 6
    corrected = exif.changed(data, to(9, 9))
    assert exif.orientation_of(exif.read(corrected)) == 1
    assert len(corrected) == len(data)


def test_the_thumbnail_goes_wherever_it_stands():
    thumbnail = b"\xff\xd8 a thumbnail \xff\xd9 "
    second = 8 + 2 + 12 + 4 + len(thumbnail)
    data = with_fields(SIDEWAYS, following=struct.pack("<I", second)) + thumbnail
    data += struct.pack("<H", 2) + field(0x0201, 4, 1, 26) + field(0x0202, 4, 1, len(thumbnail))
    assert thumbnail not in exif.changed(data + bytes(4), to(9, 9))
    # but not what else stands where it claims to be
    claims = data.replace(field(0x0201, 4, 1, 26), field(0x0201, 4, 1, 9))
    assert exif.changed(claims + bytes(4), to(9, 9))[10:12] == SIDEWAYS[:2]


def test_an_orientation_is_taken_out_in_place():
    result = exif.without_orientation(block())
    assert exif.orientation_of(exif.read(result)) == 0
    assert result.index(MAKER_NOTE) == block().index(MAKER_NOTE)
    before, after = read(block()), read(result)
    assert before[0].pop(0x0112) == 6
    assert before == after
    assert exif.without_orientation(result) == result


def test_makers_notes_do_not_move():
    tiff = exif.read(block())
    directory, is_all = exif.portable(tiff.directory)
    assert not is_all
    assert read(block_of(directory, tiff.order))[1].keys() == {0xA002, 0xA003, 0x9003}
    assert exif.portable(directory) == (directory, True)


def test_many_fields_on_the_same_bytes_cost_no_more_than_the_file():
    entries = [field(tag, 7, 60_000, 8) for tag in range(0x9000, 0x9000 + 5000)]
    directory = exif.read(with_fields(*entries)).directory
    assert sum(len(f.value) for f in directory.values()) <= 4 * 60_100


@given(
    place=st.integers(0, len(block()) - 1),
    new=st.binary(min_size=1, max_size=8),
    end=st.integers(0, len(block())),
)
def test_any_damage_is_a_value_error_or_harmless(place, new, end):
    data = block(thumbnail=b"\xff\xd8 a thumbnail \xff\xd9")
    data = (data[:place] + new + data[place + len(new) :])[: end or None]
    try:
        assert len(exif.changed(data, to(70, 60))) <= len(data)
        exif.orientation_of(exif.read(data))
    except ValueError:
        pass
