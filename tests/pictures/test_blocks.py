"""Photoshop's resources and GeoTIFF data: damage is a `ValueError`, all else as it was."""

import random
import struct

import pytest
from mutations import mutated

from sr_arn.pictures import exif, geo, photoshop
from sr_arn.pictures.change import Change
from sr_arn.pictures.metadata import Metadata
from sr_arn.pictures.tiff_tags import Field, block_of

SAME = Change((40, 30), (40, 30))
TWICE = Change((40, 30), (80, 60))


def resource(number, content, name=b"\0\0"):
    head = b"8BIM" + struct.pack(">H", number) + name + struct.pack(">I", len(content))
    return head + content + b"\0" * (len(content) % 2)


CAPTION = resource(0x0404, b"\x1c\2\x05\0\3cup")
DIGEST = resource(0x0425, bytes(16), b"\4name\0")


def test_resources_stay_but_for_those_of_pixels():
    guides, thumbnail = resource(0x0408, bytes(9)), resource(0x040C, bytes(99))
    whole = CAPTION + guides + DIGEST + thumbnail
    assert photoshop.changed(whole, SAME) == (CAPTION + guides + DIGEST, ())
    assert photoshop.changed(whole, TWICE) == (CAPTION + DIGEST, ("Photoshop's guides",))
    path = resource(0x07D0, bytes(26))
    assert photoshop.changed(path, TWICE) == (path, ())
    turned = Change((40, 30), (30, 40), 6)
    assert photoshop.changed(path, turned) == (b"", ("Photoshop's paths",))


def test_captions_go_to_a_tag_of_their_own_and_back():
    iptc, others = photoshop.split(CAPTION + DIGEST)
    assert (iptc, others) == (b"\x1c\2\x05\0\3cup", DIGEST)
    assert photoshop.with_iptc(others, iptc) == CAPTION + DIGEST
    assert photoshop.named(CAPTION) == "IPTC data"
    assert photoshop.named(DIGEST) == "Photoshop's resources"


@pytest.mark.parametrize("data", [b"8BIM", b"junk" * 9, CAPTION[:-2], CAPTION + b"x" * 20])
def test_damaged_resources_are_named(data):
    kept = Metadata(photoshop=data).changed(SAME)
    assert kept.photoshop is None
    assert kept.left_out[0].startswith("damaged ")


def geo_block(order="<"):
    doubles = {33550: (10.0, 10.0, 0.0), 33922: (3.0, 4.0, 0.0, 500.0, 600.0, 0.0)}
    fields = {
        tag: Field(12, struct.pack(f"{order}{len(numbers)}d", *numbers))
        for tag, numbers in doubles.items()
    }
    return block_of(fields | {34737: Field(2, b"UTM|\0")}, order)


def doubles_of(directory, tag, order):
    return struct.unpack(f"{order}{len(directory[tag].value) // 8}d", directory[tag].value)


@pytest.mark.parametrize("order", ["<", ">"])
def test_geo_data_in_either_order(order):
    block, names = geo.changed(geo_block(order), TWICE)
    assert names == ()
    other = ">" if order == "<" else "<"
    for wanted in (order, other):
        directory = geo.in_order(block, wanted)
        assert doubles_of(directory, 33550, wanted) == (5, 5, 0)
        assert doubles_of(directory, 33922, wanted) == (6, 8, 0, 500, 600, 0)
        assert directory[34737].value == b"UTM|\0"


def test_geo_data_of_a_turned_picture_are_named():
    metadata = Metadata(geo=geo_block()).changed(Change((40, 30), (30, 40), 6))
    assert metadata.geo is None
    assert metadata.left_out == ("GeoTIFF data of a picture that is not upright",)


def test_a_subject_that_no_longer_has_room_stands_at_the_end():
    area = Field(3, struct.pack("<4H", 20, 15, 10, 8))
    note = Field(7, bytes(range(99)))
    block = block_of({0x8769: {0x9214: area, 0x927C: note}}, "<")
    after = exif.changed(block, Change((40, 30), (40 * 5000, 30 * 5000)))
    inner = exif.read(after).directory[0x8769]
    assert struct.unpack("<4I", inner[0x9214].value) == (100_000, 75_000, 50_000, 40_000)
    assert inner[0x927C] == exif.read(block).directory[0x8769][0x927C]
    assert after[inner[0x927C].place :].startswith(note.value)


def test_a_sensor_whose_numbers_are_nonsense_stays():
    for pair in ((1, 0), (0, 1), (2**32 - 1, 1)):
        fields = {tag: Field(5, struct.pack("<II", *pair)) for tag in (0xA20E, 0xA20F)}
        exif.read(exif.changed(block_of({0x8769: fields}, "<"), TWICE))


@pytest.mark.parametrize(
    ("field", "whole"),
    [("photoshop", CAPTION + DIGEST), ("geo", geo_block()), ("geo", geo_block(">"))],
)
def test_any_damage_is_named_or_harmless(field, whole):
    dice = random.Random(field)  # noqa: S311
    for _ in range(500):
        kept = Metadata(**{field: mutated(whole, dice)}).changed(TWICE)
        assert getattr(kept.changed(SAME), field) == getattr(kept, field)
