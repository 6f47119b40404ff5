"""XMP packets: hostile ones are refused, the others keep their bytes but for what changes."""

import re
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_arn.pictures import xmp, xmp_packet
from sr_arn.pictures.change import Change

SAME = Change((40, 30), (40, 30))
TWICE = Change((40, 30), (80, 60))
TURNED = Change((40, 30), (30, 40), 6)
SPACES = {prefix: space for space, prefix in xmp.USUAL.items()}
RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'


def packet(attributes="", content=""):
    used = sorted(set(re.findall(r"([\w-]+):\w", attributes + content)) & SPACES.keys())
    declared = " ".join(f'xmlns:{prefix}="{SPACES[prefix]}"' for prefix in used)
    return f"<rdf:RDF {RDF} {declared}><a {attributes}>{content}</a></rdf:RDF>".encode()


def changed(packet, change=TWICE):
    return xmp.changed(packet, change)[0].decode()


BOMB = '<!DOCTYPE a [<!ENTITY b "{}"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>'.format("x" * 99)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no element found"),
        (b"no packet", "syntax error"),
        (b"<a>", "no element found"),
        (BOMB.encode(), "has a document type"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "has a document type"),
        ('<a x="é"/>'.encode("utf-16-le"), "unclosed token"),
        ('\ufeff<a x="é"/> '.encode("utf-16-be"), "not in UTF-8"),
        (b'<a x="\xe9"/>', "not well-formed"),
        (b"<a>" * 1000 + b"</a>" * 1000, "too deep"),
        (b"<a>" + b"<b/>" * (1 << 17) + b"</a>", "over 131,072 elements"),
        (b"<a>" + bytes(1 << 24) + b"</a>", "over 16,777,216 bytes"),
    ],
    ids=range(11),
)
def test_what_is_no_packet_is_a_value_error(data, message):
    start = time.process_time()
    with pytest.raises(ValueError, match=message):
        xmp.changed(data, SAME)
    assert time.process_time() - start < 5


def test_numbers_stand_in_attributes_or_elements_and_keep_their_kind():
    size = "GPano:FullPanoWidthPixels"
    assert f'{size}="80"' in changed(packet(f'{size}="40"'))
    assert f"{size}='80.5'" in changed(packet(f"{size}='40.25'"))
    assert f"<{size}>80</{size}>" in changed(packet("", f"<{size}>40</{size}>"))
    ratio = "exif:FocalPlaneXResolution"
    assert f'{ratio}="2000/3"' in changed(packet(f'{ratio}="1000/3"'))


@pytest.mark.parametrize("text", ["", "x", "1e999", "9" * 5000, "1/0", "-", "nan", "1e308 1e308"])
def test_what_is_no_number_stays(text):
    for rule in xmp.RULES:
        attributes = " ".join(f'{name}="{text}"' for name in rule.names if "[" not in name)
        before = packet(attributes)
        assert xmp.changed(before, SAME)[1] == ()
        changed(before)


@pytest.mark.parametrize("name", ["hdrgm:Version", "GCamera:MotionPhotoVersion", "GDepth:Near"])
def test_claims_go_from_attributes_and_elements(name):
    what = {"hdrgm": "gain map", "GCamera": "motion video", "GDepth": "depth map"}
    for before in (packet(f'{name}="1" x="2"', "text"), packet('x="2"', f"text<{name}>1</{name}>")):
        after, claimed = xmp.changed(before, SAME)
        assert claimed == (what[name.partition(":")[0]],)
        assert name.encode() not in after
        assert b'x="2">text</a>' in after
        assert xmp.changed(after, SAME) == (after, ())


def test_name_spaces_count_not_prefixes():
    space = "http://ns.google.com/photos/1.0/panorama/"
    before = f'<a xmlns:p="{space}" xmlns:GPano="other" p:FullPanoWidthPixels="4" GPano:W="4"/>'
    assert changed(before.encode()).endswith('p:FullPanoWidthPixels="8" GPano:W="4"/>')


def test_a_crop_that_is_applied_already_is_of_the_raw_picture():
    crop = 'crs:CropLeft="0.1" crs:CropTop="0" crs:CropRight="0.5" crs:CropBottom="0.25"'
    assert changed(packet(crop), TURNED).count('"0.75"') == 1
    applied = packet(crop + ' crs:AlreadyApplied="True"')
    assert changed(applied, TURNED) == applied.decode()


def test_sizes_in_other_units_stay():
    for unit, width in (("pixel", 80), ("mm", 40)):
        attributes = f'stDim:w="40" stDim:h="30" stDim:unit="{unit}"'
        assert f'stDim:w="{width}"' in changed(packet(attributes))


def test_the_roll_of_a_face_turns_with_the_picture():
    assert 'AngleInfoRoll="0"' in changed(packet('apple-fi:AngleInfoRoll="270"'), TURNED)


def test_numbers_of_drones():
    before = packet(
        'drone-dji:CalibratedFocalLength="3666.5" drone-dji:CalibratedOpticalCenterX="20.0" '
        'drone-dji:CalibratedOpticalCenterY="15.0"'
    )
    after = changed(before)
    for number in ("7333", "40", "30"):
        assert f'="{number}"' in after


@given(st.text("ab &lt;\"'<>/=:x\n", max_size=60))
def test_any_text_is_a_packet_or_a_value_error(text):
    with suppress(ValueError):
        assert xmp.changed(text.encode(), SAME) == (text.encode(), ())


def test_splicing():
    assert xmp_packet.spliced(b"abcdef", {(4, 5): b"", (1, 3): b"XYZ"}) == b"aXYZdf"
