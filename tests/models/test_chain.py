"""One model after another is one model: without seams, restored once, of any factor up to 16."""

import numpy as np
import pytest

from sr_arn import InputError, load_model
from sr_arn.models.chain import Chain
from sr_arn.models.files import find_model
from sr_arn.models.restoration import Strengths
from sr_arn.upscaling.file_upscaler import FileUpscaler
from sr_arn.upscaling.loading import passes
from sr_arn.upscaling.schedule import Schedule
from sr_arn.upscaling.sizes import Size

X6 = "conv-arn-x3-tiny+conv-arn-x2-tiny"
CHAINS = (X6, "conv-arn-x2-tiny+aplus-x3", "aplus-x3+conv-arn-x2-tiny")


@pytest.fixture(scope="module", params=CHAINS)
def chain(request):
    return load_model(request.param)


def test_two_models_in_a_row_give_the_same(chain, planes):
    lr = planes[0][:50, :61]
    first, second = (load_model(name) for name in chain.name.split("+"))
    middle = np.clip(first.upscale_luminance(lr), 0, 1)
    result = chain.upscale_luminance(lr)
    assert result.shape == (300, 366)
    edge = chain.model.reach * chain.scale  # beyond the border the first one's result is not there
    inner = slice(edge, -edge), slice(edge, -edge)
    np.testing.assert_array_equal(result[inner], second.upscale_luminance(middle)[inner])
    np.testing.assert_allclose(result, second.upscale_luminance(middle), atol=0.05)
    paper = np.clip(first.upscale_luminance(lr, "paper"), 0, 1)
    expected = second.upscale_luminance(paper, "paper")
    np.testing.assert_array_equal(chain.upscale_luminance(lr, "paper"), expected)


@pytest.mark.parametrize(("ensemble", "channels"), [(False, ()), (False, (4,)), (True, ())])
def test_no_seams(chain, coffee, ensemble, channels):
    pixels = np.resize(coffee[70:], (45, 53, *channels)).astype(np.float32) / 255
    upscaler = chain.refined(ensemble)
    one, *others = (
        upscaler.scheduled(Schedule(threads=threads, tile=tile)).upscale(pixels, restore="off")
        for threads, tile in ((1, 100), (2, 16), (3, 21))
    )
    for other in others:
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (2, 3), (5, 2)])
def test_the_smallest_pictures(height, width):
    result = load_model(X6).upscale(np.full((height, width, 3), 77, np.uint8))
    np.testing.assert_array_equal(result, np.full((6 * height, 6 * width, 3), 77))


def test_only_the_first_restores(coffee):
    strengths = Strengths(jpeg=50)
    first, second = (load_model(name) for name in X6.split("+"))
    restored = load_model(X6).restored(strengths)
    assert isinstance(restored.model, Chain)
    pixels = coffee[50:90, 50:91, 0].astype(np.float32) / 255
    middle = first.restored(strengths).upscale(pixels, restore="off")
    expected = second.upscale(middle, restore="off")
    edge = restored.model.reach * 6
    inner = slice(edge, -edge), slice(edge, -edge)
    result = restored.upscale(pixels, restore="off")
    np.testing.assert_array_equal(result[inner], expected[inner])
    assert not load_model("aplus-x2+conv-arn-x2").restores


def test_the_larger_scale_comes_first():
    assert passes()[3] == (3,)
    assert passes()[8] == (4, 2)
    assert list(passes()) == [2, 3, 4, 6, 8, 9, 12, 16]
    assert load_model(scale=8).name == "conv-arn-x4+conv-arn-x2"
    assert load_model("conv-arn-x2+conv-arn-x2+aplus-x2", scale=8).scale == 8


@pytest.mark.parametrize(
    ("size", "name"),
    [
        (Size(scale=5), "conv-arn-x3+conv-arn-x2"),
        (Size(scale=4.01), "conv-arn-x3+conv-arn-x2"),
        (Size(scale=16), "conv-arn-x4+conv-arn-x4"),
        (Size(width=660), "conv-arn-x4+conv-arn-x3"),
        (Size(height=350), "conv-arn-x4+conv-arn-x2"),
        (Size(megapixels=0.1), "conv-arn-x3+conv-arn-x2"),
        (Size(scale=4), "conv-arn-x4"),
    ],
)
def test_any_size_up_to_16_times(size, name):
    assert FileUpscaler(size=size).upscaler_for(50, 60).name == name


def test_a_file_of_ones_own_follows_itself_where_it_is_named_twice(tmp_path):
    path, other = tmp_path / "own.safetensors", tmp_path / "a+b.safetensors"
    for copy in (path, other):
        copy.write_bytes(find_model("conv-arn-x2-tiny").read_bytes())
    assert load_model(other).scale == 2  # a name, not two
    assert load_model(f"{path}+{path}").scale == 4
    with pytest.raises(InputError, match=r"more than 2 times .* name several models"):
        FileUpscaler(str(path), size=Size(scale=3)).upscaler_for(9, 9)
    assert FileUpscaler(f"{path}+{path}", size=Size(scale=3)).upscaler_for(9, 9).scale == 4


def test_chains_that_are_refused():
    with pytest.raises(InputError, match="scale: expected up to 16, received 32 by "):
        load_model("aplus-x4+aplus-x4+aplus-x2")
    with pytest.raises(InputError, match="model: nonsense is neither a file nor bundled"):
        load_model("aplus-x4+nonsense")
    with pytest.raises(InputError, match="model: nearest takes any scale by itself; leave"):
        load_model("aplus-x4+nearest")
    for text in ("aplus-x4+", "+"):
        with pytest.raises(InputError, match="is neither a file nor bundled"):
            load_model(text)
    with pytest.raises(InputError, match=r"scale: the model .* is for 16, received 8"):
        load_model("aplus-x4+aplus-x4", scale=8)
    with pytest.raises(InputError, match=r"scale: expected one of 2, 3, 4, 6, .*, received 5"):
        load_model(scale=5)


def test_it_travels_to_workers(coffee):
    cloudpickle = pytest.importorskip("cloudpickle", reason='needs the extra "distributed"')
    upscaler = load_model(X6)
    again = cloudpickle.loads(cloudpickle.dumps(upscaler.model))
    plane = coffee[:20, :20, 0].astype(np.float32) / 255
    np.testing.assert_array_equal(again(plane), upscaler.model(plane))


def test_torch_runs_both(coffee):
    pytest.importorskip("torch")
    upscaler = load_model(X6)
    pixels = coffee[50:90, 50:90].astype(np.float32) / 255
    result = upscaler.to("cpu").upscale(pixels, restore="off")
    np.testing.assert_allclose(result, upscaler.upscale(pixels, restore="off"), atol=1e-3)
    with pytest.raises(InputError, match="runs on the CPU only"):
        load_model("bicubic").to("cpu")
