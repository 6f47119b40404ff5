"""Which quality a JPEG file has, and one whose pixels alone are left."""

import io

import numpy as np
import pytest
from conftest import SHIPPED, opened
from PIL import Image

from sr_arn.pictures.formats.pillow import from_pil
from sr_arn.pictures.io import read_image
from sr_arn.pictures.jpeg import quality_of_table
from sr_arn.upscaling.detection import found_in


def as_jpeg(pixels, quality, **options):
    whole = io.BytesIO()
    Image.fromarray(pixels).save(whole, "JPEG", quality=quality, **options)
    return whole.getvalue()


def decoded(pixels, quality, **options):
    return np.array(opened(io.BytesIO(as_jpeg(pixels, quality, **options))))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_file_tells_the_quality_that_pillow_was_asked_for(coffee, mode):
    pixels = np.array(Image.fromarray(coffee[:16, :16]).convert(mode))
    for quality in range(20, 99):
        whole = io.BytesIO()
        Image.fromarray(pixels, mode if mode == "CMYK" else None).save(
            whole, "JPEG", quality=quality
        )
        assert read_image(whole.getvalue()).jpeg == quality


def test_tables_that_are_not_libjpegs():
    flat = quality_of_table([20] * 64)  # as strong as 50 to 60 at low frequencies
    assert 40 < flat < 70
    qualities = [quality_of_table([step] * 64) for step in (1, 2, 5, 10, 50, 255)]
    assert qualities == sorted(qualities, reverse=True)
    assert qualities[0] >= 98
    assert qualities[-1] <= 10


def test_the_quality_goes_where_the_pixels_go_as_they_are(coffee):
    picture = read_image(as_jpeg(coffee[:32, :48], 60, exif=Image.Exif()))
    assert picture.jpeg == 60
    assert picture.upright(6).jpeg == 60
    assert picture.without_alpha().jpeg == 60
    assert picture.with_pixels(picture.pixels[::2, ::2]).jpeg is None


def test_a_pillow_image_tells_it_as_long_as_it_is_not_loaded(coffee):
    data = as_jpeg(coffee[:64, :64], 60)
    with Image.open(io.BytesIO(data)) as image:
        assert from_pil(image).jpeg == 60
    with Image.open(io.BytesIO(data)) as image:
        image.thumbnail((30, 30))  # in place: nobody knows what the pixels are
        assert from_pil(image).jpeg is None
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (32, 32))
        assert from_pil(image).jpeg is None
    assert from_pil(Image.fromarray(coffee)).jpeg is None


@pytest.mark.parametrize("quality", [20, 40, 60, 75, 85, 92])
@pytest.mark.parametrize("name", ["coffee", "camera"])
def test_pixels_of_a_decoded_jpeg_tell_its_quality(quality, name):
    pixels = np.array(opened(SHIPPED / f"{name}.png"))
    found = found_in(decoded(pixels, quality)).jpeg
    assert abs(found - quality) <= 1
    cut = decoded(pixels, quality)[5:, 3:]  # the blocks begin elsewhere
    assert abs(found_in(cut).jpeg - quality) <= 1
    assert abs(found_in(decoded(pixels, quality).astype(np.uint16) * 257).jpeg - quality) <= 1


def test_what_is_resized_since_is_not_certain(coffee):
    smaller = Image.fromarray(decoded(coffee, 60)).resize((410, 290), Image.Resampling.LANCZOS)
    assert found_in(np.array(smaller)).jpeg is None


def test_no_quality_is_found_in_pictures_without_blocks(coffee):
    flat = np.full((64, 64, 3), 200, np.uint8)
    steps = np.kron(np.arange(64, dtype=np.uint8).reshape(8, 8) * 4, np.ones((8, 8), np.uint8))
    noise = np.random.default_rng(0).integers(0, 256, (200, 200), np.uint8)
    for pixels in (coffee, flat, steps, noise, coffee[:20, :20]):
        assert found_in(pixels).jpeg is None
