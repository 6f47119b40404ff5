import io
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from sr_arn import InputError, imresize, load_model, psnr_y
from sr_arn.models.base import BicubicModel
from sr_arn.pictures.picture import Picture
from sr_arn.pictures.resize import crop_to_multiple
from sr_arn.planes import WHITE, Rim
from sr_arn.upscaling.schedule import Schedule
from sr_arn.upscaling.tiles import Grid
from sr_arn.upscaling.upscaler import Upscaler

MODELS = [
    "bicubic",
    "aplus-x2",
    "aplus-x3",
    "aplus-x4",
    "arn-x3",
    "deep-arn-x3",
    "conv-arn-x2",
    "conv-arn-x3",
    "conv-arn-x4",
    "conv-arn-x3-tiny",
    "conv-arn-x3-91",
]


BICUBIC = {"psnr": 30.39, "ssim": 0.8682}  # at scale 3 on Set5, as the publications have it


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    return load_model(request.param)


@pytest.fixture(scope="module")
def lr(planes):
    return imresize(planes[1][:300, :450], 1 / 3)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", ["aplus-x{}", "deep-arn-x{}", "conv-arn-x{}-tiny", "conv-arn-x{}"])
def test_is_sharper_than_bicubic_on_every_shipped_picture(planes, scale, name):
    for plane in planes:
        hr = crop_to_multiple(plane, scale)
        small = imresize(hr, 1 / scale)
        ours, bicubic = (
            psnr_y(hr, load_model(model, scale=scale).upscale_luminance(small, "paper"), scale)
            for model in (name.format(scale), "bicubic")
        )
        assert ours > bicubic + 0.5


def test_a_model_scores_what_its_header_or_the_published_table_says(data, model):
    from sr_arn.datasets.folders import find_set
    from sr_arn.evaluation.evaluate import evaluate

    (score,) = evaluate({"m": model}, {"Set5": find_set(data, "Set5")})
    expected, error = (model.header["scores"]["Set5"], 0.002) if model.header else (BICUBIC, 0.005)
    assert score.psnr == pytest.approx(expected["psnr"], abs=error)
    assert score.ssim == pytest.approx(expected["ssim"], abs=0.0001)


def test_bicubic_with_papers_border_is_imresize(lr):
    up = load_model("bicubic", scale=3).upscale_luminance(lr, "paper")
    np.testing.assert_allclose(up, imresize(lr, 3), atol=1e-6)


def test_papers_border_leaves_the_outermost_lr_pixel(lr):
    result = load_model("aplus-x3").upscale_luminance(lr, "paper")
    changed = np.abs(result - imresize(lr, 3)) > 1e-6
    assert changed[3:-3, 3:-3].mean() > 0.9
    changed[3:-3, 3:-3] = False
    assert not changed.any()


def test_full_border_has_the_quality_of_the_middle(planes):
    # The same pixels once at the border of a crop, once in the middle of the picture.
    hr = crop_to_multiple(planes[2], 3)
    whole = imresize(hr, 1 / 3)
    model = load_model("aplus-x3")
    middle = model.upscale_luminance(whole)[60:120, 60:120]
    crop = whole[20:40, 20:40]
    full, paper = (model.upscale_luminance(crop, border) for border in ("full", "paper"))
    truth = hr[60:120, 60:120]
    rim = np.ones_like(truth, bool)
    rim[3:-3, 3:-3] = False
    errors = [np.mean((x - truth)[rim] ** 2) for x in (middle, full, paper)]
    assert errors[0] <= errors[1] < errors[2]
    np.testing.assert_array_equal(full[15:-15, 15:-15], middle[15:-15, 15:-15])


@pytest.mark.parametrize("channels", [(), (2,), (3,), (4,)])
def test_a_tile_takes_no_more_memory_than_is_said(model, coffee, channels):
    image = np.resize(coffee[100:], (128, 128, *channels))
    one = Upscaler(model.model, schedule=Schedule(threads=1))
    one.upscale(image[:20, :20])  # compiles
    tracemalloc.start()
    try:
        result = one.upscale(image, restore="off")  # beside the model, of which there would be two
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    reach = 2 * model.model.reach + 2 if channels in ((2,), (4,)) else model.model.reach
    assert peak - result.nbytes <= Grid(image.shape, model.scale, reach).bytes_of(128)


@pytest.mark.parametrize("size", [None, (150, 201)])
def test_the_share_that_is_done_grows_to_one(coffee, size):
    upscaler, shares = Upscaler(BicubicModel(2), schedule=Schedule(tile=16, threads=2)), []
    picture = Picture(coffee[:70, :90])
    for _ in upscaler.upscale_strips(picture, size, shares.append):
        pass
    assert len(shares) >= 20
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.1
    assert shares[-1] == 1

    def stop(share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        next(upscaler.upscale_strips(picture, size, stop))


def test_a_pixel_beyond_reach_does_not_matter(model, lr):
    reach, (row, column) = model.model.reach, (30, 40)
    changed = lr.copy()
    changed[row, column] += 0.2
    difference = np.abs(model.upscale_luminance(lr) - model.upscale_luminance(changed))
    near_rows, near_columns = (
        slice((centre - reach) * model.scale, (centre + reach + 1) * model.scale)
        for centre in (row, column)
    )
    assert difference[near_rows, near_columns].max() > 0.1
    difference[near_rows, near_columns] = 0
    assert difference.max() == 0


@pytest.mark.parametrize(
    ("rim", "rows", "columns"),
    [(Rim(5, 6, 5, 7), 5, 6), (Rim(0, 5, 4, 0), 2, 1), (Rim(1, 2, 3, 1), 0, 0)],
)
def test_windows_that_cover_only_the_rim_are_left_out(lr, rim, rows, columns, monkeypatch):
    model, counts = load_model("aplus-x3").model, []
    whole = model(lr)
    predict = model.regressor.predict
    monkeypatch.setattr(model.regressor, "predict", lambda x: counts.append(len(x)) or predict(x))
    np.testing.assert_array_equal(model(lr, rim), rim.cut(whole, 3))
    assert counts == [(len(lr) - 4 - rows) * (lr.shape[1] - 4 - columns)]


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 400), (3, 1), (6, 6)])
@pytest.mark.parametrize("border", ["full", "paper"])
def test_tiny_pictures(model, shape, border):
    plane = np.random.default_rng(0).uniform(0.2, 0.8, shape)
    out = model.upscale_luminance(plane, border)
    assert out.shape == tuple(n * model.scale for n in shape)
    assert np.isfinite(out).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("colour", [(), (200, 30, 90)])
def test_flat_areas_keep_their_exact_colour(model, dtype, colour):
    peak = WHITE[np.dtype(dtype).name]
    flat = np.empty((9, 11, *([3] if colour else [])), dtype)
    flat[...] = np.array(colour or 77) * peak / 255
    out = model.upscale(flat)
    assert out.dtype == dtype
    np.testing.assert_allclose(out, np.broadcast_to(flat[0, 0], out.shape), atol=1e-6)


def test_grey_as_rgb_is_grey(model, lr):
    # Grey RGB has luminance in studio range: the same detail, scaled by 219 / 255.
    levels = (lr * 255).round().astype(np.uint8)
    rgb = model.upscale(np.repeat(levels[..., None], 3, axis=2)).astype(int)
    assert np.abs(rgb - rgb[..., :1]).max() <= 1
    assert np.abs(rgb[..., 0] - model.upscale(levels)).mean() < 0.1


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
@pytest.mark.parametrize("shape", [(9, 11), (1, 9, 11), (2, 9, 11), (3, 9, 11), (4, 9, 11)])
def test_tensors_come_back_as_tensors(dtype, shape):
    torch = pytest.importorskip("torch", reason='needs the extra "torch"')
    numbers = np.random.default_rng(0).random(shape) * (255 if dtype == "uint8" else 1)
    tensor = torch.from_numpy(numbers.astype(dtype)).requires_grad_(dtype != "uint8")
    upscaler = load_model("aplus-x2")
    result = upscaler.upscale(tensor)
    assert result.shape == (*shape[:-2], 18, 22)
    assert result.dtype == tensor.dtype
    array = tensor.detach().numpy()
    last = array if len(shape) == 2 else array[0] if shape[0] == 1 else np.moveaxis(array, 0, -1)
    expected = upscaler.upscale(np.ascontiguousarray(last))
    given = result.numpy() if len(shape) == 2 else np.moveaxis(result.numpy(), 0, -1)
    np.testing.assert_array_equal(given.reshape(expected.shape), expected)
    for other in (tensor[..., 0] if len(shape) == 2 else tensor[None], torch.zeros(5, 4, 4)):
        with pytest.raises(InputError, match=r"expected a tensor \[h, w\] or \[1 to 4, h, w\]"):
            upscaler.upscale(other)


@pytest.mark.parametrize("kind", ["array", "alpha", "tensor", "pil"])
def test_any_size_from_python(coffee, kind):
    upscaler, small = load_model("aplus-x2"), coffee[:20, :30]
    if kind == "alpha":
        small = np.dstack([small, np.full_like(small[..., 0], 255)])
    expected = upscaler.upscale_picture(Picture(small), (25, 50)).pixels
    assert expected.shape[:2] == (25, 50)
    if kind == "tensor":
        torch = pytest.importorskip("torch")
        given = torch.from_numpy(np.ascontiguousarray(np.moveaxis(small, -1, 0)))
        result = np.moveaxis(upscaler.upscale(given, size=(25, 50)).numpy(), 0, -1)
    else:
        given = Image.fromarray(small) if kind == "pil" else small
        result = upscaler.upscale(given, size=(25, 50))
    np.testing.assert_array_equal(np.asarray(result), expected)
    with pytest.raises(InputError, match="rows: expected an integer of at least 1"):
        upscaler.upscale(small, size=(0, 50))


def test_kinds_come_back_as_they_went_in(tmp_path, coffee):
    model = load_model("aplus-x2")
    small = coffee[:20, :30]
    expected = model.upscale(small)
    Image.fromarray(small).save(tmp_path / "in.png")
    data = (tmp_path / "in.png").read_bytes()
    for source in (Image.fromarray(small), tmp_path / "in.png", data, io.BytesIO(data)):
        result = model.upscale(source)
        assert isinstance(result, Image.Image)
        np.testing.assert_array_equal(np.asarray(result), expected)


@pytest.mark.parametrize(
    "array",
    [np.zeros((4, 4, 5), np.uint8), np.zeros((4, 4), np.int32), np.zeros((0, 4), np.uint8)],
)
def test_refuses_other_arrays(model, array):
    with pytest.raises(InputError, match=r"image: expected \[h, w\]"):
        model.upscale(array)


@pytest.mark.parametrize("values", [[0.0, 255.0], [0.5, np.nan], [np.inf, 0]])
def test_refuses_floats_that_are_no_pictures(model, values):
    with pytest.raises(InputError, match=r"expected floats in \[0, 1\], received"):
        model.upscale(np.tile(values, (4, 2)))
    with pytest.raises(InputError, match=r"expected floats in \[0, 1\], received"):
        model.upscale_luminance(np.tile(values, (4, 2)))


def test_any_function_with_scale_and_reach_is_a_luminance_model():
    class Nearest(BicubicModel):
        def __call__(self, lr, rim):
            return np.kron(rim.cut(lr), np.ones((self.scale, self.scale), np.float32))

    image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.testing.assert_array_equal(
        Upscaler(Nearest(2)).upscale(image), np.kron(image, np.ones((2, 2), np.uint8))
    )
