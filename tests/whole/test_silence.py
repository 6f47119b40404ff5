"""What a file holds beside its pixels is kept or named, and its numbers follow the size.

Files are made and results are read by exiftool, ImageMagick, GDAL and libavif's programs.
"""

import json
import shutil
import struct
import subprocess
from io import BytesIO

import numpy as np
import pytest
import test_oracles
import tifffile
from conftest import opened, png_chunks
from PIL import Image, ImageCms, features
from PIL.PngImagePlugin import PngInfo
from test_oracles import tags_of

from sr_arn.cli import main
from sr_arn.pictures.change import Change
from sr_arn.pictures.formats.jpeg_segments import segment
from sr_arn.pictures.formats.png_chunks import chunks

exiftool = test_oracles.exiftool
magick = test_oracles.magick

SIZE = 48, 32  # width, height
COMMON = ("--model", "bicubic", "--scale", 2, "--restore", "off")


def upscale(source, target, *options):
    """Run the command line; return what its JSON says of the picture."""
    report = target.with_name(f"{target.name}.json")
    arguments = ("upscale", source, "-o", target, *COMMON, "--json", report, *options)
    assert main([str(argument) for argument in arguments]) == 0
    return json.loads(report.read_text())["pictures"][0]


def run(name, *arguments):
    """Run a program, else skip the test; return what it prints."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"the program {name} is not installed")
    command = [path, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def picture(coffee):
    return Image.fromarray(coffee[100 : 100 + SIZE[1], 200 : 200 + SIZE[0]])


# kept


def test_text_of_png_is_kept_byte_for_byte(picture, exiftool, tmp_path, capsys):
    texts = PngInfo()
    texts.add_text("parameters", "a cup\nSteps: 20, Size: 48x32")
    texts.add_text("workflow", json.dumps({"nodes": []}) * 99, zip=True)
    texts.add_itxt("prompt", "eine Täße", lang="de", zip=True)
    texts.add(b"prVt", b"private, and safe to copy", after_idat=True)
    picture.save(tmp_path / "in.png", pnginfo=texts)
    exiftool("-overwrite_original", "-PNG:Title=Coffee", "-PNG:Copyright=©", tmp_path / "in.png")
    assert upscale(tmp_path / "in.png", tmp_path / "out.png")["left_out"] == []
    assert capsys.readouterr().err == ""
    kinds = (b"tEXt", b"zTXt", b"iTXt", b"prVt")
    before, after = (
        [(k, bytes(content)) for k, content, _ in chunks(path.read_bytes()) if k in kinds]
        for path in (tmp_path / "in.png", tmp_path / "out.png")
    )
    assert len(before) == 6
    assert after == before
    tags = tags_of(exiftool, tmp_path / "out.png")
    assert (tags["PNG:Title"], tags["PNG:Copyright"]) == ("Coffee", "©")
    left_out = upscale(tmp_path / "in.png", tmp_path / "out.jpg")["left_out"]
    assert len(left_out) == 1
    assert left_out[0].startswith("PNG's parameters, workflow, prompt, ")
    assert left_out[0].endswith("(JPEG holds none)")
    assert f"in.png: left out {left_out[0]}" in capsys.readouterr().err


CAPTIONS = {
    "IPTC:Keywords": ["harbour", "evening"],
    "IPTC:By-line": "N. N.",
    "IPTC:Caption-Abstract": "A cup of coffee",
    "IPTC:CopyrightNotice": "(c) Example Press",
}


@pytest.mark.parametrize("target", ["jpg", "tif", "png", "webp"])
@pytest.mark.parametrize("source", ["jpg", "tif", "png"])
def test_captions_are_kept(picture, exiftool, tmp_path, capsys, source, target):
    path, out = tmp_path / f"in.{source}", tmp_path / f"out.{target}"
    picture.save(path)
    pairs = [(n, v) for n, vs in CAPTIONS.items() for v in (vs if isinstance(vs, list) else [vs])]
    digest = ["-Photoshop:IPTCDigest=new"] if source == "jpg" else []
    exiftool("-overwrite_original", *(f"-{n}={v}" for n, v in pairs), *digest, path)
    before, left_out = tags_of(exiftool, path), upscale(path, out)["left_out"]
    after = tags_of(exiftool, out)
    if target == "webp":
        assert left_out == ["IPTC data (WebP holds none)"]
        assert capsys.readouterr().err.count("left out") == 1
        return
    assert left_out == []
    for name, value in CAPTIONS.items():
        assert before[name] == after[name] == value
    assert after.get("Photoshop:IPTCDigest") == before.get("Photoshop:IPTCDigest")
    if source == target == "jpg":
        assert after["File:CurrentIPTCDigest"] == before["File:CurrentIPTCDigest"]
        assert after["Photoshop:IPTCDigest"] == after["File:CurrentIPTCDigest"]


@pytest.mark.parametrize(
    ("source", "target", "tag"),
    [("jpg", "jpg", "File:Comment"), ("jpg", "png", "PNG:Comment"), ("gif", "png", "PNG:Comment")],
)
def test_comments_are_kept(picture, exiftool, magick, tmp_path, source, target, tag):
    picture.save(tmp_path / "a.png")
    path, out = tmp_path / f"in.{source}", tmp_path / f"out.{target}"
    magick(tmp_path / "a.png", "-strip", path)
    exiftool("-overwrite_original", "-Comment=remember me: é", path)
    assert upscale(path, out)["left_out"] == []
    assert tags_of(exiftool, out)[tag] == "remember me: é"
    assert upscale(path, tmp_path / "out.webp")["left_out"] == ["comment (WebP holds none)"]


HERE = ("-a_srs", "EPSG:32632", "-a_ullr", 500000, 4600000, 500480, 4599680)
POINTS = ((3, 4, 8.5, 47.25), (40, 4, 9, 47.25), (3, 30, 8.5, 47))
GEO = {
    "corners": HERE,
    "middles": (*HERE, "-mo", "AREA_OR_POINT=Point"),
    "points": ("-a_srs", "EPSG:4326", *(n for point in POINTS for n in ("-gcp", *point))),
}


@pytest.mark.parametrize("kind", GEO)
def test_gdal_finds_the_picture_in_the_same_place(picture, tmp_path, capsys, kind):
    picture.save(tmp_path / "plain.tif")
    path, out = tmp_path / "in.tif", tmp_path / "out.tif"
    run("gdal_translate", "-q", "-a_nodata", 0, *GEO[kind], tmp_path / "plain.tif", path)
    assert upscale(path, out)["left_out"] == []
    before, after = (json.loads(run("gdalinfo", "-json", p)) for p in (path, out))
    assert after["bands"][0]["noDataValue"] == 0
    if kind == "points":
        assert after["gcps"]["coordinateSystem"] == before["gcps"]["coordinateSystem"]
        for old, new in zip(before["gcps"]["gcpList"], after["gcps"]["gcpList"], strict=True):
            assert (new["x"], new["y"]) == (old["x"], old["y"])
            assert (new["pixel"], new["line"]) == (2 * old["pixel"], 2 * old["line"])
        return
    assert after["coordinateSystem"] == before["coordinateSystem"]
    assert after["metadata"][""]["AREA_OR_POINT"] == before["metadata"][""]["AREA_OR_POINT"]
    for corner in ("upperLeft", "lowerRight"):
        assert after["cornerCoordinates"][corner] == before["cornerCoordinates"][corner]
    assert after["geoTransform"][1] == before["geoTransform"][1] / 2
    assert upscale(path, tmp_path / "out.png")["left_out"] == ["GeoTIFF data (PNG holds none)"]


@pytest.mark.parametrize("raster_type", [1, 2])
def test_gdal_finds_a_turned_grid_in_the_same_place(picture, tmp_path, raster_type):
    matrix = (6.0, 8.0, 0.0, 500000.0, 8.0, -6.0, 0.0, 4600000.0, *[0.0] * 7, 1.0)
    keys = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, raster_type, 3072, 0, 1, 32632)
    tags = [(34264, "d", 16, matrix, True), (34735, "H", len(keys), keys, True)]
    tifffile.imwrite(tmp_path / "in.tif", np.asarray(picture), photometric="rgb", extratags=tags)
    upscale(tmp_path / "in.tif", tmp_path / "out.tif")
    before, after = (
        json.loads(run("gdalinfo", "-json", tmp_path / f"{name}.tif"))["cornerCoordinates"]
        for name in ("in", "out")
    )
    assert before["lowerRight"] != before["upperLeft"]
    assert after == before


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
@pytest.mark.parametrize("numbers", [(12, 13), (9, 16), (9, 18)])
def test_colours_by_numbers_are_kept(picture, exiftool, tmp_path, capsys, numbers):
    picture.save(tmp_path / "a.png")
    cicp = f"{numbers[0]}/{numbers[1]}/6"
    run("avifenc", "--cicp", cicp, "-y", "444", tmp_path / "a.png", tmp_path / "in.avif")
    for name in ("out.avif", "out.png"):
        assert upscale(tmp_path / "in.avif", tmp_path / name)["left_out"] == []
    upscale(tmp_path / "out.png", tmp_path / "again.png")
    upscale(tmp_path / "again.png", tmp_path / "again.avif")
    for name in ("out", "again"):
        told = run("avifdec", "--info", tmp_path / f"{name}.avif")
        assert f" * Color Primaries: {numbers[0]}\n * Transfer Char. : {numbers[1]}\n" in told
        tags = tags_of(exiftool, tmp_path / f"{name}.png")
        assert (tags["PNG:ColorPrimaries"], tags["PNG:TransferCharacteristics"]) == numbers
    capsys.readouterr()
    left_out = upscale(tmp_path / "in.avif", tmp_path / "out.jpg")["left_out"]
    assert left_out[0].startswith(f"colours by numbers {numbers[0]}/{numbers[1]}, ")


def test_a_preview_has_the_profile(picture, exiftool, tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture.save(tmp_path / "in.jpg", icc_profile=profile)
    upscale(tmp_path / "in.jpg", tmp_path / "out.jpg", "--preview")
    tags = tags_of(exiftool, tmp_path / "out.preview.png")
    assert tags["ICC_Profile:ProfileDescription"] == "sRGB built-in"


# named, and claimed no longer


def xmp(text, spaces):
    """A packet with an rdf:Description of this content."""
    declared = " ".join(f'xmlns:{prefix}="{space}"' for prefix, space in spaces.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" {declared} '
        f'xmp:Rating="4" {text}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


PHOTOS = "http://ns.google.com/photos/1.0/"
CONTAINER = {"Container": f"{PHOTOS}container/", "Item": f"{PHOTOS}container/item/"}


def directory(semantic):
    items = "".join(
        f'<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="{one}" '
        'Item:Mime="image/jpeg" Item:Length="9"/></rdf:li>'
        for one in ("Primary", semantic)
    )
    return f"><Container:Directory><rdf:Seq>{items}</rdf:Seq></Container:Directory>"


def jpeg(picture, *segments, after=b"", **options):
    """A JPEG file with segments before its own, and something after it."""
    whole = BytesIO()
    picture.save(whole, "JPEG", **options)
    return b"\xff\xd8" + b"".join(segments) + whole.getvalue()[2:] + after


def gain_map(picture):
    told = {**CONTAINER, "hdrgm": "http://ns.adobe.com/hdr-gain-map/1.0/"}
    packet = xmp('hdrgm:Version="1.0"' + directory("GainMap"), told)
    return jpeg(picture, after=jpeg(picture.resize((12, 8))), xmp=packet)


def depth_map(picture):
    guid = b"AC831D4B36B82B11001713A5F1B25C2E"
    told = {"GDepth": f"{PHOTOS}depthmap/", "xmpNote": "http://ns.adobe.com/xmp/note/"}
    packet = xmp(f'GDepth:Near="0.3" xmpNote:HasExtendedXMP="{guid.decode()}">', told)
    more = xmp('GDepth:Data="iVBORw0K">', told)
    head = b"http://ns.adobe.com/xmp/extension/\0" + guid + struct.pack(">II", len(more), 0)
    return jpeg(picture, segment(0xE1, [head + more]), xmp=packet)


def motion(picture):
    packet = xmp(
        'GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion="1" GCamera:BurstID="7"'
        + directory("MotionPhoto"),
        {**CONTAINER, "GCamera": f"{PHOTOS}camera/"},
    )
    video = struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0) + bytes(50)
    return jpeg(picture, xmp=packet, after=video)


def tiff(picture, *tags):
    whole = BytesIO()
    tifffile.imwrite(whole, np.asarray(picture), photometric="rgb", metadata=None, extratags=tags)
    return whole.getvalue()


def png(picture, *extra):
    whole = BytesIO()
    picture.save(whole, "PNG")
    parts = [(kind, bytes(content)) for kind, content, _ in chunks(whole.getvalue())]
    return png_chunks(parts[0], *extra, *parts[1:])


def webp(picture):
    whole = BytesIO()
    picture.save(whole, "WEBP", exif=Image.Exif(), icc_profile=b"", xmp=b"<x/>")
    content = whole.getvalue()[8:] + b"prvt" + struct.pack("<I", 4) + b"1234"
    return b"RIFF" + struct.pack("<I", len(content)) + content


OTHERS = {
    "gain map.jpg": (gain_map, ["gain map"]),
    "depth.jpg": (depth_map, ["extended XMP", "depth map"]),
    "motion.jpg": (motion, ["motion video"]),
    "iso gain map.jpg": (
        lambda p: jpeg(p, segment(0xE2, [b"urn:iso:std:iso:ts:21496:-1\0" + bytes(4)])),
        ["gain map"],
    ),
    "credentials.jpg": (
        lambda p: jpeg(p, segment(0xEB, [b"JP\0\1" + bytes(9)])),
        ["content credentials or other JUMBF data"],
    ),
    "private.jpg": (
        lambda p: jpeg(p, segment(0xE5, [b"A maker's\0own"]), after=b"more"),
        ["segment APP5 (A maker's)", "4 bytes after the picture"],
    ),
    "three.jpg": (
        lambda p: jpeg(p, after=jpeg(p) + bytes(99) + jpeg(p)),
        ["2 further pictures"],
    ),
    "private.tif": (
        lambda p: tiff(p, (65000, "I", 1, 7, True), (37724, "B", 4, b"8BIM", True)),
        ["layers (ImageSourceData)", "tags 65000"],
    ),
    "rational polynomial.tif": (
        lambda p: tiff(p, (50844, "d", 92, [0.0] * 92, True)),
        ["tags 50844 (RPCCoefficientTag)"],
    ),
    "private.png": (
        lambda p: png(p, (b"prVT", b"not safe to copy"), (b"oFFs", struct.pack(">iiB", 1, 1, 0))),
        ["chunk prVT", "chunk oFFs"],
    ),
    "credentials.png": (lambda p: png(p, (b"caBX", b"")), ["content credentials (caBX)"]),
    "private.webp": (webp, ["chunk prvt"]),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_not_kept_is_named_once_and_claimed_no_longer(
    picture, exiftool, tmp_path, capsys, name
):
    make, expected = OTHERS[name]
    path, out = tmp_path / name, tmp_path / f"out{(tmp_path / name).suffix}"
    path.write_bytes(make(picture))
    assert sorted(upscale(path, out)["left_out"]) == sorted(expected)
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert all(what in errors for what in expected)
    assert upscale(out, tmp_path / f"again{out.suffix}")["left_out"] == []
    told = exiftool("-G1", "-a", "-s", out)
    for claim in ("hdrgm", "GDepth", "MotionPhoto", "Container", "HasExtendedXMP", "MPF", "Warn"):
        assert claim not in told
    if b"Rating" in path.read_bytes():
        assert tags_of(exiftool, out)["XMP:Rating"] == 4
    if "motion" in name:
        assert tags_of(exiftool, out)["XMP:BurstID"] == 7  # what is still true stays


def test_claims_written_by_exiftool_go_too(picture, exiftool, tmp_path, capsys):
    picture.save(tmp_path / "in.jpg")
    claims = ("-XMP-GCamera:MicroVideo=1", "-XMP-GCamera:MicroVideoOffset=99")
    exiftool("-overwrite_original", *claims, "-XMP-GCamera:BurstID=7", tmp_path / "in.jpg")
    for suffix in ("jpg", "png", "tif", "webp"):
        out = tmp_path / f"out.{suffix}"
        assert upscale(tmp_path / "in.jpg", out)["left_out"] == ["motion video"]
        tags = tags_of(exiftool, out)
        assert tags["XMP:BurstID"] == 7
        assert not {tag for tag in tags if "MicroVideo" in tag}


def test_previews_go_as_thumbnails_do(picture, tmp_path, capsys):
    preview = jpeg(picture.resize((12, 8)))
    entries = struct.pack("<IIIHH", 0x030000, 0, 0, 0, 0)
    table = struct.pack("<2sHIH", b"II", 42, 8, 1) + struct.pack("<HHII", 0xB002, 7, 32, 26)
    index = b"MPF\0" + table + bytes(4) + entries
    offset = len(jpeg(picture, segment(0xE2, [index + bytes(16)]))) - (2 + 4 + 4)
    index += struct.pack("<IIIHH", 0x010001, len(preview), offset, 0, 0)
    path = tmp_path / "in.jpg"
    path.write_bytes(jpeg(picture, segment(0xE2, [index]), after=preview))
    assert upscale(path, tmp_path / "out.jpg")["left_out"] == []
    assert capsys.readouterr().err == ""


def test_apples_own_png_is_called_by_its_name(picture, tmp_path, capsys):
    whole = png(picture)
    path = tmp_path / "in" / "a.png"
    path.parent.mkdir()
    path.write_bytes(whole[:8] + png_chunks((b"CgBI", b"\x50\0\x20\2"))[8:] + whole[8:])
    assert main(["upscale", str(path), "-o", str(tmp_path / "out.png")]) == 2
    assert "a.png: is a PNG of Apple's own kind (CgBI)" in capsys.readouterr().err
    picture.save(tmp_path / "in" / "b.png")
    target = f"{tmp_path / 'out'}/"
    assert main(["upscale", str(path.parent), "-o", target, *map(str, COMMON)]) == 1
    assert "1 done, 0 skipped, 1 failed" in capsys.readouterr().out


# numbers that count pixels

LEFT, TOP, WIDTH, HEIGHT = 8, 4, 16, 12  # of the white part of a black picture
MIDDLE = LEFT + WIDTH // 2, TOP + HEIGHT // 2
SHARES = LEFT / SIZE[0], TOP / SIZE[1], WIDTH / SIZE[0], HEIGHT / SIZE[1]
AREA = f"{MIDDLE[0]} {MIDDLE[1]} {WIDTH} {HEIGHT}"


def around(x, y, width, height):
    return x - width / 2, y - height / 2, width, height


def numbers(value):
    return [float(number) for number in str(value).replace(",", " ").split()]


def scaled(shares, size):
    x, y, width, height = shares
    return x * size[0], y * size[1], width * size[0], height * size[1]


def mwg(tags, size):
    info = tags["XMP:RegionInfo"]
    applied, area = info["AppliedToDimensions"], info["RegionList"][0]["Area"]
    assert (applied["W"], applied["H"]) == size
    return scaled(around(*(area[name] for name in "XYWH")), size)


def crop(tags, size):
    sides = ("Left", "Top", "Right", "Bottom")
    left, top, right, bottom = (float(tags[f"XMP:Crop{side}"]) for side in sides)
    return scaled((left, top, right - left, bottom - top), size)


def microsoft(tags, size):
    region = tags["XMP:RegionInfoMP"]["Regions"][0]
    return scaled(numbers(region["Rectangle"]), size)


def panorama(tags, size):
    assert (tags["XMP:FullPanoWidthPixels"], tags["XMP:FullPanoHeightPixels"]) == size
    names = ("LeftPixels", "TopPixels", "ImageWidthPixels", "ImageHeightPixels")
    return [tags[f"XMP:CroppedArea{name}"] for name in names]


REGION = (
    "{{AppliedToDimensions={{W={0},H={1},Unit=pixel}},RegionList=[{{Name=Ann,Type=Face,"
    "Area={{X={2},Y={3},W={4},H={5},Unit=normalized}}}}]}}"
)
PLACES = {
    "EXIF SubjectArea": (
        [f"-EXIF:SubjectArea={AREA}"],
        lambda tags, size: around(*numbers(tags["EXIF:SubjectArea"])),
    ),
    "EXIF SubjectLocation": (
        [f"-EXIF:SubjectLocation={MIDDLE[0]} {MIDDLE[1]}"],
        lambda tags, size: around(*numbers(tags["EXIF:SubjectLocation"]), 4, 4),
    ),
    "XMP SubjectArea": (
        [f"-XMP-exif:SubjectArea={number}" for number in AREA.split()],
        lambda tags, size: around(*map(float, tags["XMP:SubjectArea"])),
    ),
    "XMP SubjectLocation": (
        [f"-XMP-exif:SubjectLocation={number}" for number in MIDDLE],
        lambda tags, size: around(*map(float, tags["XMP:SubjectLocation"]), 4, 4),
    ),
    "MWG regions": (
        [
            "-XMP-mwg-rs:RegionInfo="
            + REGION.format(*SIZE, MIDDLE[0] / SIZE[0], MIDDLE[1] / SIZE[1], *SHARES[2:])
        ],
        mwg,
    ),
    "Microsoft regions": (
        [
            "-XMP-MP:RegionInfoMP={Regions=[{PersonDisplayName=Ann,Rectangle="
            + "|, ".join(f"{share:.9g}" for share in SHARES)
            + "}]}"
        ],
        microsoft,
    ),
    "Lightroom's crop": (
        [
            f"-XMP-crs:CropLeft={SHARES[0]}",
            f"-XMP-crs:CropTop={SHARES[1]}",
            f"-XMP-crs:CropRight={SHARES[0] + SHARES[2]}",
            f"-XMP-crs:CropBottom={SHARES[1] + SHARES[3]}",
        ],
        crop,
    ),
    "panorama": (
        [
            f"-XMP-GPano:FullPanoWidthPixels={SIZE[0]}",
            f"-XMP-GPano:FullPanoHeightPixels={SIZE[1]}",
            f"-XMP-GPano:CroppedAreaLeftPixels={LEFT}",
            f"-XMP-GPano:CroppedAreaTopPixels={TOP}",
            f"-XMP-GPano:CroppedAreaImageWidthPixels={WIDTH}",
            f"-XMP-GPano:CroppedAreaImageHeightPixels={HEIGHT}",
        ],
        panorama,
    ),
}
"""By kind: how exiftool writes where the white part is, and what it then reads."""


@pytest.mark.parametrize("orientation", range(1, 9))
def test_places_in_the_picture_stay_where_they_are(exiftool, tmp_path, capsys, orientation):
    """What each tag names is the white part, in the result as in the file."""
    pixels = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    pixels[TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH] = 255
    Image.fromarray(pixels).save(tmp_path / "in.jpg", quality=95)
    written = [argument for arguments, _ in PLACES.values() for argument in arguments]
    turned = f"-EXIF:Orientation={orientation}"
    exiftool("-n", "-overwrite_original", *written, turned, tmp_path / "in.jpg")
    assert upscale(tmp_path / "in.jpg", tmp_path / "out.png")["left_out"] == []
    result = np.asarray(opened(tmp_path / "out.png").convert("L"))
    size = result.shape[1], result.shape[0]
    assert sorted(size) == sorted(2 * side for side in SIZE)
    tags = tags_of(exiftool, tmp_path / "out.png")
    for name, (_, read) in PLACES.items():
        left, top, width, height = (round(number) for number in read(tags, size))
        assert result[top : top + height, left : left + width].mean() > 240, name
        if width > 4:
            assert sorted((width, height)) == sorted((2 * WIDTH, 2 * HEIGHT)), name


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("group", ["EXIF", "XMP-exif"])
def test_what_exiftool_computes_of_the_sensor_is_the_same(
    picture, exiftool, tmp_path, group, orientation
):
    picture.save(tmp_path / "in.jpg")
    tags = {
        "FocalPlaneXResolution": SIZE[0] / 23.5,
        "FocalPlaneYResolution": SIZE[1] / 15.6,
        "FocalPlaneResolutionUnit": 4,  # millimetres
        "FocalLength": 35,
        "ExifImageWidth": SIZE[0],
        "ExifImageHeight": SIZE[1],
    }
    written = [f"-{group}:{name}={value}" for name, value in tags.items()]
    turned = f"-EXIF:Orientation={orientation}"
    exiftool("-n", "-overwrite_original", *written, turned, tmp_path / "in.jpg")
    upscale(tmp_path / "in.jpg", tmp_path / "out.jpg")
    before, after = (tags_of(exiftool, tmp_path / f"{name}.jpg") for name in ("in", "out"))
    known = [name for name in before if name.startswith("Composite:") and name in after]
    found = [n for n in known if n.split(":")[1] in ("ScaleFactor35efl", "CircleOfConfusion")]
    assert len(found) == 2
    for name in found:
        assert after[name] == pytest.approx(before[name], rel=1e-3)
    prefix = group.partition("-")[0]
    for axis in "XY":
        assert (
            after[f"{prefix}:FocalPlane{axis}Resolution"]
            > 1.3 * (before[f"{prefix}:FocalPlane{axis}Resolution"])
        )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_change_moves_points_as_pixels_are_turned(orientation):
    from sr_arn.pictures.picture import Picture

    pixels = np.zeros((5, 7), np.uint8)
    pixels[1, 4] = 255
    upright = Picture(pixels).upright(orientation).pixels
    change = Change((7, 5), (upright.shape[1], upright.shape[0]), orientation)
    x, y = change.point(4.5, 1.5)
    assert upright[int(y), int(x)] == 255
