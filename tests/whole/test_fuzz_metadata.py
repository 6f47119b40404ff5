"""Mutated files whose metadata are many: enlarged with what is damaged named, or one line."""

import random
import struct
from functools import cache
from io import BytesIO

import pytest
import test_fuzz_pictures
from mutations import mutated, mutated_png
from PIL import Image, features
from test_fuzz import counts
from test_fuzz_pictures import attempt
from test_silence import depth_map, jpeg, motion, png, tiff, webp, xmp

from sr_arn import cli
from sr_arn.pictures.formats.jpeg_segments import APP13, COMMENT, PHOTOSHOP, segment
from sr_arn.pictures.photoshop import with_iptc

# as on the command line
pytestmark = pytest.mark.filterwarnings("ignore:::PIL")

declared = test_fuzz_pictures.declared
IPTC = with_iptc(b"", b"\x1c\2\x05\0\3cup")
PACKET = xmp(
    'GPano:FullPanoWidthPixels="31" stArea:x="0.5" stArea:y="0.5" exif:PixelXDimension="31">'
    "<exif:SubjectArea><rdf:Seq><rdf:li>4</rdf:li><rdf:li>5</rdf:li></rdf:Seq></exif:SubjectArea>",
    {
        "GPano": "http://ns.google.com/photos/1.0/panorama/",
        "stArea": "http://ns.adobe.com/xmp/sType/Area#",
        "exif": "http://ns.adobe.com/exif/1.0/",
    },
)


@cache
def wholes(kind):
    """Return files of a kind that are whole, and rich in metadata."""
    picture = Image.effect_noise((31, 24), 60).convert("RGB")
    exif = Image.Exif()
    exif[0x0112], exif.get_ifd(0x8769)[0x9214] = 6, (9, 9, 4, 4)
    if kind == "JPEG":
        parts = segment(APP13, [PHOTOSHOP + IPTC]) + segment(COMMENT, [b"a cup"])
        rich = jpeg(picture, parts, after=jpeg(picture), xmp=PACKET, exif=exif)
        return [rich, depth_map(picture), motion(picture)]
    if kind == "PNG":
        text = (b"tEXt", b"Title\0a cup"), (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + PACKET)
        colours = (b"cICP", b"\x0c\x0d\0\1"), (b"gAMA", struct.pack(">I", 99_999))
        return [png(picture, *text, *colours, (b"eXIf", exif.tobytes()[6:]))]
    if kind == "TIFF":
        geo = (33550, "d", 3, (1.0, 1.0, 0.0), True), (33922, "d", 6, (0.0,) * 6, True)
        iptc = (33723, "B", 8, IPTC[12:20], True), (34377, "B", len(IPTC), IPTC, True)
        return [tiff(picture, (700, "B", len(PACKET), PACKET, True), *iptc, *geo)]
    if kind == "WebP":
        return [webp(picture)]
    stream = BytesIO()
    options = {"comment": b"a cup"} if kind == "GIF" else {"xmp": PACKET, "exif": exif}
    picture.save(stream, kind, **options)
    return [stream.getvalue()]


@pytest.fixture(autouse=True)
def one_parser(monkeypatch):
    """The parser of arguments, which takes half of the time, is made once."""
    monkeypatch.setattr(cli, "_parser", cache(cli._parser))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WebP", "GIF", "AVIF"])
@pytest.mark.parametrize("count", counts(40, 2000))
def test_mutated_metadata(tmp_path, declared, kind, count):
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    folder, dice, done = tmp_path / "here", random.Random(kind), 0  # noqa: S311
    folder.mkdir()
    whole = wholes(kind)
    assert all(attempt(folder, content, declared) for content in whole)
    for k in range(count):
        is_within = kind == "PNG" and dice.random() < 0.7  # chunks that pass as whole
        wrong = (mutated_png if is_within else mutated)(whole[k % len(whole)], dice)
        done += attempt(folder, wrong, declared)
    assert done > 0
