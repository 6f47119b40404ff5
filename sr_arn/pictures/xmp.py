"""XMP data of a picture that was turned or scaled: numbers follow, claims of what is gone go.

[XMP specification, part 2; Metadata Working Group, guidelines 2.0, section 5.9; Google, Photo
Sphere, Motion Photo and Ultra HDR formats]
"""

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

from sr_arn.errors import display
from sr_arn.pictures.change import Change
from sr_arn.pictures.xmp_packet import Packet, Span, Value, spliced

__all__ = ["CLAIMS", "RULES", "changed", "claimed_by"]

USUAL = {
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/camera-raw-settings/1.0/": "crs",
    "http://ns.adobe.com/xmp/note/": "xmpNote",
    "http://ns.adobe.com/hdr-gain-map/1.0/": "hdrgm",
    "http://ns.apple.com/HDRGainMap/1.0/": "HDRGainMap",
    "http://ns.apple.com/pixeldatainfo/1.0/": "apdi",
    "http://ns.apple.com/faceinfo/1.0/": "apple-fi",
    "http://ns.google.com/photos/1.0/panorama/": "GPano",
    "http://ns.google.com/photos/1.0/camera/": "GCamera",
    "http://ns.google.com/photos/1.0/container/": "Container",
    "http://ns.google.com/photos/1.0/container/item/": "Item",
    "http://ns.google.com/photos/1.0/depthmap/": "GDepth",
    "http://ns.google.com/photos/1.0/image/": "GImage",
    "http://ns.google.com/photos/1.0/audio/": "GAudio",
    "http://ns.google.com/photos/dd/1.0/device/": "Device",
    "http://ns.xiaomi.com/photos/1.0/camera/": "MiCamera",
    "http://www.metadataworkinggroup.com/schemas/regions/": "mwg-rs",
    "http://ns.adobe.com/xmp/sType/Area#": "stArea",
    "http://ns.adobe.com/xap/1.0/sType/Dimensions#": "stDim",
    "http://ns.acdsee.com/sType/Area#": "stArea",
    "http://ns.acdsee.com/sType/Dimensions#": "stDim",
    "http://ns.microsoft.com/photo/1.2/t/Region#": "MPReg",
    "http://www.dji.com/drone-dji/1.0/": "drone-dji",
}
CLAIMS = {
    "hdrgm:": "gain map",
    "HDRGainMap:": "gain map",
    "apdi:": "auxiliary picture",
    "GDepth:": "depth map",
    "Device:": "depth map",
    "GImage:": "further picture",
    "GAudio:": "sound",
    "GCamera:MotionPhoto": "motion video",
    "GCamera:MicroVideo": "motion video",
    "MiCamera:XMPMeta": "depth map",
    "xmpNote:HasExtendedXMP": "",  # a reader that finds it names it
    "Container:": "",  # its items name what they are
    "Item:": "",
}
"""How names of claims begin, and what they claim."""

SEMANTICS = {"GainMap": "gain map", "MotionPhoto": "motion video", "Depth": "depth map"}
"""What an item of a container is, by its Item:Semantic."""

NUMBER = re.compile(r"[+-]?\d+(?:/\d+|\.\d*)?(?:[eE][+-]?\d{1,3})?")
MOST_DENOMINATOR = 1_000_000
SAME = 1e-9
ROLLS = {3: 180, 6: 90, 8: 270}  # degrees, by orientation

Numbers = Sequence[float]
Texts = dict[str, str]


class Rule(NamedTuple):
    """How values that belong together change."""

    names: tuple[str, ...]
    """Of the values; one that is missing is 0."""
    law: Callable[[Change, Numbers, Texts], Numbers]
    """Of the change, their numbers and the texts of all values of their owner."""
    counts_pixels: bool = True
    """Whether whole numbers stay whole."""


def _size(change: Change, numbers: Numbers, _: Texts) -> Numbers:
    return change.after


def _sides(change: Change, numbers: Numbers, _: Texts) -> Numbers:
    return change.sides(numbers[0], numbers[1])


def _point(change: Change, numbers: Numbers, _: Texts) -> Numbers:
    return change.point(numbers[0], numbers[1])


def _rectangle(change: Change, numbers: Numbers, _: Texts) -> Numbers:
    left, top, width, height = numbers
    return _corners(change.point, left, top, width, height)


def _corners(
    moved: Callable[[float, float], tuple[float, float]], left: float, top: float, *sides: float
) -> tuple[float, float, float, float]:
    """Return left, top, width and height of a rectangle whose corners move."""
    (x, y), (u, v) = moved(left, top), moved(left + sides[0], top + sides[1])
    return min(x, u), min(y, v), abs(u - x), abs(v - y)


def _panorama(change: Change, numbers: Numbers, _: Texts) -> Numbers:
    left, top, width, height, *whole = numbers
    full = whole[0], whole[1]
    inner = _corners(lambda x, y: change.point(x, y, full), left, top, width, height)
    return *inner, *change.sides(*full)


def _subject(change: Change, numbers: Numbers, texts: Texts) -> Numbers:
    """Move a point, or one with a diameter or a rectangle's sides. [EXIF 2.32: SubjectArea]."""
    x, y, width, height = numbers
    return *change.point(x, y), *change.sides(width, height or width)


def _area(change: Change, numbers: Numbers, texts: Texts) -> Numbers:
    """Move the middle of a region, and its sides."""
    x, y, *sides = numbers
    if texts.get("stArea:unit", "") == "pixel":
        return *change.point(x, y), *change.sides(*sides)
    return *change.turned(x, y), *(sides[::-1] if change.is_sideways else sides)


def _dimensions(change: Change, numbers: Numbers, texts: Texts) -> Numbers:
    is_pixels = texts.get("stDim:unit", "pixel").lower() in ("pixel", "pixels")
    return change.sides(*numbers) if is_pixels else numbers


def _shares(change: Change, numbers: Numbers, _: Texts) -> Numbers:
    """Move left, top, width and height in one text, shares of the picture."""
    if len(numbers) != 4:
        return numbers
    left, top, width, height = numbers
    return _corners(change.turned, left, top, width, height)


def _crop(change: Change, numbers: Numbers, texts: Texts) -> Numbers:
    """Move left, top, right and bottom, shares of the picture; of the raw one if it is done."""
    left, top, right, bottom = numbers
    if texts.get("crs:AlreadyApplied", "").lower() == "true":
        return numbers
    x, y, width, height = _corners(change.turned, left, top, right - left, bottom - top)
    return x, y, x + width, y + height


def _crop_size(change: Change, numbers: Numbers, texts: Texts) -> Numbers:
    is_pixels = texts.get("crs:CropUnits", texts.get("crs:CropUnit", "")) == "0"
    return change.sides(*numbers) if is_pixels else numbers


def _roll(change: Change, numbers: Numbers, _: Texts) -> Numbers:
    return [(numbers[0] + ROLLS.get(change.orientation, 0)) % 360]


RULES = (
    Rule(("tiff:Orientation",), lambda change, numbers, texts: (1,)),
    Rule(("tiff:ImageWidth", "tiff:ImageLength"), _size),
    Rule(("exif:PixelXDimension", "exif:PixelYDimension"), _size),
    Rule(("exif:FocalPlaneXResolution", "exif:FocalPlaneYResolution"), _sides),
    Rule(tuple(f"exif:SubjectArea[{k}]" for k in range(4)), _subject),
    Rule(("exif:SubjectLocation[0]", "exif:SubjectLocation[1]"), _point),
    Rule(
        (
            *("GPano:CroppedAreaLeftPixels", "GPano:CroppedAreaTopPixels"),
            *("GPano:CroppedAreaImageWidthPixels", "GPano:CroppedAreaImageHeightPixels"),
            *("GPano:FullPanoWidthPixels", "GPano:FullPanoHeightPixels"),
        ),
        _panorama,
    ),
    Rule(
        tuple(f"GPano:LargestValidInteriorRect{s}" for s in ("Left", "Top", "Width", "Height")),
        _rectangle,
    ),
    Rule(("stArea:x", "stArea:y", "stArea:w", "stArea:h"), _area, counts_pixels=False),
    Rule(("stDim:w", "stDim:h"), _dimensions),
    Rule(("MPReg:Rectangle",), _shares, counts_pixels=False),
    Rule(("apple-fi:AngleInfoRoll",), _roll),
    Rule(
        ("crs:CropLeft", "crs:CropTop", "crs:CropRight", "crs:CropBottom"),
        _crop,
        counts_pixels=False,
    ),
    Rule(("crs:CropWidth", "crs:CropHeight"), _crop_size),
    Rule(("drone-dji:CalibratedFocalLength",), lambda change, n, t: (n[0] * change.scale[0],)),
    Rule(("drone-dji:CalibratedOpticalCenterX", "drone-dji:CalibratedOpticalCenterY"), _point),
)
"""Every tag of XMP that counts pixels or says where something is in the picture."""


def changed(xmp: bytes, change: Change) -> tuple[bytes, tuple[str, ...]]:
    """Return a packet for the changed picture, and what it claimed to be in the file.

    Raises
    ------
    ValueError
        If it is no packet.
    """
    packet = Packet(xmp, USUAL, _is_claim)
    edits: dict[Span, bytes] = dict.fromkeys(packet.gone, b"")
    owned: dict[int, dict[str, Value]] = {}
    for value in packet.values:
        owned.setdefault(value.owner, {})[value.name] = value
    for values in owned.values():
        for rule in RULES:
            edits |= _edits(rule, change, values)
    return spliced(xmp, edits), _claimed(packet.gone_values)


def claimed_by(xmp: bytes | None) -> tuple[str, ...]:
    """Return what a packet claims to be in its file; nothing if it is damaged."""
    try:
        return _claimed(Packet(xmp, USUAL, _is_claim).gone_values) if xmp else ()
    except ValueError:
        return ()


def _is_claim(name: str) -> bool:
    return name.startswith(tuple(CLAIMS))


def _claimed(gone: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Return what claims say is in the file, of their names and texts."""
    found = []
    for name, text in gone:
        if name == "Item:Semantic" and text != "Primary":
            found.append(SEMANTICS.get(text, f"attached {display(text, 40)}"))
        found += [what for start, what in CLAIMS.items() if what and name.startswith(start)]
    return tuple(dict.fromkeys(found))


def _edits(rule: Rule, change: Change, values: dict[str, Value]) -> dict[Span, bytes]:
    """Return the new texts of an owner's values that a rule names."""
    first, is_list = rule.names[0], len(rule.names) == 1  # of all numbers in one text
    found = {name: NUMBER.findall(values[name].text) for name in rule.names if name in values}
    if not found or not all(found.values()):
        return {}
    olds = found[first] if is_list else [found.get(name, [""])[0] for name in rule.names]
    texts = {name: value.text.strip() for name, value in values.items()}
    try:
        before = [float(Fraction(old or 0)) for old in olds]
        news = [
            old if abs(b - a) <= SAME * abs(b) else _written(old, a, rule.counts_pixels)
            for old, b, a in zip(olds, before, rule.law(change, before, texts), strict=True)
        ]
    except (ValueError, ZeroDivisionError, OverflowError):  # no numbers of a picture
        return {}
    if is_list:
        return {values[first].span: ", ".join(news).encode()} if news != olds else {}
    triples = zip(rule.names, olds, news, strict=True)
    return {values[name].span: new.encode() for name, old, new in triples if old and new != old}


def _written(old: str, number: float, counts_pixels: bool) -> str:
    """Return a number as the old one was written: a fraction, whole or with decimals."""
    if "/" in old:
        fraction = Fraction(number).limit_denominator(MOST_DENOMINATOR)
        return f"{fraction.numerator}/{fraction.denominator}"
    if counts_pixels and old.lstrip("+-").isdigit():
        return str(round(number))
    return f"{number:.9g}"
